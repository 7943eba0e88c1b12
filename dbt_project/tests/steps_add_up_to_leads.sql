-- Leads by furthest step are those of campaign_performance, and step 0 was reached by all of them.
{{ config(tags=['every_build']) }}
with

steps as (
    select
        client,
        campaign,
        sum(leads_furthest) as leads,
        coalesce(sum(leads_furthest) filter (where step = 0), 0) as not_started,
        coalesce(sum(leads_furthest) filter (where step = 1), 0) as step_1,
        coalesce(sum(leads_furthest) filter (where step = 2), 0) as step_2,
        coalesce(sum(leads_furthest) filter (where step = 3), 0) as step_3,
        coalesce(sum(leads_furthest) filter (where step >= 4), 0) as step_4_plus,
        max(leads_reached) filter (where step = 0) as leads_at_all
    from {{ ref('sequence_steps') }}
    group by client, campaign
),

campaigns as (
    select * from {{ ref('campaign_performance') }}
)

select campaigns.*
from campaigns
inner join steps using (client, campaign)
where
    steps.leads_at_all <> campaigns.leads
    or (steps.not_started, steps.step_1, steps.step_2, steps.step_3, steps.step_4_plus)
    <> (campaigns.not_started, campaigns.step_1, campaigns.step_2, campaigns.step_3, campaigns.step_4_plus)
