-- One row per client, source table that has been loaded. Ephemeral for the same reason as
-- stg_uysp__sync_state.
{{ config(materialized='ephemeral') }}

select
    client,
    source_table,
    observed_at as first_loaded_at
from {{ source('uysp', 'loads') }}
where is_first
