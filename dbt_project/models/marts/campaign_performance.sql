-- One row per client, campaign, without test leads: spec/metrics.md section 4.
{{ config(unique_key=['client', 'campaign']) }}
{%- set statuses = [
    'Backlog', 'Queued', 'Processing', 'Ready for SMS', 'In Sequence', 'Stopped', 'Completed', 'Failed',
] %}
with

leads as (
    select * from {{ ref('leads') }}
    where not is_test
),

campaigns as (
    select * from {{ ref('int_campaigns__known') }}
),

counted as (
    select
        client,
        campaign,
        count(*) as leads,
        count(*) filter (where reached_step = 0) as not_started,
        count(*) filter (where reached_step = 1) as step_1,
        count(*) filter (where reached_step = 2) as step_2,
        count(*) filter (where reached_step = 3) as step_3,
        count(*) filter (where reached_step >= 4) as step_4_plus,
        {%- for status in statuses %}
        count(*) filter (where processing_status = '{{ status }}') as {{ status | lower | replace(' ', '_') }},
        {%- endfor %}
        count(*) filter (
            where processing_status in (
                {%- for status in statuses %}
                '{{ status }}'{{ ',' if not loop.last }}
                {%- endfor %}
            )
        ) as known_status,
        count(*) filter (where booked) as bookings,
        count(*) filter (where stop_cause = 'opted_out') as opt_outs,
        count(*) filter (where stop_cause = 'removed') as removed,
        count(*) filter (where sms_stopped) as sms_stopped,
        count(*) filter (where replied) as replies,
        sum(clicks) as clicks,
        count(*) filter (where clicked) as clickers,
        sum(messages_sent) as messages_sent,
        max(last_sent_at) as last_sent_at
    from leads
    group by client, campaign
)

select
    client,
    campaign,
    campaigns.campaign_type,
    campaigns.is_paused,
    campaigns.is_unassigned,
    campaigns.is_internal,
    {%- for column in ['leads', 'not_started', 'step_1', 'step_2', 'step_3', 'step_4_plus'] %}
    coalesce(counted.{{ column }}, 0) as {{ column }},
    {%- endfor %}
    {%- for status in statuses %}
    coalesce(counted.{{ status | lower | replace(' ', '_') }}, 0) as {{ status | lower | replace(' ', '_') }},
    {%- endfor %}
    coalesce(counted.leads - counted.known_status, 0) as other_status,
    coalesce(counted.bookings, 0) as bookings,
    {{ rate('counted.bookings', 'counted.leads') }} as booking_rate,
    coalesce(counted.opt_outs, 0) as opt_outs,
    {{ rate('counted.opt_outs', 'counted.leads') }} as opt_out_rate,
    coalesce(counted.removed, 0) as removed,
    coalesce(counted.sms_stopped, 0) as sms_stopped,
    coalesce(counted.replies, 0) as replies,
    {{ rate('counted.replies', 'counted.leads') }} as reply_rate,
    coalesce(counted.clicks, 0) as clicks,
    coalesce(counted.clickers, 0) as clickers,
    {{ rate('counted.clickers', 'counted.leads') }} as click_rate,
    coalesce(counted.messages_sent, 0) as messages_sent,
    {{ rate('counted.messages_sent', 'counted.leads') }} as messages_per_lead,
    counted.last_sent_at
from campaigns
left join counted using (client, campaign)
