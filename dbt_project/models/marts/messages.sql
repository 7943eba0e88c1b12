-- One row per client, message: spec/metrics.md section 7.
with

sends as (
    select * from {{ ref('int_messages__sends') }}
),

receipts as (
    select * from {{ ref('int_messages__receipts') }}
)

select
    sends.client,
    sends.message_id,
    sends.lead_id,
    sends.campaign,
    sends.status,
    sends.is_failed or coalesce(deliveries.is_failed, false) as failed,
    sends.phone,
    sends.sent_at,
    coalesce(sends.delivery_at, case when not deliveries.is_failed then deliveries.received_at end) as delivered_at,
    coalesce(sends.clicked_at, clicks.received_at) as clicked_at,
    sends.text
from sends
left join receipts as deliveries
    on
        sends.client = deliveries.client
        and sends.message_id = deliveries.message_id
        and deliveries.kind = 'delivery'
left join receipts as clicks
    on
        sends.client = clicks.client
        and sends.message_id = clicks.message_id
        and clicks.kind = 'click'
