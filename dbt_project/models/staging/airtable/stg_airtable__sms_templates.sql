-- One row per client, record, version (deletions are none). Rules: spec/metrics.md section 1, as macros.
-- Without a WITH, so that Postgres reads only what a model joins it with, and not every version.
{%- set fields = {'text': ['Campaign', 'Body'], 'select': ['Variant'], 'number': ['Step']} %}
select
    versions.client,
    versions.record_id,
    versions.version,
    versions.observed_at,
    records.created_time as created_at,
    records.deleted_at is null and versions.version = records.version as is_present,
    {{ airtable_text('Campaign') }} as campaign,
    {{ airtable_select('sms_templates', 'Variant') }} as variant,
    {{ airtable_number('Step') }} as step,
    {{ airtable_text('Body') }} as body
from {{ source('airtable', 'sms_templates_history') }} as versions
inner join {{ source('airtable', 'sms_templates') }} as records using (client, record_id)
{{ airtable_cells(fields) }}
where versions.operation <> 'deleted'
