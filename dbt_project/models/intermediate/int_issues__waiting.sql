-- One row per client, lead (no test) that is Ready for SMS, not stopped, and had no message that did not fail since it
-- became ready. spec/metrics.md section 10, ready_but_not_sent_3d, makes it an issue after three days, as of reading.
{{ config(unique_key=['client', 'lead_id']) }}

with

leads as (
    select * from {{ ref('int_leads__history') }}
    where is_present and not is_test and ready_since is not null and not sms_stopped
),

messages as (
    select * from {{ ref('int_messages__outcomes') }}
    where not failed
)

select
    leads.client,
    leads.lead_id,
    leads.processing_status,
    leads.ready_since
from leads
where
    not exists (
        select from messages
        where
            messages.client = leads.client
            and messages.lead_id = leads.lead_id
            and messages.sent_at >= leads.ready_since
    )
