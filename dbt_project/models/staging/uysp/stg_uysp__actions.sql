-- One row per action of the bot on a lead that was carried out; what else the log holds is no event of a lead.
-- Ephemeral for the same reason as stg_uysp__sync_state.
{{ config(materialized='ephemeral') }}

select
    id as action_id,
    client,
    lead_id,
    at,
    action,
    coalesce(actor_name, actor_id) as actor,
    details
from {{ source('app', 'activity_log') }}
where
    lead_id is not null
    and action in (
        'NOTE_ADDED', 'LEAD_REMOVED_FROM_CAMPAIGN', 'LEAD_STATUS_CHANGED', 'LEAD_CLAIMED', 'LEAD_UNCLAIMED',
        'CHANGE_UNDONE'
    )
    and outcome = 'done'
