-- One row per client, lead, visit to a step, of leads that exist and are no tests: spec/metrics.md section 5.
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

compared as (
    select
        versions.*,
        lag(versions.version) over in_order as previous_version,
        lag(versions.observed_at) over in_order as previous_observed_at,
        lag(versions.step) over in_order as previous_step,
        lag(versions.campaign_key) over in_order as previous_campaign_key
    from versions
    inner join leads using (client, lead_id)
    window in_order as (partition by versions.client, versions.lead_id order by versions.version)
),

-- Where a visit ends or begins, or both.
turns as (
    select
        *,
        case
            when previous_version is null and step = 0 then created_at
            when previous_version is null and last_sent_at between created_at and observed_at then last_sent_at
            when step > 0 and last_sent_at > previous_observed_at and last_sent_at <= observed_at then last_sent_at
            else observed_at
        end as turned_at,
        -- A fall to 0 within a campaign ends a visit and begins none.
        previous_version is null or campaign_key <> previous_campaign_key or step > 0 as is_entry
    from compared
    where previous_version is null or step <> previous_step or campaign_key <> previous_campaign_key
),

followed as (
    select
        *,
        lead(turned_at) over (partition by client, lead_id order by version) as left_at
    from turns
)

select
    client,
    lead_id,
    version,
    campaign_key,
    campaign_name,
    step,
    turned_at as entered_at,
    left_at
from followed
where is_entry
