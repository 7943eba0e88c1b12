-- One row per client, source table that has been loaded.
select
    client,
    source_table,
    observed_at as first_loaded_at
from {{ source('uysp', 'loads') }}
where is_first
