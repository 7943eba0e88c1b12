-- One row per client, source table: spec/metrics.md section 10. A view straight over raw, so that it is right when
-- read, also after a run that failed.
{{ config(materialized='view', post_hook=[]) }}

with

sync_state as (
    select * from {{ ref('stg_uysp__sync_state') }}
),

records as (
    select * from {{ ref('stg_airtable__records') }}
),

counted as (
    select
        client,
        source_table,
        max(last_changed_at) as last_changed_at,
        count(*) filter (where not is_deleted) as rows,
        count(*) filter (where is_deleted) as deleted_rows
    from records
    group by client, source_table
)

select
    client,
    source_table,
    sync_state.last_synced_at,
    counted.last_changed_at,
    coalesce(counted.rows, 0) as rows,
    coalesce(counted.deleted_rows, 0) as deleted_rows,
    sync_state.last_error
from sync_state
full join counted using (client, source_table)
