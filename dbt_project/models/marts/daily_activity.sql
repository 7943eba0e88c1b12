-- One row per client, campaign, day (in the client's time zone) with anything in it: spec/metrics.md section 8.
{{ config(unique_key=['client', 'campaign', 'day']) }}
{%- set kinds = ['new_leads', 'messages_sent', 'messages_delivered', 'bookings', 'opt_outs', 'clicks'] %}
with

clients as (
    select * from {{ ref('stg_uysp__clients') }}
),

first_loads as (
    select * from {{ ref('stg_uysp__first_loads') }}
    where source_table = 'leads'
),

events as (
    select * from {{ ref('int_activity__events') }}
    union all
    select
        client,
        campaign,
        'messages_delivered' as kind,
        delivered_at as at,
        1 as amount
    from {{ ref('int_messages__outcomes') }}
    where not failed and delivered_at is not null
),

counted as (
    select
        client,
        events.campaign,
        (events.at at time zone clients.timezone)::date as day,
        min((first_loads.first_loaded_at at time zone clients.timezone)::date) as first_loaded_on,
    {%- for kind in kinds %}
    coalesce(
        sum(events.amount) filter (where events.kind = '{{ kind }}'), 0
    ) as {{ kind }}{{ ',' if not loop.last }}
    {%- endfor %}
    from events
    inner join clients using (client)
    left join first_loads using (client)
    group by client, events.campaign, (events.at at time zone clients.timezone)::date
)

select
    client,
    campaign,
    day,
    new_leads,
    messages_sent,
    messages_delivered,
    bookings,
    -- Before the first load nobody knows.
    case when day >= first_loaded_on then opt_outs end as opt_outs,
    case when day >= first_loaded_on then clicks end as clicks
from counted
