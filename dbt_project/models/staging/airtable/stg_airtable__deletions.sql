-- One row per client, source table, record, version that is a deletion.
{% for table in ['leads', 'campaigns', 'sms_templates', 'sms_audit'] -%}
select
    client,
    '{{ table }}' as source_table,
    record_id,
    version,
    observed_at
from {{ source('airtable', table ~ '_history') }}
where operation = 'deleted'
{{ 'union all' if not loop.last }}
{% endfor %}
