{#
    Statistics for raw tables of which much has changed since they were last counted. Autovacuum would come within a
    minute; a build that starts before, as the first one does, takes 100,000 leads for one and joins them by nested
    loops (more than ten minutes where a few seconds do). Costs nothing where little has changed.
#}
{% macro analyze_raw_tables() %}
do $$
declare
    stale regclass;
begin
    for stale in
        select relid from pg_stat_user_tables
        where schemaname = 'raw' and n_mod_since_analyze > 500 + n_live_tup / 10
    loop
        execute format('analyze %s', stale);
    end loop;
end
$$;
{% endmacro %}
