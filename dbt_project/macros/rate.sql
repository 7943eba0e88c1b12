{# A fraction; NULL where there is nothing to divide by. #}
{% macro rate(part, whole) %}({{ part }})::double precision / nullif({{ whole }}, 0){% endmacro %}
