-- One row per client, message: spec/metrics.md section 7.
{{ config(
    unique_key=['client', 'message_id'],
    meta={'scope': 'int_messages__affected', 'scope_key': ['client', 'message_id']},
) }}

with

messages as (
    select outcomes.*
    from {{ ref('int_messages__outcomes') }} as outcomes
    inner join {{ ref('int_messages__affected') }} using (client, message_id)
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
