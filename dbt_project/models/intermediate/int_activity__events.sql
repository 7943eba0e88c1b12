-- One row per client, event that a period counts: spec/metrics.md sections 8 and 9. Campaign is the lead's present one,
-- for messages the message's. Ephemeral, so that a range of times is looked up in the indexes of each table below; for
-- that reason each table is named where it is read (Postgres computes whole what is named once and used twice) and
-- joined by left joins on keys (Postgres leaves out those that a reader does not need).
{{ config(materialized='ephemeral') }}

{% for kind, moment in [
    ('new_leads', 'created_at'), ('bookings', 'booking_made_at'), ('opt_outs', 'opted_out_at')
] -%}
select
    leads.client,
    campaigns.campaign,
    '{{ kind }}' as kind,
    leads.{{ moment }} as at,
    1 as amount
from {{ ref('int_leads__history') }} as leads
left join {{ ref('int_campaigns__known') }} as campaigns using (client, campaign_key)
where leads.is_present and not leads.is_test and leads.{{ moment }} is not null
union all
{% endfor -%}
select
    clicks.client,
    campaigns.campaign,
    'clicks' as kind,
    clicks.clicked_at as at,
    clicks.clicks as amount
from {{ ref('int_leads__clicks') }} as clicks
left join {{ ref('int_leads__history') }} using (client, lead_id)
left join {{ ref('int_campaigns__known') }} as campaigns using (client, campaign_key)
union all
select
    client,
    campaign,
    'messages_sent' as kind,
    sent_at as at,
    1 as amount
from {{ ref('int_messages__outcomes') }}
where not failed
