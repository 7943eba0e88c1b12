-- One row per client, lead, gone leads included: what its versions tell together.
-- A state that holds now began with the first version after the last one in which it did not hold.
{{ config(unique_key=['client', 'lead_id'], meta={'scope': 'int_leads__changed'}) }}

with

versions as (
    select
        known.*,
        case
            when known.stop_cause is null then 'open'
            when known.stop_cause in ('opted_out', 'removed') then 'silenced'
            else 'booked'
        end as contact_state
    from {{ ref('int_leads__versions') }} as known
    inner join {{ ref('int_leads__changed') }} using (client, lead_id)
),

latest as (
    select distinct on (client, lead_id) * from versions
    order by client asc, lead_id asc, version desc
),

-- The last version in which each state did not hold.
breaks as (
    select
        versions.client,
        versions.lead_id,
        max(versions.version) filter (where versions.stop_cause is distinct from 'opted_out') as not_opted_out,
        max(versions.version) filter (where not versions.booked) as not_booked,
        max(versions.version) filter (where versions.processing_status is distinct from 'Ready for SMS') as not_ready,
        max(versions.version) filter (
            where
            versions.phone_key is distinct from latest.phone_key
            or versions.contact_state is distinct from latest.contact_state
        ) as in_other_contact,
        max(versions.version) filter (
            where
            versions.processing_status is distinct from latest.processing_status
            or versions.campaign_key is distinct from latest.campaign_key
            or versions.step is distinct from latest.step
            or versions.variant is distinct from latest.variant
        ) as at_other_place
    from versions
    inner join latest using (client, lead_id)
    group by versions.client, versions.lead_id
),

leads as (
    select
        versions.client,
        versions.lead_id,
        min(versions.first_loaded_at) as first_loaded_at,
        min(versions.created_at) as created_at,
        bool_or(versions.is_present) as is_present,
        bool_or(versions.is_test) as is_test,
        max(versions.step) filter (where versions.campaign_key = latest.campaign_key) as highest_step,
        max(versions.click_count) as clicks,
        max(versions.reply_count) as replies,
        min(versions.version) as first_version,
        min(versions.version) filter (where versions.campaign_key = latest.campaign_key) as first_version_in_campaign,
        min(versions.observed_at) filter (
            where versions.campaign_key = latest.campaign_key
        ) as first_seen_in_campaign_at,
        min(versions.observed_at) filter (
            where versions.version > coalesce(breaks.not_opted_out, 0)
        ) as seen_opted_out_at,
        min(versions.observed_at) filter (where versions.version > coalesce(breaks.not_booked, 0)) as seen_booked_at,
        min(versions.booked_at) filter (
            where versions.version > coalesce(breaks.not_booked, 0) and versions.observed_at = versions.first_loaded_at
        ) as booked_at_in_first_load,
        min(versions.observed_at) filter (where versions.version > coalesce(breaks.not_ready, 0)) as seen_ready_at,
        min(versions.observed_at) filter (
            where versions.version > coalesce(breaks.in_other_contact, 0)
        ) as in_contact_state_since,
        min(versions.observed_at) filter (
            where versions.version > coalesce(breaks.at_other_place, 0)
        ) as in_place_since
    from versions
    inner join latest using (client, lead_id)
    inner join breaks using (client, lead_id)
    group by versions.client, versions.lead_id
)

select
    client,
    lead_id,
    leads.is_present,
    leads.is_test,
    leads.created_at,
    latest.campaign_key,
    latest.campaign_name,
    latest.variant,
    latest.step,
    latest.processing_status,
    latest.phone,
    latest.phone_key,
    latest.sms_stopped,
    latest.stop_cause,
    leads.highest_step,
    leads.clicks,
    leads.replies > 0 as has_replies,
    case
        when leads.first_version_in_campaign > leads.first_version then leads.first_seen_in_campaign_at
    end as in_campaign_since,
    nullif(leads.seen_opted_out_at, leads.first_loaded_at) as opted_out_at,
    case
        when leads.seen_booked_at > leads.first_loaded_at then leads.seen_booked_at
        when leads.booked_at_in_first_load <= leads.first_loaded_at then leads.booked_at_in_first_load
    end as booking_made_at,
    case
        when leads.seen_ready_at > leads.first_loaded_at then leads.seen_ready_at
        when leads.seen_ready_at = leads.first_loaded_at then leads.created_at
    end as ready_since,
    latest.contact_state,
    leads.in_contact_state_since,
    leads.in_place_since
from leads
inner join latest using (client, lead_id)
