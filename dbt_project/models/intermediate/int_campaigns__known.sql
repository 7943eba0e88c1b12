-- One row per client, campaign that the Campaigns table or a lead (no test) has, and 'Unassigned' for every client.
{{ config(unique_key=['client', 'campaign_key']) }}

with

campaigns as (
    select
        *,
        staging.campaign_key(campaign) as campaign_key
    from {{ ref('stg_airtable__campaigns') }}
    where is_present and campaign is not null
),

leads as (
    select * from {{ ref('int_leads__history') }}
    where is_present and not is_test and campaign_name is not null
),

clients as (
    select * from {{ ref('stg_uysp__clients') }}
),

oldest_records as (
    select distinct on (client, campaign_key)
        client,
        campaign_key,
        campaign,
        campaign_type,
        is_active
    from campaigns
    order by client, campaign_key, created_at, record_id collate "C"
),

spellings as (
    select
        client,
        campaign_key,
        campaign_name,
        count(*) as leads
    from leads
    group by client, campaign_key, campaign_name
),

commonest_spellings as (
    select distinct on (client, campaign_key)
        client,
        campaign_key,
        campaign_name
    from spellings
    order by client asc, campaign_key asc, leads desc, campaign_name collate "C" asc
),

unassigned as (
    select
        client,
        'unassigned' as campaign_key,
        'Unassigned' as unassigned_name
    from clients
),

internal as (
    select distinct
        clients.client,
        staging.campaign_key(staging.clean_text(names.name)) as campaign_key,
        true as is_internal
    from clients
    cross join lateral jsonb_array_elements_text(clients.internal_campaigns) as names (name)
)

select
    client,
    campaign_key,
    coalesce(unassigned.unassigned_name, oldest_records.campaign, commonest_spellings.campaign_name) as campaign,
    oldest_records.campaign_type,
    not oldest_records.is_active as is_paused,
    campaign_key = 'unassigned' as is_unassigned,
    coalesce(internal.is_internal, false) as is_internal
from oldest_records
full join commonest_spellings using (client, campaign_key)
full join unassigned using (client, campaign_key)
left join internal using (client, campaign_key)
