-- One row per client, lead that exists, test leads included: spec/metrics.md sections 2 and 3.
{{ config(unique_key=['client', 'lead_id'], meta={'scope': 'int_leads__affected'}) }}

with

affected as (
    select * from {{ ref('int_leads__affected') }}
),

leads as (
    select versions.*
    from {{ ref('int_leads__versions') }} as versions
    inner join affected using (client, lead_id)
    where versions.is_present
),

history as (
    select history.*
    from {{ ref('int_leads__history') }} as history
    inner join affected using (client, lead_id)
    where history.is_present
),

campaigns as (
    select * from {{ ref('int_campaigns__known') }}
),

messages as (
    select * from {{ ref('messages') }}
    where not failed
),

sent as (
    select
        client,
        lead_id,
        count(*)::integer as messages,
        least(
            count(distinct messages.text) filter (
                where messages.sent_at >= history.in_campaign_since or history.in_campaign_since is null
            ),
            100
        )::integer as texts_in_campaign
    from messages
    inner join history using (client, lead_id)
    group by client, lead_id
),

joined as (
    select
        leads.*,
        history.highest_step,
        history.clicks,
        history.has_replies,
        history.opted_out_at,
        history.booking_made_at,
        history.is_test as was_ever_test,
        leads.clicked_link or history.clicks > 0 as clicked,
        campaigns.campaign as known_campaign,
        coalesce(sent.messages, 0) as messages,
        coalesce(sent.texts_in_campaign, 0) as texts_in_campaign
    from leads
    inner join history
        on leads.client = history.client and leads.lead_id = history.lead_id
    left join campaigns
        on leads.client = campaigns.client and leads.campaign_key = campaigns.campaign_key
    left join sent
        on leads.client = sent.client and leads.lead_id = sent.lead_id
)

select
    client,
    lead_id,
    coalesce(
        first_name || ' ' || last_name,
        first_name,
        last_name,
        lead,
        email,
        lead_id
    ) as name,
    first_name,
    last_name,
    email,
    phone,
    company,
    job_title,
    coalesce(known_campaign, campaign_name, 'Unassigned') as campaign,
    variant,
    icp_score,
    processing_status,
    hrq_status,
    sms_status,
    step,
    case when highest_step = 0 and not was_ever_test then texts_in_campaign else highest_step end as reached_step,
    case when was_ever_test then sent_count else greatest(sent_count, messages) end as messages_sent,
    last_sent_at,
    sms_stopped,
    stop_reason,
    stop_cause,
    opted_out_at,
    booked,
    booked_at,
    booking_made_at,
    short_link_url,
    click_count,
    clicks,
    clicked,
    first_clicked_at,
    has_replies or has_reply_status as replied,
    case engagement_level
        when 'Green' then 'High'
        when 'Yellow' then 'Medium'
        when 'Red' then 'Low'
        else engagement_level
    end as engagement_level,
    lead_source,
    claimed_by,
    claimed_at,
    notes,
    coalesce(processing_status in ('In Sequence', 'Ready for SMS'), false) as is_active,
    coalesce(processing_status in ('Completed', 'Stopped'), false) as is_done,
    clicked and not booked and coalesce(stop_cause not in ('opted_out', 'removed'), true) as is_hot,
    was_ever_test as is_test,
    created_at,
    observed_at as modified_at
from joined
