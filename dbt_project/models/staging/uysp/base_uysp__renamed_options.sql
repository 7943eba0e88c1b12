-- One row per name that a select option no longer has, with the time for which it had it and its present name.
-- The last name of a deleted option counts as its present one.
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
)

select
    options.client,
    options.source_table,
    fields.canonical_name as field,
    options.name,
    options.seen_from,
    coalesce(options.seen_to, 'infinity') as seen_to,
    staging.clean_text(present.name) as present_name
from options
inner join fields using (client, source_table, field_id)
inner join present using (client, source_table, field_id, option_id)
where options.name <> present.name
