-- One row per client, Campaigns record, gone ones included: its present or last name, and with which load it got it.
{{ config(unique_key=['client', 'record_id']) }}

with

campaigns as (
    select
        *,
        first_value(campaign) over (partition by client, record_id order by version desc) as latest_name
    from {{ ref('stg_airtable__campaigns') }}
),

latest as (
    select
        client,
        record_id,
        latest_name,
        coalesce(max(version) filter (where campaign is distinct from latest_name), 0) as last_other
    from campaigns
    group by client, record_id, latest_name
)

select distinct on (client, record_id)
    client,
    record_id,
    latest.latest_name as campaign,
    campaigns.load_id as named_in_load
from campaigns
inner join latest using (client, record_id)
where campaigns.version > latest.last_other
order by client, record_id, campaigns.version
