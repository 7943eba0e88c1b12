-- One row per client, campaign, variant (or none) that has leads, without test leads: spec/metrics.md section 4.
{{ config(unique_key=['client', 'campaign', 'variant'], meta={'nullable': ['variant']}) }}

with

leads as (
    select * from {{ ref('leads') }}
    where not is_test
),

counted as (
    select
        client,
        campaign,
        variant,
        count(*) as leads,
        count(*) filter (where booked) as bookings,
        count(*) filter (where clicked) as clickers,
        count(*) filter (where stop_cause = 'opted_out') as opt_outs,
        sum(messages_sent) as messages_sent
    from leads
    group by client, campaign, variant
)

select
    client,
    campaign,
    variant,
    leads,
    bookings,
    {{ rate('bookings', 'leads') }} as booking_rate,
    clickers,
    {{ rate('clickers', 'leads') }} as click_rate,
    opt_outs,
    {{ rate('opt_outs', 'leads') }} as opt_out_rate,
    messages_sent
from counted
