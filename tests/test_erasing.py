"""Erasing a client or a lead leaves no trace of it anywhere, asks before, and says what comes back."""

import copy
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, ScalarResult, text

from playground.airtable.server import Emulator
from tests.conftest import Template
from tests.sync.conftest import Reader, base_file, emulator, reader
from tests.sync.raw_state import assert_counts_are_true
from tests.test_cli import assert_one_clear_line, configured, uysp
from uysp import forget
from uysp.activity import Action, append
from uysp.airtable.fields import TABLES
from uysp.database import exclusive
from uysp.errors import ConfigurationError
from uysp.settings import PROJECT, inherited_environment

__all__ = ["base_file", "emulator", "reader"]  # fixtures

MARKER = "Zyxwvut Unmistakable"


@pytest.fixture
def template(built_template: Template) -> Template:
    """Marts that were built before."""
    return built_template


def everything(engine: Engine) -> str:
    """All rows of all tables and views of ours, as text."""
    found = []
    with engine.connect() as connection:
        tables: ScalarResult[str] = connection.execute(
            text("""
                select table_schema || '.' || table_name from information_schema.tables
                where table_schema in ('raw', 'app', 'staging', 'intermediate', 'marts')
            """)
        ).scalars()
        for table in list(tables):
            rows: ScalarResult[str] = connection.execute(text(f"select to_jsonb(t)::text from {table} as t")).scalars()
            found += [f"{table} {row}" for row in rows]
    return "\n".join(found)


def rows_of(engine: Engine, table: str) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        rows: ScalarResult[dict[str, Any]] = connection.execute(text(f"select to_jsonb(t) from {table} as t")).scalars()
        return sorted(rows, key=repr)


@pytest.fixture
def synced(reader: Reader, emulator: Emulator, engine: Engine, tmp_path: Path) -> dict[str, str]:
    """A synced client with one lead that can be told from all others, with two versions and linked to a campaign."""
    store, base_id = emulator.store, reader.client.base_id
    (campaign,) = store.create(base_id, "Campaigns", [{"Campaign Name": "Of both"}])
    lead, other = store.create(
        base_id,
        "Leads",
        [
            {"Lead": MARKER, "First Name": MARKER, "Phone": "+1 415 555 0199 x7", "Linked Campaign": [campaign]},
            {"Lead": "Other", "Phone": "4155550199", "Linked Campaign": [campaign]},
        ],
    )
    audit = [
        {"Event": "Sent", "Lead Record ID": f" {lead} ", "Text": MARKER, "Sent At": "2026-10-01T10:00:00.000Z"},
        {"Event": "Delivery", "Phone": "(415) 555-0199", "Text": MARKER, "Delivery At": "2026-10-01T10:01:00.000Z"},
        {"Event": "Sent", "Lead Record ID": "recNeverLoaded000", "Phone": "4155550199", "Text": MARKER},
        {"Event": "Sent", "Lead Record ID": other, "Phone": "4155550199", "Text": "to the other"},
        {"Event": "Delivery", "Phone": "4155550100", "Text": "to nobody we know", "Webhook Raw": f"lead={lead}&x=1"},
    ]
    store.create(base_id, "SMS_Audit", audit)
    reader.sync()
    store.update(base_id, "Leads", {lead: {"Company": MARKER}})
    reader.sync()
    with engine.begin() as connection:
        denied = {"actor_id": "U1", "outcome": "denied"}
        append(connection, Action.ACCESS_DENIED, client="uysp", lead_id=lead, details={"said": MARKER}, **denied)
        append(connection, Action.ACCESS_DENIED, client="uysp", details={"of": [lead], "said": MARKER}, **denied)
        append(connection, Action.ACCESS_DENIED, client="uysp", lead_id=other, details={"said": "other"}, **denied)
    assert everything(engine).count(MARKER) > 5
    return configured(reader) | {"LEAD": lead, "OTHER": other}


