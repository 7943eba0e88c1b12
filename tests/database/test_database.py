"""Opening a database brings it up to date, once, and says in one sentence what is wrong with it."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError

from tests.conftest import database_of
from uysp.database import Role, as_database_error, exclusive, open_database
from uysp.errors import ConfigurationError, DatabaseError
from uysp.settings import Settings


@pytest.fixture
def empty_database(database_url: str) -> Iterator[str]:
    """The URL of a new database with nothing in it."""
    name = f"empty_{uuid4().hex}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"create database {name}")
        yield database_of(database_url, name)
        connection.execute(f"drop database {name} with (force)")


def settings_for(url: str) -> Settings:
    return Settings(_env_file=None, database_url=SecretStr(url))


def catalogue(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "select nspname, relname, relowner::regrole::text, relacl::text from pg_class"
            " join pg_namespace n on n.oid = relnamespace where nspname !~ '^pg_' order by 1, 2"
        ).fetchall()


OPEN = """
import sys
from pydantic import SecretStr
from uysp.database import Role, open_database
from uysp.settings import Settings
sys.stdin.readline()
with open_database(Settings(_env_file=None, database_url=SecretStr(sys.argv[1])), Role.BOT) as engine:
    with engine.connect() as connection:
        print(connection.exec_driver_sql("select current_user, count(*) from raw.leads").one())
