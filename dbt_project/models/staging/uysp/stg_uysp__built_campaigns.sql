-- One row per client, campaign as the marts were last built with it.
{{ config(materialized='ephemeral') }}

select
    client,
    campaign_key,
    campaign
from {{ source('app', 'built_campaigns') }}
