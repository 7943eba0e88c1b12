-- One row per client, source table that was looked at: spec/metrics.md section 10. A view straight over raw, so that it
-- is right when read, also after a run that failed.
{{ config(materialized='view', post_hook=[]) }}

with

sync_state as (
    select * from {{ ref('stg_uysp__sync_state') }}
),

records as (
    select * from {{ ref('stg_airtable__records') }}
),

-- What is counted stands in one column, behind an OFFSET: so it is counted once, and not at all for a reader who asks
-- for the age alone, as every answer does.
counted as (
    select
        *,
        (
            select
                jsonb_build_object(
                    'last_changed_at', max(records.last_changed_at),
                    'rows', count(*) - count(*) filter (where records.is_deleted),
                    'deleted_rows', count(*) filter (where records.is_deleted)
                )
            from records
            where records.client = sync_state.client and records.source_table = sync_state.source_table
        ) as found
    from sync_state
    order by client, source_table
    offset 0
)

select
    client,
    source_table,
    last_synced_at,
    (found ->> 'last_changed_at')::timestamptz as last_changed_at,
    (found ->> 'rows')::bigint as rows,
    (found ->> 'deleted_rows')::bigint as deleted_rows,
    last_error
from counted
