{#
    dbt's own incremental materialization asks the database some ten things around what it writes, and each costs more
    time than most of our models do in a cycle. A table that exists has this project's present shape, because after any
    change of the project everything is built with --full-refresh (pipelines/warehouse.py), by dbt's own. So in between
    the model, its strategy and its hooks are all that is run; the columns are those described (a test sees to it that
    all are).
#}
{% materialization incremental, adapter='postgres' %}
    {%- set existing = load_cached_relation(this) %}
    {%- if existing is none or not existing.is_table or should_full_refresh() %}
        {{- return(dbt.materialization_incremental_default()) }}
    {%- endif %}
    {%- set target = this.incorporate(type='table') %}
    {%- set source = make_temp_relation(target) %}
    {%- set columns = [] %}
    {%- for name in model['columns'] %}
        {%- do columns.append(api.Column(name, 'described')) %}
    {%- endfor %}
    {%- set write = adapter.get_incremental_strategy_macro(context, config.require('incremental_strategy')) %}
    {{- run_hooks(pre_hooks, inside_transaction=False) }}
    {{- run_hooks(pre_hooks, inside_transaction=True) }}
    {%- call statement('main') %}
        create temporary table {{ source }} on commit drop as (
            {{ sql }}
        );  {#- on a line of its own: the model may end with a comment #}
        {{ write({
            'target_relation': target,
            'temp_relation': source,
            'unique_key': config.get('unique_key'),
            'dest_columns': columns,
        }) }}
    {%- endcall %}
    {{- run_hooks(post_hooks, inside_transaction=True) }}
    {%- do adapter.commit() %}
    {{- run_hooks(post_hooks, inside_transaction=False) }}
    {{- return({'relations': [target]}) }}
{% endmaterialization %}
