-- One row per client, message, without those of test leads; before receipts.
{{ config(
    unique_key=['client', 'message_id'],
    meta={'scope': 'int_messages__affected', 'scope_key': ['client', 'message_id']},
) }}

with

audit as (
    select * from {{ ref('int_messages__audit') }}
    where event not in ('delivery', 'click') and sent_at is not null
),

leads as (
    select * from {{ ref('int_leads__history') }}
),

campaigns as (
    select * from {{ ref('int_campaigns__known') }}
),

scope as (
    select
        client,
        message_id as record_id
    from {{ ref('int_messages__affected') }}
),

affected as materialized (
    select audit.*
    from audit
    inner join scope using (client, record_id)
),

attempts as (
    select * from affected
    where event = 'send attempt'
),

results as (
    select * from audit
    where event in ('sent', 'sms sent', 'send failed')
),

-- The result's record stands for the attempt that it answers: by lead, or by phone where one of the two names no lead.
answered as (
    select
        attempts.client,
        attempts.record_id
    from attempts
    inner join results using (client, lead_record_id)
    where results.sent_at between attempts.sent_at and attempts.sent_at + interval '10 minutes'
    union
    select
        attempts.client,
        attempts.record_id
    from attempts
    inner join results using (client, phone_key)
    where
        (attempts.lead_record_id is null or results.lead_record_id is null)
        and results.sent_at between attempts.sent_at and attempts.sent_at + interval '10 minutes'
),

sends as (
    select affected.*
    from affected
    left join answered using (client, record_id)
    where answered.record_id is null
)

select
    sends.client,
    sends.record_id as message_id,
    case when leads.is_present then leads.lead_id end as lead_id,
    coalesce(named.campaign, present.campaign, 'Unassigned') as campaign,
    sends.status,
    sends.event = 'send failed' or sends.has_failed_status as is_failed,
    sends.phone,
    sends.phone_key,
    sends.sent_at,
    sends.delivery_at,
    sends.clicked_at,
    sends.text
from sends
left join leads
    on sends.client = leads.client and sends.lead_record_id = leads.lead_id
left join campaigns as named
    on
        sends.client = named.client
        and sends.campaign_key = named.campaign_key
        and not named.is_unassigned
left join campaigns as present
    on
        leads.client = present.client
        and leads.campaign_key = present.campaign_key
        and leads.is_present
where leads.is_test is not true
