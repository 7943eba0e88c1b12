{#
    Statistics for tables of which much has changed since they were last counted. Autovacuum would come within a
    minute; a build that starts before, as the first one does, takes 100,000 leads for one and joins them by nested
    loops (more than ten minutes where a few seconds do). Costs nothing where little has changed.
#}
{% macro analyze_tables() %}
do $$
declare
    stale regclass;
begin
    for stale in
        select relid from pg_stat_user_tables
        where
            schemaname in ('raw', 'intermediate', 'marts')
            and n_mod_since_analyze > 500 + n_live_tup / 10
            and pg_has_role((select relowner from pg_class where oid = relid), 'usage')
    loop
        execute format('analyze %s', stale);
    end loop;
end
$$;
{% endmacro %}

{#
    The same for a table just written: by its size, because what is counted of changes comes with the commit; and where
    nothing is known of its columns, because making an index counts the rows of a new table, but not what is in them.
#}
{% macro analyze_grown_table(relation) %}
do $$
begin
    if (
        select
            reltuples < 0
            or pg_relation_size(oid) > 1.2 * relpages * current_setting('block_size')::bigint
            or not exists (
                select from pg_stats
                where schemaname = '{{ relation.schema }}' and tablename = '{{ relation.identifier }}'
            )
        from pg_class
        where oid = '{{ relation }}'::regclass
    ) then
        analyze {{ relation }};
    end if;
end
$$;
{% endmacro %}
