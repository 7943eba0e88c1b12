-- One row per client, SMS_Audit record that exists, with what sends and receipts are told apart and matched by.
with

audit as (
    select * from {{ ref('stg_airtable__sms_audit') }}
    where is_present
)

select
    client,
    record_id,
    coalesce(lower(event), '') as event,
    campaign,
    phone,
    staging.phone_key(phone) as phone_key,
    status,
    lower(status) in ('failed', 'undelivered') is true as has_failed_status,
    lead_record_id,
    text,
    sent_at,
    delivery_at,
    clicked_at
from audit
