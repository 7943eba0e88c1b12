"""The database: reaching it, bringing its schemas up to date, engines that work under a role, locks across processes.

Every process of ours comes in through `open_database`. When nothing has to be done, opening costs one connection and
two short queries: Alembic is imported only when the schema is not the newest.
"""

import hashlib
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import psycopg
import sqlalchemy
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, ProgrammingError
from sqlalchemy.pool import ConnectionPoolEntry

from uysp.embedded import shared_server
from uysp.errors import BusyError, ConfigurationError, DatabaseError
from uysp.patience import lift_patience, limit_patience
from uysp.roles import LOGIN_SCHEMAS, PIPELINE_SCHEMAS, Role, apply_privileges, create_roles, missing_roles, role_sql
from uysp.settings import Settings

__all__ = ["Role", "as_database_error", "exclusive", "missing_roles", "open_database", "role_sql"]

MARTS_LOCK = "build_marts"  # for `exclusive`: who builds, erases, or needs marts that belong together
OLDEST_SERVER = 15
CONNECT_ARGUMENTS = {
    "application_name": "uysp",
    "connect_timeout": 10,
    "client_encoding": "utf8",
    # A machine that went without a word, or a network that forgot us, is noticed within a minute.
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
BOT_STATEMENT_SECONDS = 10  # a person waits; a pipeline may take its time
ATTEMPTS = 5
DRIVER = "postgresql+psycopg"


@contextmanager
def open_database(settings: Settings, role: Role) -> Iterator[sqlalchemy.Engine]:
    """Open the database of the settings, brought up to date, for work under a role.

    Starts or shares the embedded server where DATABASE_URL is unset. The engine's connections have taken the role (or
    stay under the login where it may not create roles) and run in UTC; `engine.url` carries host, port, user, password
    and database. At the end the pool is disposed of and the server let go.

    Raises:
        ConfigurationError: DATABASE_URL is no Postgres URL.
        DatabaseError: the database cannot be started, reached or used.
    """
    given = settings.database_url
    with shared_server(settings.uysp_home) if given is None else nullcontext(given.get_secret_value()) as address:
        engine = sqlalchemy.create_engine(_parse(address), pool_pre_ping=True, connect_args=CONNECT_ARGUMENTS)
        try:
            has_roles = _bring_up_to_date(engine)
            engine.dispose()  # the connection so far is the login's own
            _set_up_connections(engine, role, take_role=has_roles)
            yield engine
        finally:
            engine.dispose()


@contextmanager
def exclusive(
    engine: sqlalchemy.Engine, name: str, on_wait: Callable[[], None] | None = None, *, wait: bool = True
) -> Iterator[None]:
    """Be the only process that works under this name on this database, until the block ends or the process does.

    Waits for as long as it takes. Held on a connection of its own, whatever the block does with others.

    Args:
        engine: of `open_database`.
        name: what is locked, such as "sync uysp".
        on_wait: called once if somebody else holds it.
        wait: whether to wait then.

    Raises:
        BusyError: somebody else holds it and `wait` is false; nothing was done.
    """
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    connection.detach()
    lift_patience(connection)
    with connection:
        connection.exec_driver_sql("set statement_timeout = 0")
        if not connection.scalar(sqlalchemy.select(sqlalchemy.func.pg_try_advisory_lock(key))):
            if not wait:
                raise BusyError(f"Another process is at it ({name}); nothing was done, try again when it has ended.")
            if on_wait is not None:
                on_wait()
            connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_lock(key)))
        try:
            yield
        finally:
            # The end of the connection unlocks too, but a moment later.
            with suppress(DBAPIError):
                connection.execute(sqlalchemy.select(sqlalchemy.func.pg_advisory_unlock(key)))


def as_database_error(error: psycopg.Error | DBAPIError) -> DatabaseError:
    """Return one sentence for a failure of the database, without password, statement or row values."""
    original = error.orig if isinstance(error, DBAPIError) else error
    connecting = re.findall(r"failed: (?:FATAL: +)?(.+)", str(original))
    if connecting:
        return DatabaseError(
            f"The database cannot be reached: {connecting[-1].rstrip('.')}; nothing was changed, "
            "check DATABASE_URL and the server."
        )
    unknown_host = re.search(r"failed to resolve host ('[^']*')", str(original))
    if unknown_host:
        return DatabaseError(
            f"The database cannot be reached: the host {unknown_host[1]} is not known; nothing was changed, "
            "check DATABASE_URL."
        )
    said = original.diag.message_primary if isinstance(original, psycopg.Error) else None
    first_line = (said or str(original)).strip().splitlines()[0]
    if isinstance(original, psycopg.DataError):
        first_line = type(original).__name__  # the message has the value
    if isinstance(original, psycopg.errors.InsufficientPrivilege):
        return DatabaseError(f"The login of DATABASE_URL lacks a right: {first_line}; it has to own the database.")
    return DatabaseError(f"The database failed: {first_line}; what was not finished is undone, try again.")


def _parse(address: str) -> URL:
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.drivername not in {"postgresql", "postgres", DRIVER}:
        raise ConfigurationError(
            "DATABASE_URL is no Postgres URL; write postgresql://USER:PASSWORD@HOST:PORT/DATABASE, "
            "or unset it for the embedded database."
        )
    if "@" in (url.host or ""):
        raise ConfigurationError(
            "DATABASE_URL cannot be read: a special character of its password has to be written as %XX ('/' as %2F, "
            "'@' as %40). Nothing was changed."
        )
    return url.set(drivername=DRIVER)


