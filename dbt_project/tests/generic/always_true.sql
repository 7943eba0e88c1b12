{# Rows for which `expression` is false; unknown passes, as in a check constraint. #}
{% test always_true(model, expression) %}
select *
from {{ model }} as tested
where not ({{ expression }})
{% endtest %}
