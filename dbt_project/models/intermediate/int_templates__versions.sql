-- One row per client, template, version: for which campaign, step and variant it was a template, and from when to when.
{{ config(unique_key=['client', 'template_id', 'version']) }}

with

templates as (
    select * from {{ ref('stg_airtable__sms_templates') }}
),

ends as (
    select
        client,
        record_id,
        version,
        observed_at
    from templates
    union all
    select
        client,
        record_id,
        version,
        observed_at
    from {{ ref('stg_airtable__deletions') }}
    where source_table = 'sms_templates'
),

followed as (
    select
        *,
        lead(observed_at) over (partition by client, record_id order by version) as next_observed_at
    from ends
)

select
    client,
    record_id as template_id,
    version,
    staging.campaign_key(templates.campaign) as campaign_key,
    templates.step,
    templates.variant,
    templates.observed_at as valid_from,
    followed.next_observed_at as valid_to
from templates
inner join followed using (client, record_id, version)
