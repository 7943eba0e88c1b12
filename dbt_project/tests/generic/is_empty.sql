{# Every row: for what should not be there at all. #}
{% test is_empty(model) %}
select * from {{ model }}
{% endtest %}
