-- One row per client, event: spec/metrics.md section 10. A view, so that what people do shows at once.
{{ config(materialized='view', post_hook=[]) }}
{#- What each action of the bot is called, and which changes of the record it causes. -#}
{%- set actions = {
    'NOTE_ADDED': ('note_added', ['note_added']),
    'LEAD_REMOVED_FROM_CAMPAIGN': ('removed', ['stopped', 'status', 'hrq_status']),
    'LEAD_STATUS_CHANGED': ('hrq_status', ['hrq_status', 'status']),
    'LEAD_CLAIMED': ('claimed', ['claimed']),
    'LEAD_UNCLAIMED': ('unclaimed', ['unclaimed']),
    'CHANGE_UNDONE': (
        'change_undone', ['status', 'hrq_status', 'resumed', 'claimed', 'unclaimed']
    ),
} %}
{%- set causes %}
case actions.action
{%- for action, (_, kinds) in actions.items() %}
            when '{{ action }}' then array['{{ kinds | join("', '") }}']
{%- endfor %}
        end
{%- endset %}
with

leads as (
    select * from {{ ref('int_leads__history') }}
    where is_present and not is_test
),

changes as (
    select * from {{ ref('int_leads__changes') }}
),

clicks as (
    select * from {{ ref('int_leads__clicks') }}
    where previous_observed_at is not null
),

-- Not materialized, or the timeline of one lead would read everybody's.
messages as not materialized (
    select * from {{ ref('messages') }}
    where lead_id is not null
),

actions as not materialized (
    select * from {{ ref('stg_uysp__actions') }}
)

select
    changes.client,
    changes.lead_id || ' ' || changes.version || ' ' || changes.kind as event_id,
    changes.lead_id,
    changes.at,
    changes.kind,
    case
        when changes.kind = 'campaign'
            then (
                -- Under the names that campaigns have now, as everywhere else.
                select string_agg(two.campaign, ' → ' order by two.version)
                from (
                    select
                        versions.version,
                        coalesce(known.campaign, versions.campaign_name, 'Unassigned') as campaign
                    from {{ ref('int_leads__versions') }} as versions
                    left join {{ ref('int_campaigns__known') }} as known using (client, campaign_key)
                    where
                        versions.client = changes.client
                        and versions.lead_id = changes.lead_id
                        and versions.version <= changes.version
                    order by versions.version desc
                    limit 2
                ) as two
            )
        else changes.detail
    end as detail,
    'airtable' as source,
    changes.actor
from changes
where
    -- A change that an action caused is that action's event: of the first version seen within ten minutes that has any
    -- of its kinds. What others write over it later is theirs.
    not exists (
        select from actions
        where
            actions.client = changes.client
            and actions.lead_id = changes.lead_id
            and changes.at >= actions.at - interval '1 minute'
            and changes.at <= actions.at + interval '10 minutes'
            and changes.kind = any({{ causes }})
            and not exists (
                select from {{ ref('int_leads__changes') }} as earlier
                where
                    earlier.client = changes.client
                    and earlier.lead_id = changes.lead_id
                    and earlier.version < changes.version
                    and earlier.at >= actions.at - interval '1 minute'
                    and earlier.kind = any({{ causes }})
            )
    )
union all
select
    clicks.client,
    clicks.lead_id || ' ' || clicks.version || ' clicked' as event_id,
    clicks.lead_id,
    clicks.clicked_at as at,
    'clicked' as kind,
    '+' || clicks.clicks as detail,
    'airtable' as source,
    null as actor
from clicks
where
    not exists (
        select from messages
        where
            messages.client = clicks.client
            and messages.lead_id = clicks.lead_id
            and messages.clicked_at > clicks.previous_observed_at
            and messages.clicked_at <= clicks.clicked_at
    )
union all
select
    messages.client,
    messages.message_id || ' ' || event.kind as event_id,
    messages.lead_id,
    event.at,
    event.kind,
    event.detail,
    'audit' as source,
    null as actor
from messages
cross join
    lateral (
        values
        (case when messages.failed then 'message_failed' else 'message_sent' end, messages.sent_at, messages.text),
        ('delivered', case when not messages.failed then messages.delivered_at end, null),
        ('clicked', messages.clicked_at, null)
    ) as event (kind, at, detail)
where event.at is not null
union all
select
    actions.client,
    'action ' || actions.action_id as event_id,
    actions.lead_id,
    actions.at,
    case actions.action
        {%- for action, (kind, _) in actions.items() %}
        when '{{ action }}' then '{{ kind }}'
        {%- endfor %}
    end as kind,
    coalesce(
        actions.details ->> 'type',
        actions.details ->> 'reason',
        actions.details ->> 'status'
    ) as detail,
    'bot' as source,
    actions.actor
from actions
inner join leads using (client, lead_id)
