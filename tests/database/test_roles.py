"""What each role may do, and how logins that may make roles and logins that may not come by them."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
import sqlalchemy
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ProgrammingError

from pipelines.warehouse import build_marts
from tests.conftest import database_of
from tests.database.conftest import using
from tests.database.test_database import settings_for
from uysp.database import Role, missing_roles, open_database, role_sql
from uysp.doctor import Finding, State, check_database
from uysp.errors import DatabaseError
from uysp.roles import analyst_url
from uysp.settings import Settings

LOAD = "insert into raw.leads values ('c', 'rec1', '{}', now(), now(), now(), null, 1, 1)"
LOG = "insert into app.activity_log (actor_id, action, outcome) values ('U1', 'NOTE_ADDED', 'done')"
MAY = {
    Role.PIPELINE: [
        LOAD,
        "delete from raw.leads",
        LOG,
        "create table raw.another (id integer)",
        "create table staging.a (id integer)",
        "create view intermediate.a as select 1 as a",
        "create table marts.a (id integer)",
        "drop table marts.leads",
        "alter table raw.leads add column extra integer",
    ],
    Role.BOT: [
        LOAD,
        "update raw.leads set version = 2",
        "insert into raw.leads_history values ('c', 'rec1', 1, '{}', now(), 'created', 1)",
        "insert into raw.loads (client, source_table, observed_at, is_first, records_read, created, updated, deleted,"
        " restored) values ('c', 'leads', now(), false, 1, 0, 1, 0, 0)",
        "insert into raw.later values (1)",
        "create temporary table incoming (id integer) on commit drop",
        "select * from marts.leads",
        LOG,
        "delete from app.activity_log",
    ],
    Role.ANALYST: ["select * from marts.leads"],
}
MAY_NOT = {
    Role.PIPELINE: ["create table app.a (id integer)", "create table dagster.a (id integer)", "create role another"],
    Role.BOT: [
        "delete from raw.leads",
        "drop table raw.leads",
        "insert into marts.leads values (1)",
        "create table marts.a (id integer)",
        "create table raw.a (id integer)",
        "select * from staging.leads",
    ],
    Role.ANALYST: [
        "insert into marts.leads values (1)",
        "select * from raw.leads",
        "select * from staging.leads",
        "select * from app.activity_log",
        "create table marts.a (id integer)",
        "create table public.a (id integer)",
    ],
}


@pytest.fixture
def built(engine: sqlalchemy.Engine) -> sqlalchemy.Engine:
    """A database in which the pipeline has made relations of its own."""
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "create table marts.leads (id integer); create table staging.leads (id integer);"
            "create table raw.later (id integer)"
        )
    return engine


@pytest.mark.parametrize("role", Role)
def test_each_role_may_do_its_work_and_nothing_else(built: sqlalchemy.Engine, settings: Settings, role: Role) -> None:
    with open_database(settings, role) as engine, engine.connect() as connection:
        for statement in MAY[role]:
            connection.exec_driver_sql(statement)
            connection.rollback()
        for statement in MAY_NOT[role]:
            with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
                connection.exec_driver_sql(statement)
            connection.rollback()


def owners(url: str) -> set[tuple[str, str]]:
    with psycopg.connect(url) as connection:
        return set(
            connection.execute(
                "select nspname, nspowner::regrole::text from pg_namespace where nspname in"
                " ('raw', 'staging', 'intermediate', 'marts', 'app', 'dagster')"
                " union select nspname, relowner::regrole::text from pg_class"
                " join pg_namespace n on n.oid = relnamespace"
                " where nspname in ('raw', 'staging', 'intermediate', 'marts', 'app', 'dagster')"
            )
        )


def expected_owners(pipeline: str, login: str) -> set[tuple[str, str]]:
    mine = {(schema, login) for schema in ("app", "dagster")}
    return mine | {(schema, pipeline) for schema in ("raw", "staging", "intermediate", "marts")}


def add_login(url: str, name: str, options: str) -> str:
    """Make a login with a database of its own; return its URL."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create role {name} login password 'p' {options}")
        connection.execute(f"create database {name} owner {name}")
    changed = make_url(url).set(username=name, password="p", database=name)
    return changed.render_as_string(hide_password=False)


