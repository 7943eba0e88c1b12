"""What numbers mean: dbt's descriptions, which it keeps as comments of the marts' columns."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

_DESCRIPTIONS = text("""
    select name, col_description(pg_attribute.attrelid, pg_attribute.attnum) as description
    from unnest(cast(:names as text[])) as name
    join pg_attribute
        on pg_attribute.attrelid = to_regclass('marts.' || split_part(name, '.', 1))
        and pg_attribute.attname = split_part(name, '.', 2)
""")


def descriptions(connection: Connection, names: Sequence[str]) -> Mapping[str, str]:
    """Return the description of each of these columns (as `leads.booked`) that has one."""
    found = connection.execute(_DESCRIPTIONS, {"names": list(names)})
    return {row.name: row.description for row in found if row.description}
