-- One row per client, lead of which loads brought something that is not built yet, or that links, or did, to a
-- Campaigns record that was renamed since. Its versions, and what they tell, are computed anew.
{{ config(incremental_strategy='refill') }}

with

pending as (
    select * from {{ ref('stg_uysp__pending_loads') }}
),

loaded as (
    select * from {{ ref('stg_airtable__loaded') }}
    where source_table = 'leads'
),

campaign_names as (
    select * from {{ ref('int_campaigns__names') }}
),

links as (
    select * from {{ ref('stg_airtable__campaign_links') }}
),

renamed as materialized (
    select
        campaign_names.client,
        campaign_names.record_id as campaign_id
    from campaign_names
    where campaign_names.named_in_load in (select pending.load_id from pending)
),

any_renamed as (
    select count(*) > 0 as is_any from renamed
)

select
    loaded.client,
    loaded.record_id as lead_id
from loaded
where loaded.load_id in (select pending.load_id from pending)
union
select
    links.client,
    links.lead_id
from links
inner join renamed using (client, campaign_id)
-- Told first, so that no link is read when no campaign was renamed.
where (select any_renamed.is_any from any_renamed)
