"""The command line as people meet it: every mistake of theirs is one clear line and a status, and changes nothing."""

import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine, ScalarResult, text

from playground.airtable.server import Emulator
from tests import commands
from tests.conftest import Template, database_of
from tests.sync.conftest import Reader, base_file, emulator, reader
from tests.waiting import eventually
from uysp.settings import PROJECT, Settings, env_example, inherited_environment

__all__ = ["base_file", "emulator", "reader"]  # fixtures


@pytest.fixture
def template(built_template: Template) -> Template:
    """Marts that were built before."""
    return built_template


def uysp(folder: Path, *arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return commands.uysp(folder, *arguments, environment={"UYSP_HOME": str(folder / "home")} | environment)


def assert_one_clear_line(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    assert done.returncode != 0
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    for word in words:
        assert word in lines[0]
    assert "Traceback" not in done.stderr + done.stdout


def configured(reader: Reader) -> dict[str, str]:
    assert reader.settings.database_url is not None
    assert reader.settings.airtable_endpoint_url is not None
    return {
        "DATABASE_URL": reader.settings.database_url.get_secret_value(),
        "AIRTABLE_ENDPOINT_URL": reader.settings.airtable_endpoint_url,
        "AIRTABLE_API_KEY": reader.client.token.get_secret_value(),
        "AIRTABLE_BASE_ID": reader.client.base_id,
        "UYSP_AIRTABLE_RATE": "1000",
    }


def test_ask_without_a_text_asks_for_the_dashboard_as_in_slack(tmp_path: Path) -> None:
    away = uysp(tmp_path, "ask", DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert_one_clear_line(away, "cannot be reached")  # it was understood, and looked up


def test_help_lists_every_command(tmp_path: Path) -> None:
    done = commands.uysp_in_a_new_interpreter(tmp_path, "--help", environment={})
    assert done.returncode == 0
    for command in (
        "up",
        "sync",
        "ask",
        "versions",
        "history",
        "forget-lead",
        "client",
        "bot",
        "doctor",
        "export",
        "db-url",
    ):
        assert f" {command} " in done.stdout


def test_the_example_environment_lists_every_setting() -> None:
    assert (PROJECT / ".env.example").read_text() == env_example()


MISTAKES = {
    "nothing configured": ({}, ["AIRTABLE_API_KEY", "AIRTABLE_BASE_ID"]),
    "half configured": ({"AIRTABLE_API_KEY": "patX"}, ["AIRTABLE_BASE_ID is not set"]),
    "a rate above Airtable's": ({"UYSP_AIRTABLE_RATE": "6"}, ["UYSP_AIRTABLE_RATE"]),
    "no number": ({"PORT": "many"}, ["PORT"]),
    "no web address": ({"AIRTABLE_ENDPOINT_URL": "nonsense"}, ["AIRTABLE_ENDPOINT_URL"]),
    "no time zone": ({"UYSP_TIMEZONE": "Mars/Base"}, ["UYSP_TIMEZONE", "Mars/Base"]),
    "no database URL": (
        {"AIRTABLE_API_KEY": "p", "AIRTABLE_BASE_ID": "appX", "DATABASE_URL": "mysql://x"},
        ["DATABASE_URL"],
    ),
    "no base": ({"AIRTABLE_API_KEY": "p", "AIRTABLE_BASE_ID": "nope"}, ["AIRTABLE_BASE_ID"]),
    "no such clients file": ({"UYSP_CLIENTS_FILE": "none.toml"}, ["none.toml"]),
}


@pytest.mark.parametrize(("environment", "words"), MISTAKES.values(), ids=MISTAKES)
def test_a_wrong_setting_is_named(environment: dict[str, str], words: list[str], tmp_path: Path) -> None:
    assert_one_clear_line(uysp(tmp_path, "sync", **environment), *words)
    assert not (tmp_path / "home").exists()


CLIENTS_FILES = {
    "clients is a number": ("clients = 3", "clients"),
    "a client is a number": ("[clients]\na = 3", "clients.a"),
    "fields is a number": ('[clients.a]\nbase_id="appX"\ntoken_variable="T"\nfields=5', "fields"),
    "a base id is a number": ('[clients.a]\nbase_id=5\ntoken_variable="T"', "base_id"),
    "channels are one text": ('[clients.a]\nbase_id="appX"\ntoken_variable="T"\nslack_channels="C1"', "slack_channels"),
    "a misspelt setting": ('[clients.a]\nbase_id="appX"\ntoken_variable="T"\ntimezon="UTC"', "timezon"),
    "a missing setting": ('[clients.a]\nbase_id="appX"', "token_variable"),
    "an unknown zone": ('[clients.a]\nbase_id="appX"\ntoken_variable="T"\ntimezone="Mars"', "Mars"),
    "a key with a blank": ('[clients."a b"]\nbase_id="appX"\ntoken_variable="T"', "a b"),
    "a token that is not set": ('[clients.a]\nbase_id="appX"\ntoken_variable="NONE"', "NONE"),
    "two clients on one base": (
        '[clients.a]\nbase_id="appX"\ntoken_variable="T"\n[clients.b]\nbase_id="appX"\ntoken_variable="T"',
        "same base",
    ),
    "no client": ("", "clients"),
    "no TOML": ("[clients", "clients.toml"),
}


@pytest.mark.parametrize(("content", "word"), CLIENTS_FILES.values(), ids=CLIENTS_FILES)
def test_a_wrong_clients_file_is_named(content: str, word: str, tmp_path: Path) -> None:
    (tmp_path / "clients.toml").write_text(content)
    done = uysp(tmp_path, "sync", UYSP_CLIENTS_FILE=str(tmp_path / "clients.toml"), T="patX")
    assert_one_clear_line(done, word)
    assert (done.returncode, (tmp_path / "home").exists()) == (2, False)


@pytest.mark.parametrize("url", ["postgresql://nosuch.host.invalid/x", "postgresql://a:sec/ret@pw@127.0.0.1:9/x"])
def test_a_database_host_that_is_none_is_told_without_a_part_of_the_password(url: str, tmp_path: Path) -> None:
    done = uysp(tmp_path, "sync", DATABASE_URL=url, AIRTABLE_API_KEY="patX", AIRTABLE_BASE_ID="appX")
    assert_one_clear_line(done, "DATABASE_URL")
    assert "pw" not in done.stderr


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1"])
def test_a_database_of_another_encoding_is_refused(encoding: str, tmp_path: Path, database_url: str) -> None:
    name = f"test_{encoding.lower()}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            f"create database {name} template template0 encoding '{encoding}' locale_provider libc locale 'C'"
        )
        try:
            url = database_of(database_url, name)
            done = uysp(tmp_path, "sync", DATABASE_URL=url, AIRTABLE_API_KEY="patX", AIRTABLE_BASE_ID="appX")
        finally:
            connection.execute(f"drop database {name} with (force)")
    assert_one_clear_line(done, encoding, "UTF8")


@pytest.mark.parametrize(
    "content", [b'AIRTABLE_API_KEY="patX\n', b"AIRTABLE_API_KEY patX\n", b"\xff\xfe", b"just words\n"]
)
def test_a_broken_env_file_is_named_without_its_content(content: bytes, tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(content)
    done = uysp(tmp_path, "sync")
    assert_one_clear_line(done, ".env")
    assert "patX" not in done.stderr


def test_an_env_file_is_read_and_the_process_wins(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=none\nAIRTABLE_API_KEY=patX # ours\n")
    assert_one_clear_line(uysp(tmp_path, "sync"), "PORT")
    assert_one_clear_line(uysp(tmp_path, "sync", PORT="3000"), "AIRTABLE_BASE_ID is not set")


def test_a_database_that_is_down_is_named_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://someone:secret@127.0.0.1:9/db"
    done = uysp(tmp_path, "sync", DATABASE_URL=url, AIRTABLE_API_KEY="patX", AIRTABLE_BASE_ID="appX")
    assert_one_clear_line(done, "database cannot be reached")
    assert "secret" not in done.stderr


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    home = str(tmp_path / "file" / "home")
    done = uysp(tmp_path, "sync", UYSP_HOME=home, AIRTABLE_API_KEY="patX", AIRTABLE_BASE_ID="appX")
    assert_one_clear_line(done, home)


def test_an_unknown_client_is_answered_with_the_known_ones(tmp_path: Path, reader: Reader) -> None:
    done = uysp(tmp_path, "sync", "--client", "other", **configured(reader))
    assert_one_clear_line(done, "'other'", "uysp")


def test_a_cycle_in_the_foreground_loads_builds_and_answers(tmp_path: Path, reader: Reader, engine: Engine) -> None:
    environment = configured(reader)
    done = uysp(tmp_path, "sync", **environment)
    assert done.returncode == 0, done.stderr
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == [
        *(f"uysp {table}" for table in ("leads", "campaigns", "sms_templates", "sms_audit")),
        "marts",
    ]
    answered = uysp(tmp_path, "ask", "campaigns", "--json", **environment)
    assert answered.returncode == 0, answered.stderr
    with engine.connect() as connection:
        campaigns: int = connection.execute(text("select count(*) from marts.campaign_performance")).scalar_one()
    assert answered.stdout.count('"campaign":') == campaigns > 20


def test_a_refused_token_ends_with_one_line_and_status_1(tmp_path: Path, reader: Reader, engine: Engine) -> None:
    done = uysp(tmp_path, "sync", **(configured(reader) | {"AIRTABLE_API_KEY": "patWrong"}))
    assert_one_clear_line(done, "does not know the token")
    assert "patWrong" not in done.stdout + done.stderr


def test_a_table_that_fails_ends_the_cycle_with_status_1_and_the_others_are_loaded(
    tmp_path: Path, reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    table = emulator.store.table(reader.client.base_id, "SMS_Audit")[1].id
    emulator.fail(path=table, status=422, times=None)
    done = uysp(tmp_path, "sync", **configured(reader))
    assert done.returncode == 1
    assert_one_clear_line(done, "HTTP 422", "stays")
    with engine.connect() as connection:
        failed = connection.execute(text("select source_table from raw.sync_state where last_error is not null"))
        assert failed.scalars().all() == ["sms_audit"]
        assert connection.execute(text("select count(*) from marts.leads")).scalar_one() > 0


def test_what_could_not_be_read_is_not_built_again_and_a_wrong_key_leaves_no_trace_in_answers(
    tmp_path: Path, reader: Reader, engine: Engine
) -> None:
    reader.sync()
    environment = configured(reader)
    assert uysp(tmp_path, "sync", **environment).returncode == 0
    done = uysp(
        tmp_path, "sync", **(environment | {"UYSP_CLIENT": "mistyped", "AIRTABLE_BASE_ID": "appXXXXXXXXXXXXXX"})
    )
    assert_one_clear_line(done, "mistyped")
    assert "marts" not in done.stdout
    answered = uysp(tmp_path, "ask", "campaigns", **environment)
    assert answered.returncode == 0
    assert "mistyped" not in answered.stdout


def test_a_build_that_fails_is_told_with_every_answer_until_one_works(
    tmp_path: Path, reader: Reader, engine: Engine
) -> None:
    environment = configured(reader)
    with engine.begin() as connection:
        connection.exec_driver_sql("""
            create function marts.refuse() returns trigger language plpgsql as $$ begin raise 'no room'; end $$;
            create trigger refuse before insert on marts.campaign_performance execute function marts.refuse();
        """)
    done = uysp(tmp_path, "sync", **environment)
    assert_one_clear_line(done, "marts could not be built to their end", "campaign_performance", "no room")
    asked = uysp(tmp_path, "ask", "hot", **environment).stdout
    assert "Builds of the marts fail since" in " ".join(asked.split())
    found = uysp(tmp_path, "doctor", **environment)
    assert found.returncode == 1
    assert "(campaign_performance)" in found.stdout
    with engine.begin() as connection:
        connection.exec_driver_sql("drop function marts.refuse cascade")
    assert uysp(tmp_path, "sync", **environment).returncode == 0
    assert "fail since" not in " ".join(uysp(tmp_path, "ask", "hot", **environment).stdout.split())


def test_text_that_the_terminal_cannot_show_or_encode_ends_no_answer(
    tmp_path: Path, reader: Reader, engine: Engine
) -> None:
    environment = configured(reader)
    assert uysp(tmp_path, "sync", **environment).returncode == 0
    here = environment | {"UYSP_HOME": str(tmp_path / "home")}
    in_ascii = here | {"PYTHONIOENCODING": "ascii"}
    shown = commands.uysp_in_a_new_interpreter(tmp_path, "ask", "campaigns", environment=in_ascii)
    assert (shown.returncode, shown.stderr) == (0, "")
    typed = b"lead \xff\xfe".decode(errors="surrogateescape")
    asked = commands.uysp_in_a_new_interpreter(tmp_path, "ask", typed, environment=here)
    assert (asked.returncode, asked.stderr) == (0, "")


def test_doctor_finds_nothing_wrong_with_the_sample_base(tmp_path: Path, reader: Reader) -> None:
    done = uysp(tmp_path, "doctor", **configured(reader))
    lines = [line for line in done.stdout.splitlines() if line.startswith("wrong")]
    assert (done.returncode, lines) == (0, []), done.stdout
    assert "'HRQ Status' has no option 'Completed'" in done.stdout


def test_doctor_names_what_is_wrong_and_what_to_do(tmp_path: Path, reader: Reader) -> None:
    done = uysp(tmp_path, "doctor", **(configured(reader) | {"AIRTABLE_API_KEY": "patWrong"}))
    assert done.returncode == 1
    assert "does not know the token" in done.stdout
    assert "personal access token" in done.stdout


def test_several_clients_come_from_a_file_and_one_failing_does_not_hide_the_other(
    tmp_path: Path, reader: Reader, engine: Engine, settings: Settings
) -> None:
    environment = configured(reader)
    (tmp_path / "clients.toml").write_text(
        f"""
        [clients.good]
        base_id = "{reader.client.base_id}"
        token_variable = "GOOD_TOKEN"
        [clients.bad]
        base_id = "appXXXXXXXXXXXXXX"
        token_variable = "BAD_TOKEN"
        """
    )
    (tmp_path / ".env").write_text(f"GOOD_TOKEN={environment.pop('AIRTABLE_API_KEY')}\nBAD_TOKEN=patWrong\n")
    environment.pop("AIRTABLE_BASE_ID")
    done = uysp(tmp_path, "sync", UYSP_CLIENTS_FILE=str(tmp_path / "clients.toml"), **environment)
    assert_one_clear_line(done, "client bad")
    with engine.connect() as connection:
        clients: ScalarResult[str] = connection.execute(text("select distinct client from marts.leads")).scalars()
        assert list(clients) == ["good"]


# Ctrl-C


def entry_point() -> list[str]:
    """Return what the script `uysp` runs, as its installer writes it from pyproject.toml."""
    scripts = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["scripts"]
    module, _, function = scripts["uysp"].partition(":")
    return ["-c", f"import sys; from {module} import {function}; sys.exit({function}())"]


@contextmanager
def started(arguments: list[str], folder: Path, **environment: str) -> "Iterator[subprocess.Popen[str]]":
    """A program of ours that runs until the block ends."""
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env=inherited_environment() | {"UYSP_HOME": str(folder / "home"), "PYTHONPATH": str(PROJECT)} | environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("start", [["-m", "uysp"], entry_point()], ids=["module", "script"])
@pytest.mark.parametrize("imported", ["typer.main", "pydantic_settings", "uysp.cli", "sqlalchemy.exc"])
def test_ctrl_c_ends_a_command_quietly_from_its_first_moment_on(
    start: list[str], imported: str, tmp_path: Path
) -> None:
    # Python tells on stderr what it has imported, so that the signal comes at a known place.
    with started([*start, "ask", "campaigns"], tmp_path, PYTHONPROFILEIMPORTTIME="1") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.split("|")[-1].strip() == imported:
                process.send_signal(signal.SIGINT)
                break
        said, errors = process.communicate(timeout=60)
        assert (process.returncode, said) == (130, "")
        assert [line for line in errors.splitlines() if not line.startswith("import time:")] == []


def test_ctrl_c_does_not_wait_for_a_base_that_is_read_slowly(
    tmp_path: Path, reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    slowly = configured(reader) | {"UYSP_AIRTABLE_RATE": "0.001"}  # a call every 17 minutes
    with started(["-m", "uysp", "sync"], tmp_path, **slowly) as process:
        while not emulator.requests:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=60)
        assert (process.returncode, said) == (130, "")
        assert errors == "uysp: Stopped; what is listed above is loaded, and the next sync does the rest.\n"


def test_a_database_that_ends_during_a_build_is_told_with_what_is_loaded(
    tmp_path: Path, reader: Reader, engine: Engine, settings: Settings
) -> None:
    assert settings.database_url is not None
    url = settings.database_url.get_secret_value()
    building = "select from pg_stat_activity where datname = %s and application_name = 'dbt'"
    end = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s"
    with (
        psycopg.connect(database_of(url, "postgres"), autocommit=True) as login,
        started(["-m", "uysp", "sync"], tmp_path, **configured(reader)) as process,
    ):
        name = str(engine.url.database)
        assert eventually(lambda: login.execute(building, [name]).fetchall(), 60)
        login.execute(sql.SQL("alter database {} allow_connections false").format(sql.Identifier(name)))
        try:
            login.execute(end, [name])
            said, errors = process.communicate(timeout=60)
        finally:
            login.execute(sql.SQL("alter database {} allow_connections true").format(sql.Identifier(name)))
    assert process.returncode == 1
    assert "leads" in said
    assert "what is listed above is loaded" in errors
    assert "nothing was changed" not in errors


# What sync can be told


def test_fast_is_refused_without_full(tmp_path: Path) -> None:
    done = uysp(tmp_path, "sync", "--fast")
    assert_one_clear_line(done, "--fast", "--full", "nothing was read")
    assert done.returncode == 2


def test_deletions_that_are_held_back_are_believed_when_a_person_says_so(
    tmp_path: Path, reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    environment = configured(reader)
    assert uysp(tmp_path, "sync", "--full", "--fast", **environment).returncode == 0
    leads = [record_id for record_id, _ in emulator.store.read_all(reader.client.base_id, "Leads")]
    emulator.store.delete(reader.client.base_id, "Leads", leads[:40])
    for options in ([], ["--sweep"], ["--full"]):
        held = uysp(tmp_path, "sync", *options, **environment)
        assert_one_clear_line(held, "40 records of leads", "--accept-deletions")
        assert present_leads(engine) == len(leads)
    accepted = uysp(tmp_path, "sync", "--accept-deletions", **environment)
    assert (accepted.returncode, accepted.stderr) == (0, "")
    assert "40 deleted" in accepted.stdout
    assert present_leads(engine) == len(leads) - 40


def test_a_sweep_finds_what_no_payload_told(tmp_path: Path, reader: Reader, emulator: Emulator, engine: Engine) -> None:
    environment = configured(reader)
    assert uysp(tmp_path, "sync", **environment).returncode == 0
    lead, _ = next(iter(emulator.store.read_all(reader.client.base_id, "Leads")))
    with engine.begin() as connection:
        connection.execute(text("delete from raw.leads_history where record_id = :lead"), {"lead": lead})
        connection.execute(text("delete from raw.leads where record_id = :lead"), {"lead": lead})
    missing = present_leads(engine)
    assert uysp(tmp_path, "sync", **environment).returncode == 0
    assert present_leads(engine) == missing
    assert uysp(tmp_path, "sync", "--sweep", **environment).returncode == 0
    assert present_leads(engine) == missing + 1


def present_leads(engine: Engine) -> int:
    with engine.connect() as connection:
        leads: int = connection.execute(text("select count(*) from raw.leads where deleted_at is null")).scalar_one()
        return leads
