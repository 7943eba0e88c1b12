-- One row per client.
select
    client,
    timezone,
    to_jsonb(internal_campaigns) as internal_campaigns
from {{ source('uysp', 'clients') }}