print("alembic" in sys.modules)
"""


def test_processes_that_open_a_new_database_at_once_all_find_it_migrated(empty_database: str) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN, empty_database], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    outputs = [process.communicate("\n", timeout=60)[0].splitlines() for process in processes]
    assert [output[0] for output in outputs] == ["('uysp_bot', 0)"] * 3


def test_opening_what_is_up_to_date_changes_nothing_and_loads_no_migration_software(settings: Settings) -> None:
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    before = catalogue(url)
    done = subprocess.run([sys.executable, "-c", OPEN, url], input="\n", capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
    assert catalogue(url) == before


def test_a_database_that_newer_software_has_changed_is_refused_unchanged(settings: Settings) -> None:
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    with psycopg.connect(url) as connection:
        connection.execute("update app.alembic_version set version_num = 'r9999'")
    before = catalogue(url)
    with pytest.raises(DatabaseError, match=r"revision r9999, .* newer software"), open_database(settings, Role.BOT):
        pass
    assert catalogue(url) == before


def test_a_migration_that_fails_leaves_an_empty_database(empty_database: str) -> None:
    with psycopg.connect(empty_database) as connection:
        connection.execute("create schema raw; create table raw.sms_audit (in_the_way integer)")
    before = catalogue(empty_database)
    with pytest.raises(DatabaseError, match="already exists"), open_database(settings_for(empty_database), Role.BOT):
        pass
    assert catalogue(empty_database) == before


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_usual_way_of_writing_the_url_is_understood(settings: Settings, scheme: str) -> None:
    assert settings.database_url is not None
    address = settings.database_url.get_secret_value().replace("postgresql", scheme, 1)
    with open_database(settings_for(address), Role.PIPELINE) as engine, engine.connect() as connection:
        assert connection.scalar(text("select current_database()")) == engine.url.database


@pytest.mark.parametrize("address", ["mysql://secret:secret@h/d", "secret", "postgresql://u:secret@h:port/d", ""])
def test_what_is_no_postgres_url_is_a_configuration_error_without_the_password(address: str) -> None:
    with pytest.raises(ConfigurationError) as caught, open_database(settings_for(address), Role.BOT):
        pass
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda url: url.set(password="geheim"), "password authentication failed"),
        (lambda url: url.set(database="nowhere"), 'database "nowhere" does not exist'),
        (lambda url: url.set(username="stranger", password="geheim"), "password authentication failed"),
        (lambda url: url.set(port=1), "Connection refused"),
        (lambda url: url.set(host="no-such-host.invalid"), "no-such-host.invalid"),
    ],
)
def test_a_database_that_cannot_be_reached_is_one_sentence_without_the_password(
    database_url: str, change: Callable[[URL], URL], said: str
) -> None:
    url = change(make_url(database_url))
    settings = settings_for(url.render_as_string(hide_password=False))
    with pytest.raises(DatabaseError) as caught, open_database(settings, Role.BOT):
        pass
    assert said in str(caught.value)
    assert str(url.password) not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_another_encoding_is_refused(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("create database latin encoding 'LATIN1' locale 'C' locale_provider libc template template0")
        url = database_of(database_url, "latin")
        with pytest.raises(DatabaseError, match="encoding LATIN1"), open_database(settings_for(url), Role.BOT):
            pass
        connection.execute("drop database latin")


@pytest.mark.parametrize(("role", "timeout"), [(Role.BOT, "10s"), (Role.PIPELINE, "0")])
def test_connections_keep_role_time_zone_and_timeout_through_rollbacks(
    settings: Settings, role: Role, timeout: str
) -> None:
    with open_database(settings, role) as engine:
        for _ in range(2):
            with engine.connect() as connection:
                shown = [connection.scalar(text(f"show {name}")) for name in ("timezone", "statement_timeout")]
                assert shown == ["UTC", timeout]
                assert connection.scalar(text("select current_user")) == role
                assert connection.scalar(text("show application_name")) == "uysp"
                connection.rollback()


def test_a_database_lost_in_the_middle_is_one_sentence_and_the_next_connection_works(engine: sqlalchemy.Engine) -> None:
    with engine.connect() as connection, psycopg.connect(make_psycopg(engine)) as other:
        pid = connection.scalar(text("select pg_backend_pid()"))
        other.execute("select pg_terminate_backend(%s)", [pid])
        with pytest.raises(DBAPIError) as caught:
            connection.execute(text("select 'a person'"))
    said = str(as_database_error(caught.value))
    assert "terminating connection" in said or "closed the connection" in said
    assert "a person" not in said
    with engine.connect() as connection:
        assert connection.scalar(text("select 1")) == 1


def make_psycopg(engine: sqlalchemy.Engine) -> str:
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


def test_values_of_people_are_not_in_errors(engine: sqlalchemy.Engine) -> None:
    with engine.connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.execute(text("select cast('ann@example.com' as integer)"))
    assert "ann" not in str(as_database_error(caught.value))


def test_only_one_at_a_time_works_under_a_name(settings: Settings) -> None:
    events: list[str] = []
    second_waits = threading.Event()

    def second() -> None:
        def on_wait() -> None:
            events.append("waits")
            second_waits.set()

        with open_database(settings, Role.BOT) as engine, exclusive(engine, "sync", on_wait):
            events.append("second")

    with open_database(settings, Role.PIPELINE) as engine:
        with exclusive(engine, "sync"):
            thread = threading.Thread(target=second)
            thread.start()
            assert second_waits.wait(30)
            with exclusive(engine, "another name", lambda: events.append("never")):
                events.append("first")
        thread.join(30)
        assert events == ["waits", "first", "second"]
        with exclusive(engine, "sync", lambda: events.append("never")):
            pass
        with exclusive(engine, "sync", lambda: events.append("never")):
            pass
    assert events == ["waits", "first", "second"]


def test_a_killed_process_lets_go_of_its_name(settings: Settings, tmp_path: Path) -> None:
    assert settings.database_url is not None
    code = (
        "import sys, os\nfrom pydantic import SecretStr\nfrom uysp.settings import Settings\n"
        "from uysp.database import Role, exclusive, open_database\n"
        "with open_database(Settings(_env_file=None, database_url=SecretStr(sys.argv[1])), Role.BOT) as engine:\n"
        "    with exclusive(engine, 'sync'):\n        print('has it', flush=True)\n        sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, settings.database_url.get_secret_value()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "has it\n"
    process.kill()
    process.communicate()
    with open_database(settings, Role.PIPELINE) as engine, exclusive(engine, "sync"):
        pass