def test_a_lead_is_gone_without_a_trace_and_nobody_else_is(
    synced: dict[str, str], reader: Reader, emulator: Emulator, engine: Engine, tmp_path: Path
) -> None:
    lead = synced["LEAD"]
    assert uysp(tmp_path, "sync", **synced).returncode == 0
    with engine.connect() as connection:
        named: int = connection.execute(
            text("select count(*) from marts.leads where company = :marker"), {"marker": MARKER}
        ).scalar_one()
    assert named == 1
    tables = [f"raw.{name}{suffix}" for name in TABLES for suffix in ("", "_history")]
    before = {table: rows_of(engine, table) for table in tables}
    done = uysp(tmp_path, "forget-lead", lead, **synced)
    assert_one_clear_line(done, "Nothing was erased", "--yes")
    for line in ("raw.leads: 1 row", "raw.leads_history: 2 rows", "raw.sms_audit: 3 rows", "app.activity_log: 2 rows"):
        assert f"  {line}\n" in done.stdout
    assert {table: rows_of(engine, table) for table in tables} == before

    done = uysp(tmp_path, "forget-lead", f"uysp/{lead}", "--yes", **synced)
    assert done.returncode == 0, done.stderr
    assert "4 of its records still stood in Airtable" in done.stdout
    assert "read again" in done.stdout
    assert f"maybe the same person, are known: {synced['OTHER']}" in done.stdout
    left = everything(engine)
    assert MARKER not in left
    assert lead not in left
    for table in tables:
        # Of the rows of others nothing is missing but the mention.
        expected = [without(lead, row) for row in before[table] if MARKER not in json.dumps(row)]
        assert rows_of(engine, table) == sorted(expected, key=repr)
        assert table not in MENTIONING or expected != [r for r in before[table] if MARKER not in json.dumps(r)]
    assert_counts_are_true(engine)
    log = rows_of(engine, "app.activity_log")
    assert [(row["actor_id"], row["action"], row["client"], row["lead_id"], row["details"]) for row in log] == [
        ("U1", "ACCESS_DENIED", "uysp", None, {}),
        ("U1", "ACCESS_DENIED", "uysp", None, {}),
        ("U1", "ACCESS_DENIED", "uysp", synced["OTHER"], {"said": "other"}),
    ]
    assert_one_clear_line(
        uysp(tmp_path, "forget-lead", lead, "--yes", **synced), "Nothing is known", "nothing was erased"
    )

    emulator.store.delete(reader.client.base_id, "Leads", [lead])
    reader.sync()
    assert lead not in everything(engine), "a deletion of what is not known leaves no trace"


def files_with(words: str, url: str) -> list[str]:
    """The files of the database, its write-ahead log apart, in which words can be read."""
    with psycopg.connect(url, autocommit=True) as login:
        login.execute("checkpoint")
        return [
            str(row[0])
            for row in login.execute(
                """
                with files as (
                    select 'base/' || pg_database.oid || '/' || pg_ls_dir('base/' || pg_database.oid) as file
                    from pg_database where datname = current_database()
                )
                select file from files
                where position(convert_to(%s, 'UTF8') in pg_read_binary_file(file, 0, 1000000000, true)) > 0
                """,
                [words],
            )
        ]


def test_what_is_erased_cannot_be_read_in_the_databases_files(synced: dict[str, str], engine: Engine) -> None:
    url = synced["DATABASE_URL"]
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("analyze raw.leads"))  # statistics have values of rows
    assert files_with(MARKER, url)
    assert forget.forget_lead(engine, "uysp", synced["LEAD"]).not_cleaned == ()
    assert files_with(MARKER, url) == []
    assert files_with("to nobody we know", url)
    assert forget.forget_client(engine, "uysp").not_cleaned == ()
    assert files_with("to nobody we know", url) == []


def test_files_that_are_in_use_are_named_and_what_is_erased_is_erased(synced: dict[str, str], engine: Engine) -> None:
    with psycopg.connect(synced["DATABASE_URL"]) as reading:
        reading.execute("select * from raw.sms_audit limit 1")  # and keeps its transaction open
        erased = forget.forget_lead(engine, "uysp", synced["LEAD"], lock_seconds=0.1)
    assert erased.not_cleaned == ("raw.sms_audit",)
    assert MARKER not in everything(engine)


MENTIONING = ("raw.campaigns", "raw.campaigns_history", "raw.sms_audit", "raw.sms_audit_history")


