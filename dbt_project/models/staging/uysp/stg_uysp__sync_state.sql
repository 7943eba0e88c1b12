-- One row per client, source table. Ephemeral, so that marts.sync_status is a view straight over raw: a view over
-- another view would vanish while that one is rebuilt.
{{ config(materialized='ephemeral') }}

select
    client,
    source_table,
    last_synced_at,
    last_error
from {{ source('uysp', 'sync_state') }}
