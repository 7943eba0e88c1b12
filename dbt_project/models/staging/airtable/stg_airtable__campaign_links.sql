-- One row per client, lead, Campaigns record that any version of the lead links to.
with

versions as (
    select
        client,
        record_id,
        case when jsonb_typeof(fields -> 'Linked Campaign') = 'array' then fields -> 'Linked Campaign' end as links
    from {{ source('airtable', 'leads_history') }}
)

select distinct
    versions.client,
    versions.record_id as lead_id,
    link.campaign_id
from versions
cross join lateral jsonb_array_elements_text(versions.links) as link (campaign_id)
