-- One row per client, source table, record, field, rule that is broken now: spec/metrics.md sections 1 (issue) and 10.
-- A view, because a lead that waits becomes an issue by time alone.
{{ config(materialized='view', post_hook=[]) }}

with

cells as (
    select * from {{ ref('int_issues__cells') }}
),

contacts as (
    select * from {{ ref('int_issues__contacts') }}
),

waiting as (
    select
        *,
        ready_since + interval '72 hours' as due_at
    from {{ ref('int_issues__waiting') }}
),

templates as (
    select * from {{ ref('int_issues__templates') }}
)

select
    client,
    source_table,
    record_id,
    field,
    value,
    rule,
    seen_at
from cells
union all
select
    client,
    'leads' as source_table,
    lead_id as record_id,
    'Phone' as field,
    phone as value,
    'same_phone_as_stopped' as rule,
    seen_at
from contacts
union all
select
    client,
    'leads' as source_table,
    lead_id as record_id,
    'Processing Status' as field,
    processing_status as value,
    'ready_but_not_sent_3d' as rule,
    due_at as seen_at
from waiting
where due_at <= statement_timestamp()
union all
select
    client,
    'leads' as source_table,
    lead_id as record_id,
    'SMS Sequence Position' as field,
    step::text as value,
    'template_missing' as rule,
    seen_at
from templates
