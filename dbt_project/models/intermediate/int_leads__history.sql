-- One row per client, lead, gone ones included: what its versions tell together.
-- A state that holds now began with the first version after the last one in which it did not hold.
with

versions as (
    select
        *,
        first_value(campaign_key) over newest_first as present_campaign_key,
        first_value(campaign_name) over newest_first as present_campaign_name,
        first_value(stop_cause) over newest_first as present_stop_cause,
        max(version) filter (where stop_cause is distinct from 'opted_out') over whole as last_not_opted_out,
        max(version) filter (where not booked) over whole as last_not_booked
    from {{ ref('int_leads__versions') }}
    window
        whole as (partition by client, lead_id),
        newest_first as (partition by client, lead_id order by version desc)
),

leads as (
    select
        client,
        lead_id,
        min(first_loaded_at) as first_loaded_at,
        bool_or(is_present) as is_present,
        bool_or(is_test) as is_test,
        min(present_campaign_key) as campaign_key,
        min(present_campaign_name) as campaign_name,
        min(present_stop_cause) as stop_cause,
        max(step) filter (where campaign_key = present_campaign_key) as highest_step,
        max(click_count) as clicks,
        max(reply_count) as replies,
        min(version) as first_version,
        min(version) filter (where campaign_key = present_campaign_key) as first_version_in_campaign,
        min(observed_at) filter (where campaign_key = present_campaign_key) as first_seen_in_campaign_at,
        min(observed_at) filter (where version > coalesce(last_not_opted_out, 0)) as seen_opted_out_at,
        min(observed_at) filter (where version > coalesce(last_not_booked, 0)) as seen_booked_at,
        min(booked_at) filter (
            where version > coalesce(last_not_booked, 0) and observed_at = first_loaded_at
        ) as booked_at_in_first_load
    from versions
    group by client, lead_id
)

select
    client,
    lead_id,
    is_present,
    is_test,
    campaign_key,
    campaign_name,
    stop_cause,
    highest_step,
    clicks,
    replies > 0 as has_replies,
    case when first_version_in_campaign > first_version then first_seen_in_campaign_at end as in_campaign_since,
    nullif(seen_opted_out_at, first_loaded_at) as opted_out_at,
    case
        when seen_booked_at > first_loaded_at then seen_booked_at
        when booked_at_in_first_load <= first_loaded_at then booked_at_in_first_load
    end as booking_made_at
from leads
