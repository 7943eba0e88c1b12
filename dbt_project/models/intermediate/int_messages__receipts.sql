-- One row per client, message, kind ('delivery', 'click') that drew a receipt.
--
-- A receipt takes the latest message to its phone that has none of its kind: the messages of a phone are a stack, and
-- receipts pop it. Stacks match as brackets do, so no loop is needed. Let `depth` be the running count of messages
-- minus receipts; a message lifts it to its level, a receipt leads down from its level. Between a message and the
-- receipt that takes it, whatever came on top has gone again; so at each level messages and receipts alternate, and a
-- receipt takes the message just before it at its level. A receipt that finds the stack empty leads down from a level
-- that no message has lifted to yet: nothing is before it there, and the next message at that level comes later.
-- Seven days: a message on top that is too old for a receipt lies above none but older ones, so the receipt takes
-- nothing; and it is too old for each later receipt as well, so to count it as taken changes no other match.
-- At one moment messages come before receipts ("at or before"), the greatest message_id on top, receipts by id.
{{ config(
    unique_key=['client', 'message_id', 'kind'],
    meta={'scope': 'int_messages__affected', 'scope_key': ['client', 'message_id']},
) }}

with

affected as (
    select * from {{ ref('int_messages__affected') }}
),

sends as (
    select sends.*
    from {{ ref('int_messages__sends') }} as sends
    inner join affected using (client, message_id)
    where sends.phone_key is not null and not sends.is_failed
),

audit as (
    select audit.*
    from {{ ref('int_messages__audit') }} as audit
    inner join affected
        on audit.client = affected.client and audit.record_id = affected.message_id
    where audit.phone_key is not null
),

events as (
    {%- for kind, own_time in [('delivery', 'delivery_at'), ('click', 'clicked_at')] %}
    select
        client,
        phone_key,
        '{{ kind }}' as kind,
        1 as lift,
        message_id as record_id,
        sent_at as at,
        false as has_failed_status
    from sends
    where {{ own_time }} is null
    union all
    select
        client,
        phone_key,
        '{{ kind }}' as kind,
        -1 as lift,
        record_id,
        {{ own_time }} as at,
        has_failed_status
    from audit
    where event = '{{ kind }}' and {{ own_time }} is not null
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

stacked as (
    select
        *,
        sum(lift) over (
            partition by client, phone_key, kind
            order by at asc, lift desc, record_id collate "C" asc
            rows unbounded preceding
        ) as depth
    from events
),

leveled as (
    select
        *,
        lag(record_id) over level as message_id,
        lag(at) over level as sent_at
    from stacked
    window level as (
        partition by client, phone_key, kind, case when lift = 1 then depth else depth + 1 end
        order by at asc, lift desc, record_id collate "C" asc
    )
)

select
    client,
    message_id,
    kind,
    at as received_at,
    has_failed_status as is_failed
from leveled
where lift = -1 and at <= sent_at + interval '168 hours'
