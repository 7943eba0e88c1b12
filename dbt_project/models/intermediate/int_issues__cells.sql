-- One row per client, source table, record, field, rule that a cell breaks now: spec/metrics.md section 1, row issue.
{%- set tables = ['campaigns', 'sms_audit'] %}
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

{% for table in tables %}
{{ table }} as not materialized (
    select * from {{ ref('stg_airtable__' ~ table) }}
),

{% endfor %}
{%- for table in ['leads'] + tables %}
present_{{ table }} as materialized (
    select
        {{ table }}.client,
        {{ table }}.record_id,
        list.issue ->> 0 as field,
        list.issue ->> 1 as rule,
        list.issue ->> 2 as value
    from {{ table }}
    cross join lateral jsonb_array_elements({{ table }}.issues) as list (issue)
    where {{ table }}.is_present
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
    {%- for table in ['leads'] + tables %}
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