def test_a_login_that_may_not_make_roles_owns_all_until_an_administrator_has_made_them(database_url: str) -> None:
    url = add_login(database_url, "plain", "")
    settings = Settings(_env_file=None, database_url=SecretStr(url))
    with open_database(settings, Role.PIPELINE) as engine, engine.begin() as connection:
        assert missing_roles(connection) == tuple(Role)
        assert connection.scalar(text("select current_user")) == "plain"
        sql = role_sql(connection)
        connection.exec_driver_sql(LOAD)
        connection.exec_driver_sql(
            "create table marts.kept (id serial); create view marts.seen as select 1 as a; create function"
            " staging.one(integer) returns integer return 1; create materialized view intermediate.m as select 1 as a"
        )
    assert owners(url) == expected_owners("plain", "plain")

    with psycopg.connect(database_url, autocommit=True) as administrator:
        administrator.execute(sql)
        administrator.execute(sql)
    with open_database(settings, Role.PIPELINE) as engine, engine.connect() as connection:
        assert missing_roles(connection) == ()
        assert connection.scalar(text("select current_user")) == "uysp_pipeline"
        assert connection.scalar(text("select count(*) from raw.leads")) == 1
    assert owners(url) == expected_owners("uysp_pipeline", "plain")
    with open_database(settings, Role.ANALYST) as engine, engine.connect() as connection:
        connection.exec_driver_sql("select * from marts.kept, marts.seen")

    with psycopg.connect(database_url, autocommit=True) as administrator:
        administrator.execute("drop database plain with (force)")
        administrator.execute("drop role plain")


