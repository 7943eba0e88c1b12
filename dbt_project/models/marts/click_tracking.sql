-- One row per client, campaign, reached step that has leads, without test leads: spec/metrics.md section 6.
{{ config(unique_key=['client', 'campaign', 'reached_step']) }}

with

leads as (
    select
        *,
        short_link_url is not null as has_link
    from {{ ref('leads') }}
    where not is_test
),

counted as (
    select
        client,
        campaign,
        reached_step,
        count(*) filter (where has_link) as links,
        sum(clicks) as clicks,
        count(*) filter (where clicked) as clickers,
        count(*) filter (where clicked and has_link) as linked_clickers,
        count(*) filter (where clicked and booked) as booked_clickers,
        count(*) filter (where has_link and not clicked) as others,
        count(*) filter (where has_link and not clicked and booked) as booked_others
    from leads
    group by client, campaign, reached_step
)

select
    client,
    campaign,
    reached_step,
    links,
    clicks,
    clickers,
    linked_clickers,
    {{ rate('linked_clickers', 'links') }} as link_click_rate,
    booked_clickers,
    {{ rate('booked_clickers', 'clickers') }} as booking_rate_of_clickers,
    others,
    booked_others,
    {{ rate('booked_others', 'others') }} as booking_rate_of_others
from counted
