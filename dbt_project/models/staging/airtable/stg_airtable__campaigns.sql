-- One row per client, record, version (deletions are none). Rules: spec/metrics.md section 1, as macros.
{%- set fields = {'text': ['Campaign Name'], 'select': ['Campaign Type'], 'checkbox': ['Active']} %}
with

versions as (
    select * from {{ source('airtable', 'campaigns_history') }}
),

records as (
    select * from {{ source('airtable', 'campaigns') }}
)

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
from versions
inner join records using (client, record_id)
{{ airtable_cells(fields) }}
where versions.operation <> 'deleted'
