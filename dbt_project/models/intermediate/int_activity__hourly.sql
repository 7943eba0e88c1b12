-- One row per client, hour (of UTC) with anything in it: what marts.dashboard adds up, with single events at the edges.
{{ config(unique_key=['client', 'hour']) }}

with

events as (
    select * from {{ ref('int_activity__events') }}
)

select
    client,
    date_trunc('hour', at, 'UTC') as hour,
{%- for kind in ['new_leads', 'messages_sent', 'bookings', 'opt_outs', 'clicks'] %}
coalesce(
    sum(amount) filter (where kind = '{{ kind }}'), 0
) as {{ kind }}{{ ',' if not loop.last }}
{%- endfor %}
from events
group by client, date_trunc('hour', at, 'UTC')
