-- One row per load that the marts do not hold yet; on a full refresh, every load. By what was built, not by the newest
-- number: a load can commit after one that began later.
{{ config(materialized='ephemeral') }}

select
    loads.client,
    loads.source_table,
    loads.load_id
from {{ source('uysp', 'loads') }} as loads
left join {{ source('app', 'built_loads') }} as built_loads using (client, load_id)
where built_loads.is_built is not true {{ or_on_full_refresh() }}
