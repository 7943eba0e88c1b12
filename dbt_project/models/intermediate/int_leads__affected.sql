-- One row per client, lead whose row in marts.leads is computed anew: leads that changed, those of a campaign known or
-- shown otherwise, and those that an affected message goes to or went to.
{{ config(incremental_strategy='refill') }}

with

audit as (
    select * from {{ ref('int_messages__audit') }}
),

affected as (
    select * from {{ ref('int_messages__affected') }}
)

select
    client,
    lead_id
from {{ ref('int_leads__changed') }}
union
select
    history.client,
    history.lead_id
from {{ ref('int_leads__history') }} as history
inner join {{ ref('int_campaigns__changed') }} using (client, campaign_key)
union
select
    client,
    lead_record_id as lead_id
from {{ ref('int_messages__changed') }}
where lead_record_id is not null
union
select
    audit.client,
    audit.lead_record_id as lead_id
from audit
inner join affected
    on audit.client = affected.client and audit.record_id = affected.message_id
where audit.lead_record_id is not null
