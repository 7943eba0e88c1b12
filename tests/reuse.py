"""Making a used database as good as a new copy of its template, which costs a fifth of dropping and copying it.

A test may do anything to its database. Where it changed no more than rows, they are replaced by those of the
template; where it touched the catalogue (tables, columns, rights, functions, settings), the database is not used again.
"""

from dataclasses import dataclass

import psycopg
from psycopg import sql

# What Postgres knows of a database: every addition and change has a newer transaction, every removal leaves fewer rows.
# Without what sessions have for themselves (temporary tables, and their schemas, which stay).
_CATALOGUE = """
select {} || (
    select ' database ' || concat_ws(' ', datdba, dattablespace, datconnlimit, datallowconn, datacl)
    from pg_database where datname = current_database()
)
"""
_OURS = {
    "pg_class": "not starts_with(relnamespace::regnamespace::text, 'pg_t')",
    "pg_namespace": "not starts_with(nspname, 'pg_t')",
    "pg_db_role_setting": "setdatabase = (select oid from pg_database where datname = current_database())",
    **dict.fromkeys(
        ("pg_attribute", "pg_attrdef", "pg_cast", "pg_collation", "pg_constraint", "pg_default_acl", "pg_description"),
        "true",
    ),
    **dict.fromkeys(("pg_event_trigger", "pg_extension", "pg_index", "pg_inherits", "pg_largeobject_metadata"), "true"),
    **dict.fromkeys(("pg_operator", "pg_policy", "pg_proc", "pg_publication", "pg_rewrite", "pg_sequence"), "true"),
    **dict.fromkeys(("pg_statistic_ext", "pg_trigger", "pg_ts_config", "pg_ts_dict", "pg_type"), "true"),
}
_TABLES = """
    select format('%I.%I', nspname, relname) from pg_class join pg_namespace on pg_namespace.oid = relnamespace
    where relkind = 'r' and relpersistence <> 't' and nspname not in ('pg_catalog', 'information_schema')
      and pg_relation_size(pg_class.oid) > 0
    order by 1
"""
_SEQUENCES = "select format('%I.%I', schemaname, sequencename), last_value, start_value from pg_sequences"


@dataclass(frozen=True)
class Fresh:
    """What a database holds that nobody has used yet.

    Attributes:
        catalogue: which state its catalogue is in.
        rows: of each table that has any, in the form in which Postgres takes them.
        sequences: the last value of each, None before the first.
    """

    catalogue: str
    rows: dict[str, bytes]
    sequences: dict[str, int | None]


def look_at(url: str) -> Fresh:
    """Return what is in a database that nobody has used yet."""
    with psycopg.connect(url, autocommit=True) as connection:
        return Fresh(
            _catalogue(connection),
            {table: _rows(connection, table) for (table,) in connection.execute(_TABLES)},
            {name: last for name, last, _ in connection.execute(_SEQUENCES)},
        )


def renew(url: str, fresh: Fresh) -> Fresh | None:
    """End whoever works in a used database, and give it its first rows; None: its catalogue changed, do not use it."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()"
        )
        if _catalogue(connection) != fresh.catalogue:
            return None
        connection.execute("set session_replication_role = replica")  # without triggers
        used = [table for (table,) in connection.execute(_TABLES)]
        if used:
            connection.execute(f"truncate {', '.join(used)} cascade".encode())
        for table, rows in fresh.rows.items():
            with connection.cursor().copy(f"copy {table} from stdin".encode()) as copy:
                copy.write(rows)
        for name, last, start in connection.execute(_SEQUENCES).fetchall():
            before = fresh.sequences[name]
            if last != before:
                connection.execute(
                    "select setval(%s::regclass, %s, %s)",
                    [name, start if before is None else before, before is not None],
                )
        return Fresh(_catalogue(connection), fresh.rows, fresh.sequences)


def _catalogue(connection: psycopg.Connection) -> str:
    states = sql.SQL(" || ").join(
        sql.SQL(
            "(select format(' {name} %s %s', count(*), max(cast(cast(xmin as text) as bigint))) from {name} where "
            + where
            + ")"
        ).format(name=sql.SQL(name))
        for name, where in _OURS.items()
    )
    row = connection.execute(sql.SQL(_CATALOGUE).format(states)).fetchone()
    assert row is not None
    return str(row[0])


def _rows(connection: psycopg.Connection, table: str) -> bytes:
    with connection.cursor().copy(f"copy {table} to stdout".encode()) as copy:
        return b"".join(bytes(part) for part in copy)
