-- One row per client, source table, record, load that brought a version of it (deletions are versions too). Ephemeral,
-- so that a load is looked up in each table's index.
{{ config(materialized='ephemeral') }}

{% for table in ['leads', 'campaigns', 'sms_templates', 'sms_audit'] -%}
select
    client,
    '{{ table }}' as source_table,
    record_id,
    load_id
from {{ source('airtable', table ~ '_history') }}
{{ 'union all' if not loop.last }}
{% endfor %}
