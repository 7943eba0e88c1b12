-- One row per client, period: spec/metrics.md section 9. A view, so that windows end at the moment of reading.
-- An hour that a window holds as a whole is in int_activity__hourly; its first and last minutes are looked up event by
-- event: events in (from, to] = whole hours between those of `from` and `to`, less what lies in the hour of `from` up
-- to it, plus what lies in the hour of `to` up to it.
{{ config(materialized='view', post_hook=[]) }}
{%- set kinds = ['new_leads', 'messages_sent', 'bookings', 'opt_outs', 'clicks'] %}
{%- set columns = {'new_leads': 'new_leads', 'messages_sent': 'messages', 'bookings': 'bookings',
                   'opt_outs': 'opt_outs', 'clicks': 'clicks'} %}
with

campaigns as (
    select
        *,
        not is_unassigned and not is_internal as is_outreach
    from {{ ref('campaign_performance') }}
),

first_loads as (
    select * from {{ ref('stg_uysp__first_loads') }}
    where source_table = 'leads'
),

hourly as not materialized (
    select * from {{ ref('int_activity__hourly') }}
),

events as (
    select * from {{ ref('int_activity__events') }}
),

totals as (
    select
        client,
        statement_timestamp() as as_of,
        sum(leads)::bigint as leads,
        sum(in_sequence + ready_for_sms)::bigint as active_leads,
        sum(completed + stopped)::bigint as done_leads,
        sum(messages_sent)::bigint as messages_sent,
        sum(bookings)::bigint as bookings,
        sum(opt_outs)::bigint as opt_outs,
        sum(clicks)::bigint as clicks,
        sum(clickers)::bigint as clickers,
        count(*) filter (where is_outreach) as campaigns,
        count(*) filter (where is_outreach and in_sequence > 0) as active_campaigns,
        count(*) filter (where is_outreach and is_paused) as paused_campaigns
    from campaigns
    group by client
),

-- Where windows begin or end, with what happened in its hour up to it.
edges as materialized (
    select
        totals.client,
        ages.hours,
        totals.as_of - make_interval(hours => ages.hours) as at,
        date_trunc('hour', totals.as_of - make_interval(hours => ages.hours), 'UTC') as hour,
        counted.*
    from totals
    cross join (values (0), (24), (48), (168), (336), (720), (1440)) as ages (hours)
    cross join lateral (
        select
        {%- for kind in kinds %}
        coalesce(
            sum(events.amount) filter (where events.kind = '{{ kind }}'), 0
        ) as {{ kind }}{{ ',' if not loop.last }}
        {%- endfor %}
        from events
        where
            events.client = totals.client
            and events.at >= date_trunc('hour', totals.as_of - make_interval(hours => ages.hours), 'UTC')
            and events.at <= totals.as_of - make_interval(hours => ages.hours)
    ) as counted
),

windows as (
    select
        edges.client,
        spans.period,
        spans.is_previous,
    {%- for kind in kinds %}
    (
        coalesce(sum(hourly.{{ kind }}), 0) - min(edges.{{ kind }}) + min(ends.{{ kind }})
    )::bigint as {{ kind }}{{ ',' if not loop.last }}
    {%- endfor %}
    from edges
    inner join (
        values
        ('24h', false, 24, 0), ('24h', true, 48, 24),
        ('7d', false, 168, 0), ('7d', true, 336, 168),
        ('30d', false, 720, 0), ('30d', true, 1440, 720)
    ) as spans (period, is_previous, from_hours, to_hours)
        on edges.hours = spans.from_hours
    inner join edges as ends
        on edges.client = ends.client
    left join hourly
        on edges.client = hourly.client and edges.hour <= hourly.hour and ends.hour > hourly.hour
    where spans.to_hours = ends.hours
    group by edges.client, spans.period, spans.is_previous
)

select
    totals.client,
    periods.period,
    totals.as_of,
    first_loads.first_loaded_at as history_since,
    totals.leads,
    totals.active_leads,
    totals.done_leads,
    totals.messages_sent,
    totals.bookings,
    {{ rate('totals.bookings', 'totals.leads') }} as booking_rate,
    totals.opt_outs,
    {{ rate('totals.opt_outs', 'totals.leads') }} as opt_out_rate,
    totals.clicks,
    totals.clickers,
    {{ rate('totals.clickers', 'totals.leads') }} as click_rate,
    last_day.new_leads as new_leads_24h,
    last_week.new_leads as new_leads_7d,
    totals.campaigns,
    totals.active_campaigns,
    totals.paused_campaigns,
    {%- for kind, column in columns.items() %}
    {%- set counts = {'new_leads': 'totals.leads', 'messages_sent': 'all_messages.messages'} %}
    {%- set whole = counts.get(kind, 'totals.' ~ kind) %}
    case
        when periods.period = 'all' then {{ whole }} else present.{{ kind }}
    end as {{ column }}_in_period,
    {%- endfor %}
{%- for kind, column in columns.items() %}
earlier.{{ kind }} as previous_{{ column }}_in_period{{ ',' if not loop.last }}
{%- endfor %}
from totals
cross join (values ('24h'), ('7d'), ('30d'), ('all')) as periods (period)
cross join
    lateral (
        select coalesce(sum(hourly.messages_sent), 0)::bigint as messages from hourly
        where hourly.client = totals.client
    ) as all_messages
inner join windows as last_day
    on totals.client = last_day.client and last_day.period = '24h' and not last_day.is_previous
inner join windows as last_week
    on totals.client = last_week.client and last_week.period = '7d' and not last_week.is_previous
left join windows as present
    on totals.client = present.client and periods.period = present.period and not present.is_previous
left join windows as earlier
    on totals.client = earlier.client and periods.period = earlier.period and earlier.is_previous
left join first_loads
    on totals.client = first_loads.client
