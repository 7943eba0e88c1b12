{#
    The name, quoted, of a collation that knows Unicode's letters, whatever the locale of the database: its own one for
    that (from PostgreSQL 17 on), ICU's, the system's, or else the database's.
#}
{% macro unicode_collation() %}
{%- set query %}
select quote_ident(collname) as name
from pg_collation
where
    collname in ('pg_c_utf8', 'und-x-icu', 'C.utf8')
    and collnamespace = 'pg_catalog'::regnamespace
    and collencoding in (-1, pg_char_to_encoding('UTF8'))
order by array_position(array['pg_c_utf8', 'und-x-icu', 'C.utf8'], collname::text)
limit 1
{%- endset %}
{%- set found = run_query(query).columns[0].values() if execute else [] %}
{{- found[0] if found else '"default"' }}
{%- endmacro %}
