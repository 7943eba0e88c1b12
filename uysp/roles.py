"""The roles of the database: what each may do, as SQL, and who owns what.

Source: spec/interface.md, section Postgres schemas. Roles belong to the whole cluster, privileges to one database.
"""

import enum
import secrets

import psycopg
from sqlalchemy import Connection, Engine, bindparam, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import ProgrammingError

from uysp.driver import driver_of
from uysp.errors import DatabaseError


class Role(enum.StrEnum):
    """What a process is, for the database."""

    PIPELINE = "uysp_pipeline"
    BOT = "uysp_bot"
    ANALYST = "uysp_analyst"


PIPELINE_SCHEMAS = ("raw", "staging", "intermediate", "marts")
LOGIN_SCHEMAS = ("app", "dagster")

# A forgotten notebook or a runaway chart holds up the next build of the marts, and with it everybody who reads them.
_ANALYST_LIMITS = {"idle_in_transaction_session_timeout": "5min", "statement_timeout": "10min"}

# Safe beside other processes, also those of other databases in this cluster, which our advisory lock does not reach.
_CREATE_ROLE = """do $$ begin
    create role {role} nologin;
exception when duplicate_object or unique_violation then null;
end $$;
"""

_PRIVILEGES = """
grant usage on schema raw to uysp_bot;
grant select, insert, update on all tables in schema raw to uysp_bot;
alter default privileges for role uysp_pipeline in schema raw grant select, insert, update on tables to uysp_bot;
grant usage on schema marts to uysp_bot, uysp_analyst;
grant select on all tables in schema marts to uysp_bot, uysp_analyst;
alter default privileges for role uysp_pipeline in schema marts grant select on tables to uysp_bot, uysp_analyst;
grant usage on schema app to uysp_pipeline, uysp_bot;
grant select, insert, update, delete on all tables in schema app to uysp_pipeline, uysp_bot;
grant usage on all sequences in schema app to uysp_pipeline, uysp_bot;
alter default privileges in schema app grant select, insert, update, delete on tables to uysp_pipeline, uysp_bot;
alter default privileges in schema app grant usage on sequences to uysp_pipeline, uysp_bot;
"""

# What Postgres lets everybody do: make large objects, and connect to the databases that every server has. To take it
# back one has to own the server's functions; where the login does not, it stays (docs/marts.md says what that is).
# Other databases are no business of ours, except in the embedded server, whose first role has our name.
_REVOKE_FROM_EVERYBODY = """do $$
declare
    statement text;
begin
    for statement in
        select 'revoke execute on function ' || oid::regprocedure || ' from public'
        from pg_proc
        where pronamespace = 'pg_catalog'::regnamespace and proname in ('lo_creat', 'lo_create', 'lo_from_bytea')
            and pg_has_role(proowner, 'usage')
        union all
        select 'revoke connect on database ' || datname || ' from public'
        from pg_database
        where datname in ('postgres', 'template1') and datname <> current_database()
            and session_user = 'uysp' and exists (select from pg_roles where oid = 10 and rolname = 'uysp')
            and exists (
                select from aclexplode(coalesce(datacl, acldefault('d', datdba)))
                where grantee = 0 and privilege_type = 'CONNECT'
            )
    loop
        execute statement;
    end loop;
end $$
"""

# What the login made before there were roles, and what migrations make under it.
_HAND_OVER = """do $$
declare
    schemas constant text[] := '{schemas}';
    statement text;
begin
    for statement in
        select 'alter schema ' || quote_ident(nspname) || ' owner to uysp_pipeline'
        from pg_namespace
        where nspname = any (schemas) and nspowner <> 'uysp_pipeline'::regrole
        union all
        select
            'alter ' || kind || ' ' || pg_class.oid::regclass || ' owner to uysp_pipeline'
        from pg_class
        join pg_namespace on pg_namespace.oid = relnamespace
        join (
            values ('r', 'table'), ('p', 'table'), ('v', 'view'), ('m', 'materialized view'), ('S', 'sequence')
        ) as kinds (letter, kind) on letter = relkind
        where nspname = any (schemas) and relowner <> 'uysp_pipeline'::regrole
            and not exists (  -- a sequence that belongs to a column goes with its table
                select from pg_depend
                where classid = 'pg_class'::regclass and objid = pg_class.oid
                    and relkind = 'S' and deptype in ('a', 'i')
            )
        union all
        select 'alter routine ' || pg_proc.oid::regprocedure || ' owner to uysp_pipeline'
        from pg_proc
        join pg_namespace on pg_namespace.oid = pronamespace
        where nspname = any (schemas) and proowner <> 'uysp_pipeline'::regrole
    loop
        execute statement;
    end loop;
end $$
"""


def missing_roles(connection: Connection) -> tuple[Role, ...]:
    """Return the roles that do not exist or that the login may not take."""
    # From 16 on, a member may still lack the right to take a role, or to use its privileges.
    rows = connection.execute(
        text("""
            select name from unnest(cast(:names as text[])) as name
            left join pg_roles on rolname = name
            where rolname is null
                or not pg_has_role(session_user, rolname, 'USAGE')
                or not pg_has_role(session_user, rolname, :may_take)
        """).bindparams(bindparam("names", list(Role)), bindparam("may_take", _may_take(connection)))
    )
    missing: set[str] = set(rows.scalars())
    return tuple(role for role in Role if role in missing)


