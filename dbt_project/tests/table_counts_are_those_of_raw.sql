-- What the loader counts while it loads, and marts.sync_status shows, is how many records raw has.
with

table_counts as (
    select * from {{ ref('stg_uysp__table_counts') }}
),

counted as (
    select
        client,
        source_table,
        count(*) filter (where not is_deleted) as rows,
        count(*) filter (where is_deleted) as deleted_rows,
        max(last_changed_at) as last_changed_at
    from {{ ref('stg_airtable__records') }}
    group by client, source_table
)

select
    client,
    source_table
from table_counts
full join counted using (client, source_table)
where
    coalesce(table_counts.rows, 0) <> coalesce(counted.rows, 0)
    or coalesce(table_counts.deleted_rows, 0) <> coalesce(counted.deleted_rows, 0)
    or table_counts.last_changed_at is distinct from counted.last_changed_at