def _set_up_connections(engine: sqlalchemy.Engine, role: Role, *, take_role: bool) -> None:
    timeout = BOT_STATEMENT_SECONDS if role is Role.BOT else 0
    if role is Role.BOT:
        limit_patience(engine)
    statements = [f"set role {role}"] if take_role else []
    statements += ["set timezone = 'UTC'", f"set statement_timeout = '{timeout}s'"]

    @sqlalchemy.event.listens_for(engine, "connect")
    def set_up(connection: psycopg.Connection, _record: ConnectionPoolEntry) -> None:
        connection.autocommit = True  # else the pool's first rollback would undo it
        connection.execute("; ".join(statements))
        connection.autocommit = False


# Bringing the schemas up to date


def _revisions() -> list[str]:
    """Return the known revisions, oldest first: the files are named rNNNN_what.py."""
    files = (Path(__file__).parent / "migrations" / "versions").glob("r[0-9]*.py")
    return sorted(file.name.partition("_")[0] for file in files)


def _bring_up_to_date(engine: sqlalchemy.Engine) -> bool:
    """Check the server, and do what is missing there; returns whether the login takes roles."""
    try:
        with engine.connect() as connection:
            _check_server(connection)
            has_roles = not missing_roles(connection)
            if _is_newest(connection, has_roles=has_roles):
                return has_roles
        for attempt in range(1, ATTEMPTS):
            try:
                return _upgrade(engine)
            except DBAPIError as error:
                # The databases of one cluster share its roles; two that grant them at once get in each other's way.
                if not isinstance(error.orig, psycopg.errors.InternalError_ | psycopg.errors.UniqueViolation):
                    raise
                time.sleep(0.1 * attempt)
        return _upgrade(engine)
    except DBAPIError as error:
        raise as_database_error(error) from None


def _check_server(connection: sqlalchemy.Connection) -> None:
    version: int = connection.scalar(text("select current_setting('server_version_num')::int / 10000"))
    encoding: str = connection.scalar(text("select current_setting('server_encoding')"))
    if version < OLDEST_SERVER:
        raise DatabaseError(
            f"The database is PostgreSQL {version}, and {OLDEST_SERVER} or newer is needed; nothing was changed, "
            "update the server or set DATABASE_URL to another."
        )
    if encoding != "UTF8":
        raise DatabaseError(
            f"The database has the encoding {encoding}, and UTF8 is needed; nothing was changed, "
            "make one with CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0 and set DATABASE_URL to it."
        )


def _is_newest(connection: sqlalchemy.Connection, *, has_roles: bool) -> bool:
    """Return whether neither revisions nor a hand-over of ownership are due.

    Raises:
        DatabaseError: newer software has been here, or the role that owns the schemas cannot be taken.
    """
    owner: str | None = connection.scalar(
        text("select nspowner::regrole::text from pg_namespace where nspname = 'raw'")
    )
    if owner == Role.PIPELINE and not has_roles:
        raise DatabaseError(
            f"The schemas belong to the role {owner}, which the login of DATABASE_URL may not take; "
            f"nothing was changed, an administrator has to run: {' '.join(role_sql(connection).split())}"
        )
    exists: bool = connection.scalar(text("select to_regclass('app.alembic_version') is not null"))
    query = text("select version_num from app.alembic_version")
    revision: str | None = connection.scalar(query) if exists else None
    known = _revisions()
    if revision is not None and revision not in known:
        raise DatabaseError(
            f"The database is at revision {revision}, which this software does not know (its newest is {known[-1]}): "
            "newer software has been here; update this one. Nothing was changed."
        )
    return revision == known[-1] and (owner == Role.PIPELINE or not has_roles)


def _upgrade(engine: sqlalchemy.Engine) -> bool:
    """Roles, schemas, revisions, ownership and privileges, in one transaction, one process at a time."""
    from alembic import command  # not above: costs more time than all else that opening does
    from alembic.config import Config

    with engine.begin() as connection:
        connection.execute(text("set local statement_timeout = 0"))
        connection.execute(text("select pg_advisory_xact_lock(hashtext('uysp schema'))"))
        _make_roles_if_allowed(connection)
        has_roles = not missing_roles(connection)
        if _is_newest(connection, has_roles=has_roles):
            return has_roles
        present: Sequence[str] = connection.execute(text("select nspname from pg_namespace")).scalars().all()
        for schema in (*PIPELINE_SCHEMAS, *LOGIN_SCHEMAS):
            if schema not in present:  # `if not exists` would need the right to create schemas even then
                connection.execute(text(f"create schema {schema}"))
        config = Config()
        config.set_main_option("script_location", "uysp:migrations")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if has_roles:
            apply_privileges(connection)
        return has_roles


def _make_roles_if_allowed(connection: sqlalchemy.Connection) -> None:
    """Make the roles; where the login may not, it owns all by itself until an administrator has made them."""
    try:
        with connection.begin_nested():
            create_roles(connection)
    except ProgrammingError as error:
        if not isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
            raise
