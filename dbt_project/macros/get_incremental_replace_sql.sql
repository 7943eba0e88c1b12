{#
    The incremental strategy `replace`: bring a table to what its model says, writing only rows that differ.

    A model without a scope says all of the table. With `meta={'scope': 'int_leads__changed'}` it says all rows of the
    keys in that model (columns `scope_key`, by default client and lead_id) and nothing of others, so what a cycle costs
    goes with what changed. Rows of the scope that the model no longer has are deleted. Nothing is swapped: views on the
    table stay, and readers see the old rows until the new ones are committed.
#}
{% macro get_incremental_replace_sql(arg_dict) %}
{%- set target, source = arg_dict['target_relation'], arg_dict['temp_relation'] %}
{%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | list %}
{%- set meta = model['config'].get('meta', {}) %}
{%- set same_key %}
    {%- for column in arg_dict['unique_key'] %}
    {{- ' and ' if not loop.first }}
    {{- 'old.' ~ column }} {{ 'is not distinct from' if column in meta.get('nullable', []) else '=' }} {{ 'new.' ~ column }}
    {%- endfor %}
{%- endset %}
analyze {{ source }};
delete from {{ target }} as old
where
    {%- if meta.get('scope') %}
    exists (
        select from {{ ref(meta['scope']) }} as scope
        where
            {%- for column in meta.get('scope_key', ['client', 'lead_id']) %}
            {{ 'and ' if not loop.first }}scope.{{ column }} = old.{{ column }}
            {%- endfor %}
    )
    and
    {%- endif %}
    not exists (
        select from {{ source }} as new
        where
            {{ same_key }}
            and ({% for column in columns %}old.{{ column }}{{ ', ' if not loop.last }}{% endfor %})
            is not distinct from ({% for column in columns %}new.{{ column }}{{ ', ' if not loop.last }}{% endfor %})
    );
insert into {{ target }} ({{ columns | join(', ') }})
select {{ columns | join(', ') }}
from {{ source }} as new
where not exists (select from {{ target }} as old where {{ same_key }})
{% endmacro %}
