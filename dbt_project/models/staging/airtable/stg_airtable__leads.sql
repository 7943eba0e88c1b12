-- One row per client, record, version (deletions are none). Rules: spec/metrics.md section 1, as macros.
-- Without a WITH, so that Postgres reads only what a model joins it with, and not every version.
{%- set fields = {
    'text': [
        'Lead', 'First Name', 'Last Name', 'Email', 'Phone', 'Company', 'Job Title', 'SMS Stop Reason', 'Short Link URL',
        'Claimed By', 'Notes',
    ],
    'select': [
        'Campaign (CORRECTED)', 'SMS Variant', 'Processing Status', 'HRQ Status', 'SMS Status', 'Conversation Status',
        'Engagement - Level', 'Lead Source',
    ],
    'count': ['SMS Sequence Position', 'SMS Sent Count', 'Click Count', 'Reply Count'],
    'number': ['ICP Score'],
    'date': ['SMS Last Sent At', 'Booked At', 'First Clicked At', 'Claimed At'],
    'checkbox': ['SMS Stop', 'Booked', 'Clicked Link'],
    'links': ['Linked Campaign'],
} %}
{%- set click_without_link -%}
    case
        when {{ airtable_count('Click Count') }} > 0 and not {{ airtable_checkbox('Clicked Link') }}
            then jsonb_build_array('Clicked Link', 'clicks_but_not_clicked', cells."Click Count" #>> '{}')
    end
{%- endset %}
select
    versions.client,
    versions.record_id,
    versions.version,
    versions.observed_at,
    versions.operation,
    records.created_time as created_at,
    records.deleted_at is null and versions.version = records.version as is_present,
    {{ airtable_text('Lead') }} as lead,
    {{ airtable_text('First Name') }} as first_name,
    {{ airtable_text('Last Name') }} as last_name,
    {{ airtable_text('Email') }} as email,
    {{ airtable_text('Phone') }} as phone,
    {{ airtable_text('Company') }} as company,
    {{ airtable_text('Job Title') }} as job_title,
    {{ airtable_select('leads', 'Campaign (CORRECTED)') }} as campaign,
    case when jsonb_typeof(cells."Linked Campaign") = 'array' then cells."Linked Campaign" end as linked_campaigns,
    {{ airtable_select('leads', 'SMS Variant') }} as variant,
    {{ airtable_number('ICP Score') }} as icp_score,
    regexp_replace({{ airtable_select('leads', 'Processing Status') }}, '^Complete$', 'Completed') as processing_status,
    {{ airtable_select('leads', 'HRQ Status') }} as hrq_status,
    {{ airtable_select('leads', 'SMS Status') }} as sms_status,
    {{ airtable_count('SMS Sequence Position') }} as step,
    {{ airtable_count('SMS Sent Count') }} as sent_count,
    {{ airtable_timestamp('SMS Last Sent At') }} as last_sent_at,
    {{ airtable_checkbox('SMS Stop') }} as sms_stopped,
    {{ airtable_text('SMS Stop Reason') }} as stop_reason,
    {{ airtable_checkbox('Booked') }} as booked,
    {{ airtable_timestamp('Booked At') }} as booked_at,
    {{ airtable_text('Short Link URL') }} as short_link_url,
    {{ airtable_count('Click Count') }} as click_count,
    {{ airtable_checkbox('Clicked Link') }} as clicked_link,
    {{ airtable_timestamp('First Clicked At') }} as first_clicked_at,
    {{ airtable_count('Reply Count') }} as reply_count,
    {{ airtable_select('leads', 'Conversation Status') }} as conversation_status,
    {{ airtable_select('leads', 'Engagement - Level') }} as engagement_level,
    {{ airtable_select('leads', 'Lead Source') }} as lead_source,
    {{ airtable_text('Claimed By') }} as claimed_by,
    {{ airtable_timestamp('Claimed At') }} as claimed_at,
    {{ airtable_text('Notes') }} as notes,
    {{ airtable_issues(fields, more=[click_without_link]) }} as issues
from {{ source('airtable', 'leads_history') }} as versions
inner join {{ source('airtable', 'leads') }} as records using (client, record_id)
{{ airtable_cells(fields) }}
where versions.operation <> 'deleted'
