-- One row per client, lead, version, gone leads included: each version as staging reads it, read once, with what is
-- told by one version alone.
{{ config(unique_key=['client', 'lead_id', 'version'], meta={'scope': 'int_leads__changed'}) }}

with

-- Materialized, so that each cell is read once.
leads as materialized (
    select
        staged.*,
        staging.letters(staged.stop_reason) as stop_letters
    from {{ ref('stg_airtable__leads') }} as staged
    inner join {{ ref('int_leads__changed') }} as changed
        on staged.client = changed.client and staged.record_id = changed.lead_id
),

campaign_names as (
    select * from {{ ref('int_campaigns__names') }}
    where campaign is not null
),

first_loads as (
    select * from {{ ref('stg_uysp__first_loads') }}
),

-- The first link, in Airtable's order, to a campaign that has a name.
linked as (
    select distinct on (leads.client, leads.record_id, leads.version)
        leads.client,
        leads.record_id,
        leads.version,
        campaign_names.campaign
    from leads
    cross join lateral jsonb_array_elements_text(leads.linked_campaigns) with ordinality as links (record_id, place)
    inner join campaign_names
        on leads.client = campaign_names.client and links.record_id = campaign_names.record_id
    where leads.campaign is null
    order by leads.client, leads.record_id, leads.version, links.place
),

named as (
    select
        leads.*,
        coalesce(leads.campaign, linked.campaign) as campaign_name,
        first_loads.first_loaded_at
    from leads
    left join linked using (client, record_id, version)
    left join first_loads
        on leads.client = first_loads.client and first_loads.source_table = 'leads'
)

select
    client,
    record_id as lead_id,
    version,
    observed_at,
    operation,
    first_loaded_at,
    created_at,
    is_present,
    lead,
    first_name,
    last_name,
    email,
    phone,
    staging.phone_key(phone) as phone_key,
    company,
    job_title,
    linked_campaigns,
    campaign_name,
    coalesce(staging.campaign_key(campaign_name), 'unassigned') as campaign_key,
    variant,
    icp_score,
    processing_status,
    hrq_status,
    sms_status,
    coalesce(sms_status = 'Test', false) as is_test,
    step,
    sent_count,
    last_sent_at,
    sms_stopped,
    stop_reason,
    case
        when not sms_stopped then null
        when stop_letters in ('STOP', 'STOPALL', 'UNSUB', 'UNSUBSCRIBE', 'CANCEL', 'END', 'QUIT', 'OPTOUT')
            then 'opted_out'
        when stop_letters = 'BOOKED' or (stop_reason is null and booked) then 'booked'
        else 'removed'
    end as stop_cause,
    booked,
    booked_at,
    short_link_url,
    click_count,
    clicked_link,
    first_clicked_at,
    reply_count,
    conversation_status,
    coalesce(conversation_status <> 'No Reply', false) as has_reply_status,
    engagement_level,
    lead_source,
    claimed_by,
    claimed_at,
    notes,
    issues
from named
