{#
    Rows whose `columns` are those of no row of `to`, or of none for which `only` holds; NULL in one of them refers to
    nothing. dbt's own test `relationships` knows keys of one column, and all of ours begin with the client.
#}
{% test refers_to(model, columns, to, only='true') %}
select {{ columns | join(', ') }}
from {{ model }}
where
    (row({{ columns | join(', ') }}) is not null)
    and ({{ columns | join(', ') }}) not in (
        select {{ columns | join(', ') }}
        from {{ to }}
        where {{ only }}
    )
{% endtest %}
