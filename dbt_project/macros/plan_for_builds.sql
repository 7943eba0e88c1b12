{#
    How Postgres is to plan what writes a table: sorts and hashes of 100,000 rows in memory and not in files, and no
    memory of what cells were parsed to, because hardly two rows have the same.
#}
{% macro plan_for_builds() %}
set local work_mem = '64MB';
set local enable_memoize = off
{% endmacro %}