def role_sql(connection: Connection) -> str:
    """Return the SQL by which an administrator makes the roles and lets this login take them; may be run again.

    With the next start of any process the login hands over what it owns and takes the roles.
    """
    login: str = connection.execute(text("select quote_ident(session_user)")).scalar_one()
    return "".join(_CREATE_ROLE.format(role=role) for role in Role) + f"grant {', '.join(Role)} to {login};\n"


def create_roles(connection: Connection) -> None:
    """Make the missing roles and take membership, inside the caller's transaction.

    Raises:
        sqlalchemy.exc.ProgrammingError: the login may not.
    """
    for role in missing_roles(connection):
        connection.execute(text(_CREATE_ROLE.format(role=role)))
        # Who makes a role may administer it; from 16 on, taking it has to be granted besides.
        options = " with inherit true, set true" if _may_take(connection) == "SET" else ""
        connection.execute(text(f"grant {role} to session_user{options}"))


def apply_privileges(connection: Connection) -> None:
    """Hand over what uysp_pipeline is to own and renew all privileges, inside the caller's transaction."""
    schemas = "{" + ",".join(PIPELINE_SCHEMAS) + "}"
    connection.exec_driver_sql(_HAND_OVER.format(schemas=schemas))
    connection.exec_driver_sql(_PRIVILEGES)
    connection.exec_driver_sql(_REVOKE_FROM_EVERYBODY)


def left_to_analyst(connection: Connection) -> dict[str, str]:
    """Return what the analyst may do besides reading marts, each with the SQL by which an administrator revokes it.

    It is what a server lets everybody do and this login may not revoke, or leaves to whoever runs the server. Empty
    too where there is no such role.
    """
    if Role.ANALYST in missing_roles(connection):
        return {}
    rows = connection.execute(
        text("""
            select 'make large objects' as may, 'revoke execute on function '
                || string_agg(oid::regprocedure::text, ', ' order by proname) || ' from public;' as revoked_by
            from pg_proc
            where pronamespace = 'pg_catalog'::regnamespace and proname in ('lo_creat', 'lo_create', 'lo_from_bytea')
                and has_function_privilege(:role, oid, 'execute')
            having count(*) > 0
            union all
            (
                select 'connect to the database ' || datname,
                    'revoke connect on database ' || quote_ident(datname) || ' from public;'
                from pg_database
                where datallowconn and datname <> current_database()
                    and has_database_privilege(:role, oid, 'connect')
                order by datname collate "C"
            )
        """),
        {"role": Role.ANALYST},
    )
    return {row.may: row.revoked_by for row in rows}


def analyst_url(engine: Engine) -> URL:
    """Give uysp_analyst a new password and return the URL that logs in with it; an older password ends to work.

    The role belongs to the whole cluster, and so does the password; what it may read is each database's own.

    Args:
        engine: of `open_database`, under any role: the login does the work.

    Raises:
        DatabaseError: the role is missing, or the login may not set its password; nothing was changed.
    """
    password = secrets.token_urlsafe(24)
    with engine.begin() as connection:
        connection.exec_driver_sql("set local role none")
        if Role.ANALYST in missing_roles(connection):
            raise DatabaseError(
                f"The role {Role.ANALYST} is missing, or the login of DATABASE_URL may not take it; nothing was "
                f"changed, an administrator has to run: {' '.join(role_sql(connection).split())}"
            )
        try:
            for statement in _analyst_login(connection, password):
                connection.exec_driver_sql(statement)
        except ProgrammingError as error:
            if not isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
                raise
            raise DatabaseError(
                f"The login of DATABASE_URL may not set the password of {Role.ANALYST}; nothing was changed. Have an "
                f"administrator set one (in psql: alter role {Role.ANALYST} login; \\password {Role.ANALYST}), and use "
                f"{engine.url.set(drivername='postgresql', username=Role.ANALYST, password='PASSWORD')} with it."  # noqa: S106
            ) from None
    return engine.url.set(drivername="postgresql", username=Role.ANALYST, password=password)


def _analyst_login(connection: Connection, password: str) -> list[str]:
    """Return the statements that let the analyst's role log in; the server sees a hash, so its log has no password."""
    server = driver_of(connection).pgconn
    secret = server.encrypt_password(password.encode(), Role.ANALYST.encode(), b"scram-sha-256").decode()
    limits = [f"alter role {Role.ANALYST} set {name} = '{value}'" for name, value in _ANALYST_LIMITS.items()]
    database: str = connection.execute(text("select quote_ident(current_database())")).scalar_one()
    return [
        f"alter role {Role.ANALYST} login password '{secret}'",
        f"grant connect on database {database} to {Role.ANALYST}",  # where everybody's right to connect was revoked
        *limits,
    ]


def _may_take(connection: Connection) -> str:
    """Return the name of the privilege to SET ROLE: before 16, membership."""
    version = connection.dialect.server_version_info
    return "SET" if version is not None and version >= (16,) else "MEMBER"
