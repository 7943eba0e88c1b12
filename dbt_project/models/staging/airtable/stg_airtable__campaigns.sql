-- One row per client, record, version (deletions are none). Rules: spec/metrics.md section 1, as macros.
-- Without a WITH, so that Postgres reads only what a model joins it with, and not every version.
{%- set fields = {'text': ['Campaign Name'], 'select': ['Campaign Type'], 'checkbox': ['Active']} %}
select
    versions.client,
    versions.record_id,
    versions.version,
    versions.observed_at,
    versions.load_id,
    records.created_time as created_at,
    records.deleted_at is null and versions.version = records.version as is_present,
    {{ airtable_text('Campaign Name') }} as campaign,
    {{ airtable_select('campaigns', 'Campaign Type') }} as campaign_type,
    {{ airtable_checkbox('Active') }} as is_active,
    {{ airtable_issues(fields) }} as issues
from {{ source('airtable', 'campaigns_history') }} as versions
inner join {{ source('airtable', 'campaigns') }} as records using (client, record_id)
{{ airtable_cells(fields) }}
where versions.operation <> 'deleted'
