-- One row per client, source table: spec/metrics.md section 10. A view straight over raw, so that it is right when
-- read, also after a run that failed.
{{ config(materialized='view', post_hook=[]) }}

with

sync_state as (
    select * from {{ ref('stg_uysp__sync_state') }}
),

-- Not materialized, or each reader would read all records.
records as not materialized (
    select * from {{ ref('stg_airtable__records') }}
),

-- Tables that hold something, also if no look at them is known.
loaded as (
    select
        clients.client,
        named.source_table
    from {{ source('uysp', 'clients') }} as clients
    cross join (values ('leads'), ('campaigns'), ('sms_templates'), ('sms_audit')) as named (source_table)
    where (
        select true as is_there from records
        where records.client = clients.client and records.source_table = named.source_table
        order by is_there
        limit 1
    )
),

known as (
    select
        client,
        source_table,
        sync_state.last_synced_at,
        sync_state.last_error
    from sync_state
    full join loaded using (client, source_table)
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
            where records.client = known.client and records.source_table = known.source_table
        ) as found
    from known
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
