-- One row per client, source table, record, field, rule that a cell breaks now: spec/metrics.md section 1, row issue.
{{ config(unique_key=['client', 'source_table', 'record_id', 'field', 'rule']) }}
{%- set tables = ['leads', 'campaigns', 'sms_audit'] %}
with

leads as (
    select
        client,
        lead_id as record_id,
        version,
        observed_at,
        is_present,
        issues
    from {{ ref('int_leads__versions') }}
),

standing_leads as (
    select * from leads
    where is_present
),

campaigns as (
    select * from {{ ref('stg_airtable__campaigns') }}
),

standing_campaigns as (
    select * from campaigns
    where is_present
),

sms_audit as (
    select * from {{ ref('stg_airtable__sms_audit') }}
),

standing_sms_audit as (
    select * from {{ ref('int_messages__audit') }}
),

{% for table in tables %}
-- First the few records that have any, so that no other one's history is read.
dirty_{{ table }} as materialized (
    select
        client,
        record_id,
        issues as present_issues
    from standing_{{ table }}
    where issues <> '[]'
),

{{ table }}_versions as materialized (
    select
        '{{ table }}' as source_table,
        client,
        record_id,
        versions.version,
        versions.observed_at,
        versions.issues,
        dirty.present_issues
    from dirty_{{ table }} as dirty
    inner join {{ table }} as versions using (client, record_id)
),

{% endfor -%}
versions as (
    {%- for table in tables %}
    select * from {{ table }}_versions
    {{ 'union all' if not loop.last }}
    {%- endfor %}
),

-- The run of versions that have the issue begins after the last one that does not.
runs as (
    select
        versions.client,
        versions.source_table,
        versions.record_id,
        present.issue ->> 0 as field,
        present.issue ->> 1 as rule,
        present.issue ->> 2 as value,
        versions.version,
        versions.observed_at,
        max(versions.version) filter (
            where not exists (
                select from jsonb_array_elements(versions.issues) as earlier (issue)
                where
                    earlier.issue ->> 0 = present.issue ->> 0
                    and earlier.issue ->> 1 = present.issue ->> 1
            )
        ) over (
            partition by
                versions.client, versions.source_table, versions.record_id, present.issue ->> 0, present.issue ->> 1
        ) as last_without
    from versions
    cross join lateral jsonb_array_elements(versions.present_issues) as present (issue)
)

select
    client,
    source_table,
    record_id,
    field,
    value,
    rule,
    min(observed_at) as seen_at
from runs
where version > coalesce(last_without, 0)
group by client, source_table, record_id, field, value, rule