def without(lead: str, row: dict[str, Any]) -> dict[str, Any]:
    """A row as it is once nothing in it names the lead."""
    cells = {
        name: [item for item in value if item != lead] if isinstance(value, list) else value
        for name, value in row["fields"].items()
    }
    cells = {name: value.replace(lead, "") if isinstance(value, str) else value for name, value in cells.items()}
    return row | {"fields": {name: value for name, value in cells.items() if value != []}}


@pytest.mark.parametrize("typed", ["", "rec", "%", "rec%%%%%%%%%%%%%%", "jane@example.com"])
def test_what_is_no_record_id_erases_nothing(
    typed: str, synced: dict[str, str], engine: Engine, tmp_path: Path
) -> None:
    before = everything(engine)
    assert_one_clear_line(uysp(tmp_path, "forget-lead", typed, "--yes", **synced), "no record id", "nothing was erased")
    with pytest.raises(ConfigurationError):
        forget.forget_lead(engine, "uysp", typed)
    assert everything(engine) == before


def test_a_client_is_gone_without_a_trace_once_a_person_has_typed_its_key(
    synced: dict[str, str], reader: Reader, emulator: Emulator, engine: Engine, tmp_path: Path
) -> None:
    with psycopg.connect(synced["DATABASE_URL"]) as login:
        login.execute("create table app.added_later (client text, said text)")
    with engine.begin() as connection:
        for schema in ("raw", "marts"):
            connection.execute(text(f"create table {schema}.added_later (client text, said text)"))
        for schema in ("raw", "app", "marts"):
            connection.execute(text(f"insert into {schema}.added_later values ('uysp', :said)"), {"said": MARKER})
            connection.execute(text(f"insert into {schema}.added_later values ('kept', 'of another')"))
    # Another client of the same database, with what the first one has.
    other_base = copy.deepcopy(emulator.store.bases[reader.client.base_id])
    other_base.id = "appOTHERBASE00000"
    emulator.store.bases[other_base.id] = other_base
    for token in (emulator.store.tokens or {}).values():
        token.bases[other_base.id] = "creator"
    outcomes = reader.named(key="kept", name="kept", base_id=other_base.id).sync()
    assert outcomes["leads"].changed > 200
    kept = {line for line in everything(engine).splitlines() if '"client": "kept"' in line}
    assert kept
    assert len(emulator.hooks(reader.client.base_id)) == 1
    refused, _ = type_at_a_terminal("no", tmp_path, synced)
    assert refused != 0
    assert MARKER in everything(engine)
    status, said = type_at_a_terminal("uysp", tmp_path, synced)
    assert status == 0
    assert "raw.added_later: 1 row" in said
    assert "still configured" in said
    assert "AIRTABLE_BASE_ID" in said
    left = everything(engine)
    for trace in ('"uysp"', "base_id", reader.client.base_id, synced["LEAD"]):
        of_others = [line for line in left.splitlines() if '"client": "kept"' not in line]
        assert not [line for line in of_others if trace in line], trace
    # The marts were built again, which notes down from what, and makes the index of leads anew.
    made = ("app.built_", "app.lead_index")
    now = {line for line in left.splitlines() if '"client": "kept"' in line and not line.startswith(made)}
    read = ("raw.", "app.")
    assert {line for line in now if line.startswith(read)} == {line for line in kept if line.startswith(read)}
    assert any(line.startswith("app.lead_index ") for line in left.splitlines())
    assert emulator.hooks(reader.client.base_id) == []
    assert len(emulator.hooks(other_base.id)) == 1
    again = uysp(tmp_path, "client", "forget", "uysp", "--yes", **synced)
    assert_one_clear_line(again, "Nothing is known of a client 'uysp'", "kept")
    reader.sync()
    assert MARKER in everything(engine), "it was still configured"


def test_erasing_waits_for_a_running_sync_and_goes_on_without_airtable(
    synced: dict[str, str], engine: Engine, tmp_path: Path
) -> None:
    away = synced | {"AIRTABLE_API_KEY": "patRevoked"}
    with exclusive(engine, "sync uysp"):
        process = started(["client", "forget", "uysp", "--yes"], tmp_path, away, stdin=subprocess.DEVNULL)
        assert process.stderr is not None
        assert "Waiting" in process.stderr.readline()
        assert MARKER in everything(engine)
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "webhook was left to end by itself within a week: Airtable does not know the token for client" in errors
    assert "stays" not in errors
    assert "Erased everything" in said
    assert MARKER not in everything(engine)