def test_a_login_with_createrole_and_other_databases_of_its_cluster_make_the_roles_at_once(fresh_home: Path) -> None:
    with using(fresh_home) as url:
        plain = add_login(url, "maker", "createrole")
        with open_database(settings_for(plain), Role.PIPELINE) as engine, engine.connect() as connection:
            assert missing_roles(connection) == ()
            assert connection.scalar(text("select current_user")) == "uysp_pipeline"
        assert owners(plain) == expected_owners("uysp_pipeline", "maker")
        with open_database(settings_for(plain), Role.BOT) as engine, engine.connect() as connection:
            connection.exec_driver_sql(LOAD)

        with psycopg.connect(url, autocommit=True) as connection_:
            connection_.execute("drop database maker with (force)")
            connection_.execute("drop role uysp_pipeline; drop role uysp_bot; drop role uysp_analyst; drop role maker")
            for name in ("one", "two"):
                connection_.execute(f"create role {name} superuser login password 'p'")
                connection_.execute(f"create database {name} owner {name}")
        code = (
            "import sys\nfrom tests.database.test_database import settings_for\n"
            "from uysp.database import Role, open_database\nsys.stdin.readline()\n"
            "with open_database(settings_for(sys.argv[1]), Role.BOT) as e, e.connect() as c:\n"
            "    print(c.exec_driver_sql('select current_user').scalar())"
        )
        both = [
            subprocess.Popen(
                [sys.executable, "-c", code, database_of(url, name)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for name in ("one", "two")
        ]
        assert [process.communicate("\n", timeout=60)[0] for process in both] == ["uysp_bot\n"] * 2


def readable(connection: psycopg.Connection, kinds: str) -> dict[str, set[str]]:
    """By schema of ours: the relations that a select really reads."""
    relations = connection.execute(
        "select nspname, relname from pg_class join pg_namespace on pg_namespace.oid = relnamespace"
        f" where nspname !~ '^pg_' and nspname <> 'information_schema' and relkind in ({kinds})"
    ).fetchall()
    found: dict[str, set[str]] = {}
    for schema, name in relations:
        with suppress(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute(f'select * from {schema}."{name}" limit 1'.encode())
            found.setdefault(schema, set()).add(name)
    return found


def test_the_url_of_the_analyst_reads_all_marts_and_nothing_else(settings: Settings, engine: sqlalchemy.Engine) -> None:
    built = build_marts(settings, engine)
    assert built.success, built.failures
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "create table marts.made_later as select 1 as one; create view marts.seen_later as select * from raw.leads"
        )
        marts: set[str] = set(
            connection.execute(
                text(
                    "select relname from pg_class where relnamespace = 'marts'::regnamespace and relkind in ('r', 'v')"
                )
            ).scalars()
        )
    url = analyst_url(engine).render_as_string(hide_password=False)
    for elsewhere in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            psycopg.connect(database_of(url, elsewhere))
    with psycopg.connect(url, autocommit=True) as connection_:
        assert readable(connection_, "'r', 'v', 'm', 'p', 'S'") == {"marts": marts}
        assert {"sync_status", "leads", "made_later", "seen_later"} <= marts
        for role in (Role.PIPELINE, Role.BOT):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection_.execute(f"set role {role}".encode())
        for making in ("lo_create(0)", "lo_creat(-1)", "lo_from_bytea(0, 'x')"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection_.execute(f"select {making}".encode())
        assert connection_.execute("show idle_in_transaction_session_timeout").fetchone() == ("5min",)


def test_a_renewed_password_ends_the_old_one_and_is_nowhere_in_the_clear(
    settings: Settings, engine: sqlalchemy.Engine, database_url: str
) -> None:
    old, new = (analyst_url(engine) for _ in range(2))
    assert old.password != new.password
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(old.render_as_string(hide_password=False))
    with psycopg.connect(new.render_as_string(hide_password=False)) as connection:
        assert connection.execute("select current_user").fetchone() == ("uysp_analyst",)
    with psycopg.connect(database_url) as connection:
        stored = connection.execute("select rolpassword from pg_authid where rolname = 'uysp_analyst'").fetchone()
    assert stored is not None
    assert stored[0].startswith("SCRAM-SHA-256$")


def test_a_login_that_may_not_set_the_password_says_who_can(database_url: str) -> None:
    url = add_login(database_url, "humble", "")
    settings = Settings(_env_file=None, database_url=SecretStr(url))
    try:
        with open_database(settings, Role.PIPELINE) as engine:
            with pytest.raises(DatabaseError, match=r"administrator has to run: .*grant uysp_pipeline"):
                analyst_url(engine)
            with psycopg.connect(database_url, autocommit=True) as administrator, engine.connect() as connection:
                administrator.execute(role_sql(connection).encode())
        with (
            open_database(settings, Role.PIPELINE) as engine,
            pytest.raises(DatabaseError, match=r"may not set the password .*alter role uysp_analyst login"),
        ):
            analyst_url(engine)
    finally:
        with psycopg.connect(database_url, autocommit=True) as administrator:
            administrator.execute("drop database humble with (force)")
            administrator.execute("drop role humble")


def analyst_finding(settings: Settings) -> Finding | None:
    """Return what doctor says of the analyst, if it does."""
    return next((finding for finding in check_database(settings) if finding.part == "analyst"), None)


def test_doctor_tells_what_a_server_leaves_to_the_analyst_and_how_to_revoke_it(fresh_home: Path) -> None:
    with using(fresh_home) as url:
        assert analyst_finding(settings_for(url)) is None
        theirs = settings_for(add_login(url, "guest", ""))
        with psycopg.connect(url, autocommit=True) as administrator:
            administrator.execute("grant uysp_pipeline, uysp_bot, uysp_analyst to guest")
        found = analyst_finding(theirs)
        assert found is not None
        assert found.state is State.NOTE
        ours = make_url(url).database
        assert found.text.endswith(f"uysp_analyst may also make large objects, connect to the database {ours}.")
        with psycopg.connect(database_of(url, "guest"), autocommit=True) as administrator:
            administrator.execute(found.remedy.split(":\n")[1].encode())
        assert analyst_finding(theirs) is None
        with psycopg.connect(database_of(url, "guest")) as connection:
            connection.execute("set role uysp_analyst")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("select lo_create(0)")
