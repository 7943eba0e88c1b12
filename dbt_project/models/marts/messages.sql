-- One row per client, message: spec/metrics.md section 7.
with

messages as (
    select * from {{ ref('int_messages__outcomes') }}
)

select
    client,
    message_id,
    lead_id,
    campaign,
    status,
    failed,
    phone,
    sent_at,
    delivered_at,
    clicked_at,
    text
from messages
