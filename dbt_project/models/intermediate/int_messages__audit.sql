-- One row per client, SMS_Audit record that exists, with what sends and receipts are told apart and matched by.
{{ config(
    unique_key=['client', 'record_id'],
    meta={'scope': 'int_messages__changed', 'scope_key': ['client', 'record_id']},
) }}

with

-- Materialized, so that each cell is read once.
audit as materialized (
    select staged.*
    from {{ ref('stg_airtable__sms_audit') }} as staged
    where
        staged.is_present
        and exists (
            select from {{ ref('int_messages__changed') }} as changed
            where changed.client = staged.client and changed.record_id = staged.record_id
        )
)

select
    client,
    record_id,
    coalesce(lower(event), '') as event,
    campaign,
    staging.campaign_key(campaign) as campaign_key,
    phone,
    staging.phone_key(phone) as phone_key,
    status,
    lower(status) in ('failed', 'undelivered') is true as has_failed_status,
    lead_record_id,
    text,
    sent_at,
    delivery_at,
    clicked_at,
    issues
from audit
