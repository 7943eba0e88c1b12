-- One row per name that a select option no longer has, with the time for which it had it and its present name.
-- The last name of a deleted option counts as its present one.
-- A name counts from when another option last had it: records can show it before the schema is read.
-- A table, never swapped, because staging looks up in it cell by cell.
{{ config(
    materialized='incremental',
    incremental_strategy='replace',
    on_schema_change='fail',
    unique_key=['client', 'source_table', 'field', 'name', 'seen_from', 'seen_to'],
) }}

with

options as (
    select * from {{ source('uysp', 'airtable_options') }}
),

fields as (
    select * from {{ source('uysp', 'airtable_fields') }}
),

present as (
    select distinct on (client, source_table, field_id, option_id)
        client,
        source_table,
        field_id,
        option_id,
        name
    from options
    order by client asc, source_table asc, field_id asc, option_id asc, seen_to desc nulls first, seen_from desc
),

named as (
    select
        options.client,
        options.source_table,
        fields.canonical_name as field,
        options.name,
        coalesce(
            lag(options.seen_to) over (
                partition by options.client, options.source_table, fields.canonical_name, options.name
                order by options.seen_from
            ),
            '-infinity'
        ) as seen_from,
        coalesce(options.seen_to, 'infinity') as seen_to,
        options.name <> present.name as is_former,
        staging.clean_text(present.name) as present_name
    from options
    inner join fields using (client, source_table, field_id)
    inner join present using (client, source_table, field_id, option_id)
)

select
    client,
    source_table,
    field,
    name,
    seen_from,
    seen_to,
    present_name
from named
where is_former
