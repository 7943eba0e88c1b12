-- One row per client.
select
    client,
    timezone,
    internal_campaigns
from {{ source('uysp', 'clients') }}
