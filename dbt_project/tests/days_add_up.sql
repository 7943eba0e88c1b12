-- What happened on all days is what the leads and messages say happened at a known time.
with

days as (
    select
        client,
        sum(new_leads) as new_leads,
        sum(messages_sent) as messages_sent,
        sum(messages_delivered) as messages_delivered,
        sum(bookings) as bookings,
        coalesce(sum(opt_outs), 0) as opt_outs
    from {{ ref('daily_activity') }}
    group by client
),

leads as (
    select
        client,
        count(*) as new_leads,
        count(booking_made_at) as bookings,
        count(opted_out_at) as opt_outs
    from {{ ref('leads') }}
    where not is_test
    group by client
),

messages as (
    select
        client,
        count(*) as messages_sent,
        count(delivered_at) as messages_delivered
    from {{ ref('messages') }}
    where not failed
    group by client
)

select days.*
from days
full join leads using (client)
full join messages using (client)
where
    coalesce(days.new_leads, 0) <> coalesce(leads.new_leads, 0)
    or coalesce(days.bookings, 0) <> coalesce(leads.bookings, 0)
    or coalesce(days.opt_outs, 0) <> coalesce(leads.opt_outs, 0)
    or coalesce(days.messages_sent, 0) <> coalesce(messages.messages_sent, 0)
    or coalesce(days.messages_delivered, 0) <> coalesce(messages.messages_delivered, 0)
