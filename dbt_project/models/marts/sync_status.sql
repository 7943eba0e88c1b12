-- One row per client, source table that was looked at: spec/metrics.md section 10. A view over what the loader keeps:
-- right when read, also after a run that failed.
{{ config(materialized='view', post_hook=[]) }}

with

sync_state as (
    select * from {{ ref('stg_uysp__sync_state') }}
),

table_counts as (
    select * from {{ ref('stg_uysp__table_counts') }}
)

select
    sync_state.client,
    sync_state.source_table,
    sync_state.last_synced_at,
    table_counts.last_changed_at,
    coalesce(table_counts.rows, 0) as rows,
    coalesce(table_counts.deleted_rows, 0) as deleted_rows,
    sync_state.last_error
from sync_state
left join table_counts
    on sync_state.client = table_counts.client and sync_state.source_table = table_counts.source_table
