"""Which marts there are, and what is said of them, as the database's catalogue knows it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, text

# dbt leaves what it is about to swap in or out under such names for a moment; a killed build leaves them for longer.
_CATALOGUE = """
    select
        relname as mart, coalesce(obj_description(pg_class.oid, 'pg_class'), '') as mart_description,
        attname as name, format_type(atttypid, null) as type, format_type(atttypid, atttypmod) as full_type,
        coalesce(col_description(pg_class.oid, attnum), '') as description, attnotnull as is_required
    from pg_class
    join pg_attribute on attrelid = pg_class.oid and attnum > 0 and not attisdropped
    where relnamespace = to_regnamespace('marts') and relkind in ('r', 'p', 'v', 'm', 'f')
        and has_table_privilege(pg_class.oid, 'select')
        and relname not like '%\\_\\_dbt\\_%'
    order by relname collate "C", attnum
"""


@dataclass(frozen=True)
class Column:
    """A column of a mart.

    Attributes:
        type: Postgres's name of its type, such as `timestamp with time zone`.
        full_type: the same with length or precision, such as `numeric(10,2)`.
        description: dbt's, empty where it has none.
        is_required: never NULL.
    """

    name: str
    type: str
    full_type: str
    description: str
    is_required: bool


@dataclass(frozen=True)
class Mart:
    """A table or view of the schema `marts`."""

    name: str
    description: str
    columns: tuple[Column, ...]


def read_marts(engine: Engine) -> Sequence[Mart]:
    """Return all marts that the engine's role may read, by name, with their columns in order."""
    with engine.connect() as connection:
        rows = connection.execute(text(_CATALOGUE)).all()
    found: dict[str, Mart] = {}
    for row in rows:
        column = Column(row.name, row.type, row.full_type, row.description, row.is_required)
        before = found.get(row.mart, Mart(row.mart, row.mart_description, ()))
        found[row.mart] = Mart(row.mart, before.description, (*before.columns, column))
    return tuple(found.values())
