-- A lead that Airtable has, and no other, is in marts.leads.
with

records as (
    select * from {{ ref('stg_airtable__records') }}
    where source_table = 'leads' and not is_deleted
),

leads as (
    select * from {{ ref('leads') }}
)

select
    coalesce(records.client, leads.client) as client,
    coalesce(records.record_id, leads.lead_id) as lead_id
from records
full join leads
    on records.client = leads.client and records.record_id = leads.lead_id
where records.record_id is null or leads.lead_id is null
