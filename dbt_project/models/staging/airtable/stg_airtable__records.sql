-- One row per client, source table, record that was ever seen; without its fields. Ephemeral for the same reason as
-- stg_uysp__sync_state.
{{ config(materialized='ephemeral') }}

{% for table in ['leads', 'campaigns', 'sms_templates', 'sms_audit'] -%}
select
    client,
    '{{ table }}' as source_table,
    record_id,
    greatest(modified_at, deleted_at) as last_changed_at,
    deleted_at is not null as is_deleted
from {{ source('airtable', table) }}
{{ 'union all' if not loop.last }}
{% endfor %}
