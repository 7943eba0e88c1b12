"""One moment of the database, from which the rows of several marts are read one after the other as Arrow batches."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import adbc_driver_manager
import adbc_driver_postgresql
import duckdb
from sqlalchemy import Engine, text

from uysp.export.catalogue import Column, Mart

BATCH_BYTES = 4_000_000
# What DuckDB stores each of Postgres's types as; any other type is exported as its text.
DUCKDB_TYPES = {
    "text": "VARCHAR",
    "character varying": "VARCHAR",
    "boolean": "BOOLEAN",
    "smallint": "SMALLINT",
    "integer": "INTEGER",
    "bigint": "BIGINT",
    "real": "FLOAT",
    "double precision": "DOUBLE",
    "date": "DATE",
    "timestamp with time zone": "TIMESTAMPTZ",
    "timestamp without time zone": "TIMESTAMP",
    "json": "JSON",
    "jsonb": "JSON",
    "uuid": "UUID",
    "text[]": "VARCHAR[]",
}
# What reaches DuckDB as it is; the others come as text, which it reads.
SENT_AS_THEY_ARE = DUCKDB_TYPES.keys() - {"json", "jsonb", "uuid"}
Batches = adbc_driver_manager.ArrowArrayStreamHandle  # rows that DuckDB reads as a table, once


@dataclass(frozen=True)
class Snapshot:
    """A connection that sees the database as it was at one moment.

    Attributes:
        process_id: of the server's process that serves it.
    """

    process_id: int
    _connection: adbc_driver_manager.AdbcConnection

    @contextmanager
    def rows(self, mart: Mart, client: str | None = None) -> Iterator[Batches]:
        """Yield all rows of a mart, or a client's, to be read before the block ends."""
        columns = ", ".join(_selected(column) for column in mart.columns)
        only = "" if client is None else f" where client = {literal(client)}"
        with adbc_driver_manager.AdbcStatement(self._connection) as statement:
            statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(BATCH_BYTES)})
            statement.set_sql_query(f"select {columns} from marts.{quoted(mart.name)}{only}")
            batches, _ = statement.execute_query()
            yield batches


@contextmanager
def open_snapshot(engine: Engine) -> Iterator[Snapshot]:
    """Open a snapshot under the role that the engine's connections have taken."""
    with engine.connect() as connection:
        role: str = connection.execute(text("select quote_ident(current_user)")).scalar_one()
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with (
        adbc_driver_postgresql.connect(url) as database,
        adbc_driver_manager.AdbcConnection(database) as connection,
    ):
        for statement in (f"set role {role}", "set timezone = 'UTC'", "set statement_timeout = 0"):
            _do(connection, statement)
        connection.set_autocommit(False)
        _do(connection, "set transaction isolation level repeatable read, read only")
        yield Snapshot(_process_id(connection), connection)


def _do(connection: adbc_driver_manager.AdbcConnection, statement: str) -> None:
    with adbc_driver_manager.AdbcStatement(connection) as prepared:
        prepared.set_sql_query(statement)
        prepared.execute_update()


def _process_id(connection: adbc_driver_manager.AdbcConnection) -> int:
    """Return the server's process; as the first query of its transaction this also takes the snapshot."""
    with adbc_driver_manager.AdbcStatement(connection) as statement, duckdb.connect() as reader:
        statement.set_sql_query("select pg_backend_pid() as process_id")
        batches, _ = statement.execute_query()
        row = reader.register("batches", batches).execute("from batches").fetchone()
    assert row is not None  # noqa: S101
    return int(row[0])


def _selected(column: Column) -> str:
    """Return how a column is asked for: in a type that Arrow and DuckDB have."""
    name = quoted(column.name)
    if column.type == "numeric" and duckdb_type(column) == "DOUBLE":
        return f"{name}::double precision as {name}"
    return name if column.type in SENT_AS_THEY_ARE else f"{name}::text as {name}"


def duckdb_type(column: Column) -> str:
    """Return what DuckDB stores a column as."""
    if column.type == "numeric":
        # Without a precision Postgres keeps any number of digits, DuckDB does not.
        return column.full_type.upper() if "(" in column.full_type else "DOUBLE"
    return DUCKDB_TYPES.get(column.type, "VARCHAR")


def quoted(name: str) -> str:
    """Return a name as an identifier, for Postgres and DuckDB."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str) -> str:
    """Return a text as a literal, for Postgres and DuckDB."""
    return "'" + value.replace("'", "''") + "'"
