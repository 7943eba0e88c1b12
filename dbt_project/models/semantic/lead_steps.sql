-- One row per client, lead, step that it reached in its campaign, without test leads: what the conversion rate of
-- spec/metrics.md section 5 counts, lead by lead, so that it can be cut by whatever a lead is.
{{ config(materialized='view', schema='marts') }}

with

leads as (
    select * from {{ ref('leads') }}
    where not is_test
),

last_steps as (
    select
        client,
        campaign,
        max(step) as step
    from {{ ref('sequence_steps') }}
    group by client, campaign
)

select
    client,
    leads.lead_id,
    campaign,
    reached.step,
    case when reached.step < last_steps.step then leads.reached_step > reached.step end as moved_on,
    leads.created_at
from leads
inner join last_steps using (client, campaign)
cross join lateral generate_series(0, leads.reached_step) as reached (step)
