-- One row per client, message, with what its receipts tell: spec/metrics.md section 7. Ephemeral: marts.messages keeps
-- it, and what is counted by the hour reads it from below the marts.
{{ config(materialized='ephemeral') }}

select
    sends.client,
    sends.message_id,
    sends.lead_id,
    sends.campaign,
    sends.status,
    sends.phone,
    sends.sent_at,
    sends.text,
    sends.is_failed or coalesce(deliveries.is_failed, false) as failed,
    coalesce(sends.delivery_at, case when not deliveries.is_failed then deliveries.received_at end) as delivered_at,
    coalesce(sends.clicked_at, clicks.received_at) as clicked_at
from {{ ref('int_messages__sends') }} as sends
left join {{ ref('int_messages__receipts') }} as deliveries
    on
        sends.client = deliveries.client
        and sends.message_id = deliveries.message_id
        and deliveries.kind = 'delivery'
left join {{ ref('int_messages__receipts') }} as clicks
    on
        sends.client = clicks.client
        and sends.message_id = clicks.message_id
        and clicks.kind = 'click'
