-- Leads, bookings, opt-outs, clickers and clicks of a campaign are the same by campaign, by step, by variant, by click;
-- and a campaign that one of these marts has leads of, all of them have.
{{ config(tags=['every_build']) }}
{%- set sums = [
    ('campaign_performance', 'leads, bookings, opt_outs, clickers, clicks'),
    ('sequence_steps', 'sum(leads_furthest), sum(bookings), sum(opt_outs), sum(clickers), sum(clicks)'),
    ('sequence_steps', 'sum(leads_at_step), sum(bookings), sum(opt_outs), sum(clickers), sum(clicks)'),
    ('variant_performance', 'sum(leads), sum(bookings), sum(opt_outs), sum(clickers), null::bigint'),
    ('click_tracking', 'null::bigint, null::bigint, null::bigint, sum(clickers), sum(clicks)'),
] %}
with

{% for mart, columns in sums -%}
counted_{{ loop.index }} (client, campaign, leads, bookings, opt_outs, clickers, clicks) as (
    select
        client,
        campaign,
        {{ columns }}
    from {{ ref(mart) }}
    {{ 'where leads > 0' if loop.first else 'group by client, campaign' }}
){{ ',' if not loop.last }}

{% endfor %}
{% for mart, columns in sums[1:] -%}
select
    '{{ mart }}' as mart,
    client,
    campaign
from counted_1 as performance
full join counted_{{ loop.index + 1 }} as other using (client, campaign)
where
    performance.client is null
    or other.client is null
    or other.leads <> performance.leads
    or other.bookings <> performance.bookings
    or other.opt_outs <> performance.opt_outs
    or other.clickers <> performance.clickers
    or other.clicks <> performance.clicks
{{ 'union all' if not loop.last }}
{% endfor %}
