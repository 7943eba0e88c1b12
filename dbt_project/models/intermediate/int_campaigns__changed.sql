-- One row per client, campaign that is known or shown otherwise than when the marts were last built.
{{ config(incremental_strategy='refill') }}

with

known as (
    select * from {{ ref('int_campaigns__known') }}
),

built as (
    select * from {{ ref('stg_uysp__built_campaigns') }}
)

select
    client,
    campaign_key
from known
full join built using (client, campaign_key)
where known.campaign is distinct from built.campaign
