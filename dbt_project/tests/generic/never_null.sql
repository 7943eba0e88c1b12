{# Rows with NULL in any of `columns`. One statement for a model, where dbt's not_null reads it for each column anew. #}
{% test never_null(model, columns) %}
select {{ columns | join(', ') }}
from {{ model }}
where not (row({{ columns | join(', ') }}) is not null)
{% endtest %}
