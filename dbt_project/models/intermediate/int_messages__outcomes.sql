-- One row per client, message, with what its receipts tell: spec/metrics.md section 7.
{{ config(
    unique_key=['client', 'message_id'],
    meta={'scope': 'int_messages__affected', 'scope_key': ['client', 'message_id']},
) }}

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
inner join {{ ref('int_messages__affected') }} as affected
    on sends.client = affected.client and sends.message_id = affected.message_id
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
