-- One row per client, lead (no test) In Sequence whose campaign has a template for its next step, but none for its
-- variant: spec/metrics.md section 10, template_missing. Seen since lead and templates have been so.
{{ config(unique_key=['client', 'lead_id']) }}

with

leads as (
    select * from {{ ref('int_leads__history') }}
    where is_present and not is_test and processing_status = 'In Sequence' and variant is not null
),

templates as (
    select * from {{ ref('int_templates__versions') }}
),

places as (
    select distinct
        client,
        campaign_key,
        step,
        variant
    from leads
),

-- Since when there is a template for the next step, and until when there was one for the variant.
lacking as (
    select
        client,
        campaign_key,
        places.step,
        places.variant,
        min(templates.valid_from) filter (where templates.valid_to is null) as any_since,
        max(templates.valid_to) filter (where templates.variant = places.variant) as own_until
    from places
    inner join templates using (client, campaign_key)
    where templates.step = places.step + 1
    group by client, campaign_key, places.step, places.variant
    having
        bool_or(templates.valid_to is null)
        and not bool_or(templates.valid_to is null and templates.variant is not distinct from places.variant)
)

select
    client,
    leads.lead_id,
    step,
    greatest(leads.in_place_since, lacking.any_since, lacking.own_until) as seen_at
from leads
inner join lacking using (client, campaign_key, step, variant)
