-- The all-time numbers of the dashboard are the sums over campaign_performance, and those are what the leads themselves
-- come to; each period of it lies within them.
{{ config(tags=['every_build']) }}
with

campaigns as (
    select
        client,
        sum(leads) as leads,
        sum(in_sequence + ready_for_sms) as active_leads,
        sum(completed + stopped) as done_leads,
        sum(bookings) as bookings,
        sum(opt_outs) as opt_outs,
        sum(clicks) as clicks,
        sum(clickers) as clickers,
        sum(messages_sent) as messages_sent,
        count(*) filter (where not is_internal and not is_unassigned) as campaigns
    from {{ ref('campaign_performance') }}
    group by client
),

leads as (
    select
        client,
        count(*) as leads,
        count(*) filter (where is_active) as active_leads,
        count(*) filter (where is_done) as done_leads,
        count(*) filter (where booked) as bookings,
        count(*) filter (where stop_cause = 'opted_out') as opt_outs,
        coalesce(sum(clicks), 0) as clicks,
        count(*) filter (where clicked) as clickers,
        coalesce(sum(messages_sent), 0) as messages_sent
    from {{ ref('leads') }}
    where not is_test
    group by client
),

messages as (
    select
        client,
        count(*) as messages
    from {{ ref('messages') }}
    where not failed
    group by client
),

dashboard as (
    select * from {{ ref('dashboard') }}
)

select client
from dashboard
full join campaigns using (client)
left join leads using (client)
left join messages using (client)
where
    (
        dashboard.leads, dashboard.active_leads, dashboard.done_leads, dashboard.bookings, dashboard.opt_outs,
        dashboard.clicks, dashboard.clickers, dashboard.messages_sent, dashboard.campaigns
    ) is distinct from (
        campaigns.leads, campaigns.active_leads, campaigns.done_leads, campaigns.bookings, campaigns.opt_outs,
        campaigns.clicks, campaigns.clickers, campaigns.messages_sent, campaigns.campaigns
    )
    or (
        dashboard.leads, dashboard.active_leads, dashboard.done_leads, dashboard.bookings, dashboard.opt_outs,
        dashboard.clicks, dashboard.clickers, dashboard.messages_sent
    ) is distinct from (
        coalesce(leads.leads, 0), coalesce(leads.active_leads, 0), coalesce(leads.done_leads, 0),
        coalesce(leads.bookings, 0), coalesce(leads.opt_outs, 0), coalesce(leads.clicks, 0),
        coalesce(leads.clickers, 0), coalesce(leads.messages_sent, 0)
    )
    or (dashboard.period = 'all' and dashboard.messages_in_period <> coalesce(messages.messages, 0))
    or dashboard.new_leads_in_period not between 0 and dashboard.leads
    or dashboard.bookings_in_period not between 0 and dashboard.bookings
    or dashboard.opt_outs_in_period not between 0 and dashboard.opt_outs
    or dashboard.clicks_in_period not between 0 and dashboard.clicks
