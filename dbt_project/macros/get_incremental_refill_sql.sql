{#
    The incremental strategy `refill`: the table holds what its model says, and nothing of before. For the small tables
    that tell a build what to do; emptied, not deleted from, so that its size tells the planner how little there is.
#}
{% macro get_incremental_refill_sql(arg_dict) %}
{%- set columns = arg_dict['dest_columns'] | map(attribute='quoted') | join(', ') %}
truncate {{ arg_dict['target_relation'] }};
insert into {{ arg_dict['target_relation'] }} ({{ columns }})
select {{ columns }} from {{ arg_dict['temp_relation'] }}
{% endmacro %}
