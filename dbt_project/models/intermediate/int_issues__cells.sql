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
present_{{ table }} as materialized (
    select
        standing.client,
        standing.record_id,
        list.issue ->> 0 as field,
        list.issue ->> 1 as rule,
        list.issue ->> 2 as value
    from standing_{{ table }} as standing
    cross join lateral jsonb_array_elements(standing.issues) as list (issue)
),

-- The run of versions that have the issue begins after the last one that does not.
{{ table }}_runs as (
    select
        issues.client,
        issues.record_id,
        issues.field,
        issues.rule,
        issues.value,
        earlier.version,
        earlier.observed_at,
        max(earlier.version) filter (
            where not exists (
                select from jsonb_array_elements(earlier.issues) as list (issue)
                where list.issue ->> 0 = issues.field and list.issue ->> 1 = issues.rule
            )
        ) over (partition by issues.client, issues.record_id, issues.field, issues.rule) as last_without
    from present_{{ table }} as issues
    inner join {{ table }} as earlier using (client, record_id)
),
{% endfor %}

runs as (
    {%- for table in tables %}
    select
        '{{ table }}' as source_table,
        *
    from {{ table }}_runs
    {{ 'union all' if not loop.last }}
    {%- endfor %}
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
