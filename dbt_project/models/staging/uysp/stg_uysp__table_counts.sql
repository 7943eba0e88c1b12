-- One row per client, source table that has been loaded. Ephemeral for the same reason as
-- stg_uysp__sync_state.
{{ config(materialized='ephemeral') }}

select
    client,
    source_table,
    rows,
    deleted_rows,
    last_changed_at
from {{ source('uysp', 'table_counts') }}
