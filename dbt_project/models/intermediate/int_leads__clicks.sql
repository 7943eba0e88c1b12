-- One row per client, lead, version in which the lead's clicks rose, of leads that exist and are no tests. Clicks are
-- the highest count so far; a record first seen after the first load rises from 0: spec/metrics.md section 8.
{{ config(unique_key=['client', 'lead_id', 'version'], meta={'scope': 'int_leads__changed'}) }}

with

versions as (
    select * from {{ ref('int_leads__versions') }}
),

leads as (
    select history.*
    from {{ ref('int_leads__history') }} as history
    inner join {{ ref('int_leads__changed') }} using (client, lead_id)
    where history.is_present and not history.is_test
),

counted as (
    select
        versions.client,
        versions.lead_id,
        versions.version,
        versions.observed_at,
        versions.first_loaded_at,
        max(versions.click_count) over (in_order rows unbounded preceding) as clicks,
        max(versions.click_count) over (in_order rows between unbounded preceding and 1 preceding) as clicks_before,
        lag(versions.observed_at) over in_order as previous_observed_at
    from versions
    inner join leads using (client, lead_id)
    where leads.clicks > 0
    window in_order as (partition by versions.client, versions.lead_id order by versions.version)
)

select
    client,
    lead_id,
    version,
    observed_at as clicked_at,
    clicks - coalesce(clicks_before, 0) as clicks,
    previous_observed_at
from counted
where clicks > clicks_before or (clicks > 0 and clicks_before is null and observed_at > first_loaded_at)
