-- One row per client, Campaigns record, gone ones included, whose present or last name is not empty.
with

campaigns as (
    select * from {{ ref('stg_airtable__campaigns') }}
),

latest as (
    select distinct on (client, record_id)
        client,
        record_id,
        campaign
    from campaigns
    order by client asc, record_id asc, version desc
)

select * from latest
where campaign is not null
