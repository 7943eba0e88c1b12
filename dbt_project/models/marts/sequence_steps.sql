-- One row per client, campaign that has leads, step up to the highest that any of them reached, without test leads:
-- spec/metrics.md section 5.
{{ config(unique_key=['client', 'campaign', 'step']) }}

with

leads as (
    select * from {{ ref('leads') }}
    where not is_test
),

visits as (
    select * from {{ ref('step_visits') }}
    where left_at is not null
),

steps as (
    select
        client,
        campaign,
        generate_series(0, max(reached_step)) as step
    from leads
    group by client, campaign
),

standing as (
    select
        client,
        campaign,
        step,
        count(*) as leads_at_step,
        -- In UTC, where each day has 24 hours.
        avg(last_sent_at at time zone 'UTC' - timestamp 'epoch') filter (
            where processing_status = 'In Sequence'
        ) as avg_sent_since_epoch
    from leads
    group by client, campaign, step
),

furthest as (
    select
        client,
        campaign,
        reached_step as step,
        count(*) as leads_furthest,
        count(*) filter (where booked) as bookings,
        count(*) filter (where stop_cause = 'opted_out') as opt_outs,
        count(*) filter (where clicked) as clickers,
        sum(clicks) as clicks
    from leads
    group by client, campaign, reached_step
),

stays as (
    select
        client,
        campaign,
        step,
        -- Of exact numbers, so that it does not depend on their order.
        (avg(extract(epoch from left_at - entered_at)) / 86400)::double precision as avg_days_at_step,
        count(*) as completed_visits
    from visits
    group by client, campaign, step
),

joined as (
    select
        client,
        campaign,
        step,
        coalesce(standing.leads_at_step, 0) as leads_at_step,
        (
            sum(coalesce(furthest.leads_furthest, 0)) over (
                partition by client, campaign
                order by step desc
            )
        )::bigint as leads_reached,
        coalesce(furthest.leads_furthest, 0) as leads_furthest,
        coalesce(furthest.bookings, 0) as bookings,
        coalesce(furthest.opt_outs, 0) as opt_outs,
        coalesce(furthest.clickers, 0) as clickers,
        coalesce(furthest.clicks, 0) as clicks,
        (timestamp 'epoch' + standing.avg_sent_since_epoch) at time zone 'UTC' as avg_last_sent_at,
        stays.avg_days_at_step,
        coalesce(stays.completed_visits, 0) as completed_visits
    from steps
    left join standing using (client, campaign, step)
    left join furthest using (client, campaign, step)
    left join stays using (client, campaign, step)
)

select
    client,
    campaign,
    step,
    leads_at_step,
    leads_reached,
    leads_furthest,
    {{ rate('lead(leads_reached) over (partition by client, campaign order by step)', 'leads_reached') }}
        as conversion_rate,
    bookings,
    {{ rate('bookings', 'leads_furthest') }} as booking_rate,
    opt_outs,
    {{ rate('opt_outs', 'leads_furthest') }} as opt_out_rate,
    clickers,
    {{ rate('clickers', 'leads_furthest') }} as click_rate,
    clicks,
    avg_last_sent_at,
    avg_days_at_step,
    completed_visits
from joined
