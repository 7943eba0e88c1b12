"""The roles of the database: what each may do, as SQL, and who owns what.

Source: spec/interface.md, section Postgres schemas. Roles belong to the whole cluster, privileges to one database.
"""

import enum

from sqlalchemy import Connection, bindparam, text


class Role(enum.StrEnum):
    """What a process is, for the database."""

    PIPELINE = "uysp_pipeline"
    BOT = "uysp_bot"
    ANALYST = "uysp_analyst"


PIPELINE_SCHEMAS = ("raw", "staging", "intermediate", "marts")
LOGIN_SCHEMAS = ("app", "dagster")

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


def _may_take(connection: Connection) -> str:
    """Return the name of the privilege to SET ROLE: before 16, membership."""
    version = connection.dialect.server_version_info
    return "SET" if version is not None and version >= (16,) else "MEMBER"