def started(arguments: list[str], folder: Path, variables: dict[str, str], stdin: int) -> "subprocess.Popen[str]":
    environment = inherited_environment() | {"UYSP_HOME": str(folder / "home"), "PYTHONPATH": str(PROJECT)} | variables
    return subprocess.Popen(
        [sys.executable, "-m", "uysp", *arguments],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=folder,
        text=True,
    )


def type_at_a_terminal(typed: str, folder: Path, variables: dict[str, str]) -> tuple[int, str]:
    """Answer `uysp client forget` as a person does; return its status and what it said."""
    ours, theirs = pty.openpty()
    process = started(["client", "forget", "uysp"], folder, variables, stdin=theirs)
    os.write(ours, f"{typed}\n".encode())
    said, _ = process.communicate(timeout=120)
    os.close(ours)
    os.close(theirs)
    return process.returncode, said


def test_what_the_terminal_tells_of_a_lead_the_system_and_several_clients(
    synced: dict[str, str], reader: Reader, tmp_path: Path
) -> None:
    plan = synced | {"UYSP_AIRTABLE_MONTHLY_CALLS": "100000"}
    assert uysp(tmp_path, "sync", **plan).returncode == 0
    done = uysp(tmp_path, "versions", synced["LEAD"], **synced)
    assert done.returncode == 0, done.stderr
    assert "2 versions" in done.stdout
    assert "Company" in done.stdout
    by_name = uysp(tmp_path, "versions", MARKER, "--json", **synced)
    assert '"operation": "created"' in by_name.stdout
    assert '"field": "Company"' in by_name.stdout
    by_phone = uysp(tmp_path, "versions", "415-555-0199", "--json", **synced)
    assert_one_clear_line(by_phone, "2 leads match", MARKER, synced["LEAD"], synced["OTHER"])
    assert by_phone.stdout == ""
    status = uysp(tmp_path, "ask", "status", **plan)
    assert status.returncode == 0, status.stderr
    assert re.search("API calls? used this month", status.stdout)
    assert "of 100,000 left" in " ".join(status.stdout.split())
    doctor = uysp(tmp_path, "doctor", **(synced | {"UYSP_AIRTABLE_MONTHLY_CALLS": "1"}))
    assert "0 of 1 left" in doctor.stdout
    assert doctor.returncode == 1
    (tmp_path / "clients.toml").write_text(
        f'[clients.uysp]\nbase_id = "{reader.client.base_id}"\ntoken_variable = "AIRTABLE_API_KEY"\n'
        '[clients.other]\nbase_id = "appBBBBBBBBBBBBBB"\ntoken_variable = "AIRTABLE_API_KEY"\n'
    )
    several = synced | {"UYSP_CLIENTS_FILE": str(tmp_path / "clients.toml")}
    for arguments in (["ask", "campaigns"], ["versions", "anna"], ["forget-lead", synced["LEAD"], "--yes"]):
        done = uysp(tmp_path, *arguments, **several)
        assert_one_clear_line(done, "Several clients", "KEY", "other, uysp")
        assert done.returncode == 2
    for arguments in (["versions", "anna"], ["history"], ["history", "anna"]):
        done = uysp(tmp_path, *arguments, **several)
        assert_one_clear_line(done, "Several clients", "add --client KEY, one of other, uysp")
    both = uysp(tmp_path, "forget-lead", f"uysp/{synced['LEAD']}", "--client", "other", "--yes", **several)
    assert_one_clear_line(both, f"uysp/{synced['LEAD']}", "--client says other", "nothing was erased")
    for arguments in ([f"uysp/{synced['LEAD']}"], [synced["LEAD"], "--client", "uysp", "--as", "U1"]):
        assert "2 versions" in uysp(tmp_path, "versions", *arguments, **several).stdout
    assert uysp(tmp_path, "ask", "campaigns client:uysp", **several).returncode == 0
    assert uysp(tmp_path, "ask", "help", **several).returncode == 0
    failing = uysp(tmp_path, "sync", **several)
    assert failing.returncode == 1
    assert "client other" in failing.stderr
    assert "uysp leads: " in failing.stdout
    assert "other leads: failed" in failing.stdout
    assert "marts: nothing to build" in failing.stdout
