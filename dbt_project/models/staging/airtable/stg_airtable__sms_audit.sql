-- One row per client, record, version (deletions are none). Rules: spec/metrics.md section 1, as macros.
-- Without a WITH, so that Postgres reads only what a model joins it with, and not every version.
{%- set fields = {
    'text': ['Event', 'Campaign ID', 'Phone', 'Lead Record ID', 'Text'],
    'select': ['Status'],
    'date': ['Sent At', 'Delivery At', 'Clicked At'],
} %}
select
    versions.client,
    versions.record_id,
    versions.version,
    versions.observed_at,
    records.created_time as created_at,
    records.deleted_at is null and versions.version = records.version as is_present,
    {{ airtable_text('Event') }} as event,
    {{ airtable_text('Campaign ID') }} as campaign,
    {{ airtable_text('Phone') }} as phone,
    {{ airtable_select('sms_audit', 'Status') }} as status,
    {{ airtable_text('Lead Record ID') }} as lead_record_id,
    {{ airtable_text('Text') }} as text,
    {{ airtable_timestamp('Sent At') }} as sent_at,
    {{ airtable_timestamp('Delivery At') }} as delivery_at,
    {{ airtable_timestamp('Clicked At') }} as clicked_at,
    {{ airtable_issues(fields) }} as issues
from {{ source('airtable', 'sms_audit_history') }} as versions
inner join {{ source('airtable', 'sms_audit') }} as records using (client, record_id)
{{ airtable_cells(fields) }}
where versions.operation <> 'deleted'
