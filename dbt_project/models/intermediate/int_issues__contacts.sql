-- One row per client, lead (no test) that is not stopped while another one with its phone opted out or was removed:
-- spec/metrics.md section 10, same_phone_as_stopped. Seen since both have been so.
{{ config(unique_key=['client', 'lead_id']) }}

with

leads as (
    select * from {{ ref('int_leads__history') }}
    where is_present and not is_test and phone_key is not null
),

others as (
    select * from leads
    where contact_state = 'silenced'
)

select
    leads.client,
    leads.lead_id,
    leads.phone,
    min(greatest(leads.in_contact_state_since, others.in_contact_state_since)) as seen_at
from leads
inner join others using (client, phone_key)
where leads.contact_state = 'open' and leads.lead_id <> others.lead_id
group by leads.client, leads.lead_id, leads.phone
