{#
    Rows whose `columns` are those of no row of `to`, or of none for which `only` holds; NULL in one of them refers to
    nothing. dbt's own test `relationships` knows keys of one column, and all of ours begin with the client. By an
    anti-join: `not in` over a table that does not fit into the memory of a query is compared row by row.
#}
{% test refers_to(model, columns, to, only='true') %}
{%- set same = [] %}
{%- for column in columns %}
    {%- do same.append('referred.' ~ column ~ ' = referring.' ~ column) %}
{%- endfor %}
with referring as (select {{ columns | join(', ') }} from {{ model }})

select {{ columns | join(', ') }}
from referring
where
    (row({{ columns | join(', ') }}) is not null)
    and not exists (select from {{ to }} as referred where ({{ only }}) and {{ same | join(' and ') }})
{% endtest %}
