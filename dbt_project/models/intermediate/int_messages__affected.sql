-- One row per client, audit record whose message is computed anew: records that changed, all records of a lead that
-- such a record names or did or that changed, those of a campaign known or shown otherwise, and all of these phones.
-- Attempts meet results by lead or by phone and receipts meet messages by phone, so nothing reaches further.
{{ config(incremental_strategy='refill') }}

with

changed as (
    select * from {{ ref('int_messages__changed') }}
),

audit as (
    select
        client,
        record_id,
        lead_record_id,
        phone_key,
        campaign_key
    from {{ ref('int_messages__audit') }}
),

campaigns as (
    select * from {{ ref('int_campaigns__changed') }}
),

leads as (
    select
        client,
        lead_record_id
    from changed
    where lead_record_id is not null
    union
    select
        client,
        lead_id as lead_record_id
    from {{ ref('int_leads__changed') }}
    union
    select
        history.client,
        history.lead_id as lead_record_id
    from {{ ref('int_leads__history') }} as history
    inner join campaigns using (client, campaign_key)
),

of_leads_and_campaigns as materialized (
    select audit.*
    from audit
    inner join leads using (client, lead_record_id)
    union
    select audit.*
    from audit
    inner join campaigns using (client, campaign_key)
),

phones as (
    select
        client,
        phone_key
    from changed
    where phone_key is not null
    union
    select
        client,
        phone_key
    from of_leads_and_campaigns
    where phone_key is not null
)

select
    client,
    record_id as message_id
from changed
union
select
    client,
    record_id as message_id
from of_leads_and_campaigns
union
select
    audit.client,
    audit.record_id as message_id
from audit
inner join phones using (client, phone_key)
