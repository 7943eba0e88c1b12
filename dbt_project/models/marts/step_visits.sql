-- One row per client, lead, visit to a step: spec/metrics.md section 5. A view, so that a campaign has one name in all
-- of them, the present one.
{{ config(materialized='view', post_hook=[]) }}

with

visits as (
    select * from {{ ref('int_leads__visits') }}
),

campaigns as (
    select * from {{ ref('int_campaigns__known') }}
)

select
    client,
    visits.lead_id,
    coalesce(campaigns.campaign, visits.campaign_name, 'Unassigned') as campaign,
    visits.step,
    visits.entered_at,
    visits.left_at,
    extract(epoch from visits.left_at - visits.entered_at)::double precision / 86400 as days
from visits
left join campaigns using (client, campaign_key)
