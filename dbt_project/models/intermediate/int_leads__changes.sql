-- One row per client, lead, version, kind of change that a version after the first tells, and deletions; of leads that
-- exist and are no tests: spec/metrics.md section 10, lead_timeline. Clicks are in int_leads__clicks.
{{ config(unique_key=['client', 'lead_id', 'version', 'kind'], meta={'scope': 'int_leads__changed'}) }}

with

leads as (
    select history.*
    from {{ ref('int_leads__history') }} as history
    inner join {{ ref('int_leads__changed') }} using (client, lead_id)
    where history.is_present and not history.is_test
),

deletions as (
    select * from {{ ref('stg_airtable__deletions') }}
    where source_table = 'leads'
),

followed as (
    select
        versions.*,
        lag(versions.version) over in_order as previous_version,
        lag(versions.step) over in_order as previous_step,
        lag(versions.campaign_key) over in_order as previous_campaign_key,
        lag(versions.campaign_name) over in_order as previous_campaign_name,
        lag(versions.processing_status) over in_order as previous_processing_status,
        lag(versions.hrq_status) over in_order as previous_hrq_status,
        lag(versions.sms_stopped) over in_order as previous_sms_stopped,
        lag(versions.booked) over in_order as previous_booked,
        lag(versions.claimed_by) over in_order as previous_claimed_by,
        lag(versions.notes) over in_order as previous_notes,
        max(versions.reply_count) over before as most_replies_before,
        lag(versions.has_reply_status) over in_order as had_reply_status
    from {{ ref('int_leads__versions') }} as versions
    inner join leads using (client, lead_id)
    window
        in_order as (partition by versions.client, versions.lead_id order by versions.version),
        before as (
            partition by versions.client, versions.lead_id
            order by versions.version
            rows between unbounded preceding and 1 preceding
        )
),

compared as (
    select
        *,
        -- What was added to the notes, and who says so there: "[Call] 2026-06-01T12:00:00.000Z - Ann:".
        substring(
            case
                when starts_with(notes, previous_notes)
                    then substr(notes, length(previous_notes) + 1)
                else notes
            end
            from '(?n)^\[[A-Za-z]+\] \S+ - .+:$'
        ) as note_heading
    from followed
),

changes as (
    select
        compared.client,
        compared.lead_id,
        compared.version,
        compared.observed_at as at,
        change.kind,
        change.detail,
        change.actor
    from compared
    cross join
        lateral (
            values
            (
                'step',
                compared.step <> compared.previous_step,
                compared.previous_step || ' → ' || compared.step,
                null
            ),
            (
                'campaign',
                compared.campaign_key <> compared.previous_campaign_key,
                coalesce(compared.previous_campaign_name, 'Unassigned') || ' → '
                || coalesce(compared.campaign_name, 'Unassigned'),
                null
            ),
            (
                'status',
                compared.processing_status is distinct from compared.previous_processing_status,
                coalesce(compared.previous_processing_status, '–') || ' → '
                || coalesce(compared.processing_status, '–'),
                null
            ),
            (
                'hrq_status',
                compared.hrq_status is distinct from compared.previous_hrq_status,
                coalesce(compared.previous_hrq_status, '–') || ' → ' || coalesce(compared.hrq_status, '–'),
                null
            ),
            ('stopped', compared.sms_stopped and not compared.previous_sms_stopped, compared.stop_reason, null),
            ('resumed', not compared.sms_stopped and compared.previous_sms_stopped, null, null),
            (
                'booked',
                compared.booked and not compared.previous_booked,
                to_char(compared.booked_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'),
                null
            ),
            ('unbooked', not compared.booked and compared.previous_booked, null, null),
            (
                'claimed',
                compared.claimed_by is not null and compared.claimed_by is distinct from compared.previous_claimed_by,
                null,
                compared.claimed_by
            ),
            (
                'unclaimed',
                compared.claimed_by is null and compared.previous_claimed_by is not null,
                compared.previous_claimed_by,
                null
            ),
            (
                'note_added',
                length(compared.notes) > coalesce(length(compared.previous_notes), 0),
                substring(compared.note_heading from '^\[([A-Za-z]+)\]'),
                substring(compared.note_heading from '^\[[A-Za-z]+\] \S+ - (.+):$')
            ),
            (
                'replied',
                compared.reply_count > compared.most_replies_before
                or (
                    compared.has_reply_status
                    and not compared.had_reply_status
                    and compared.most_replies_before = 0
                ),
                compared.conversation_status,
                null
            ),
            ('restored', compared.operation = 'restored', null, null)
        ) as change (kind, happened, detail, actor)
    where compared.previous_version is not null and change.happened
)

select
    client,
    lead_id,
    version,
    at,
    kind,
    detail,
    actor
from changes
union all
select
    client,
    lead_id,
    1 as version,
    created_at as at,
    'created' as kind,
    null as detail,
    null as actor
from leads
union all
select
    leads.client,
    leads.lead_id,
    deletions.version,
    deletions.observed_at as at,
    'deleted' as kind,
    null as detail,
    null as actor
from leads
inner join deletions on leads.client = deletions.client and leads.lead_id = deletions.record_id
