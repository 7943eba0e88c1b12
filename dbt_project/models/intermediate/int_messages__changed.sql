-- One row per client, audit record of which loads brought something that is not built yet, phone and lead that any
-- version of it names. On a full refresh everything is computed anew, so nobody asks which records belong together.
{{ config(incremental_strategy='refill') }}

with

pending as (
    select * from {{ ref('stg_uysp__pending_loads') }}
),

loaded as (
    select * from {{ ref('stg_airtable__loaded') }}
    where source_table = 'sms_audit'
),

changed as materialized (
    select distinct
        loaded.client,
        loaded.record_id
    from loaded
    where loaded.load_id in (select pending.load_id from pending)
),

audit as (
    select * from {{ ref('stg_airtable__sms_audit') }}
)

select distinct
    changed.client,
    changed.record_id,
    staging.phone_key(audit.phone) as phone_key,
    audit.lead_record_id
from changed
left join audit
    on changed.client = audit.client and changed.record_id = audit.record_id {{ and_not_on_full_refresh() }}
