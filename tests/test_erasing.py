"""Erasing a client or a lead leaves no trace of it anywhere, asks before, and says what comes back."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, ScalarResult, text

from playground.airtable.server import Emulator
from tests.sync.conftest import Reader, base_file, emulator, reader
from tests.test_cli import assert_one_clear_line, configured, uysp
from uysp.activity import Action, append
from uysp.settings import PROJECT, inherited_environment

__all__ = ["base_file", "emulator", "reader"]  # fixtures

MARKER = "Zyxwvut Unmistakable"


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


@pytest.fixture
def synced(reader: Reader, emulator: Emulator, engine: Engine, tmp_path: Path) -> dict[str, str]:
    """A synced client with one lead that can be told from all others."""
    store, base_id = emulator.store, reader.client.base_id
    (lead,) = store.create(base_id, "Leads", [{"Lead": MARKER, "First Name": MARKER, "Phone": "+1 415 555 0199"}])
    store.create(
        base_id,
        "SMS_Audit",
        [
            {"Event": "Sent", "Lead Record ID": lead, "Text": MARKER, "Sent At": "2026-10-01T10:00:00.000Z"},
            {"Event": "Delivery", "Phone": "(415) 555-0199", "Text": MARKER, "Delivery At": "2026-10-01T10:01:00.000Z"},
        ],
    )
    reader.sync()
    store.update(base_id, "Leads", {lead: {"Company": MARKER}})
    reader.sync()
    with engine.begin() as connection:
        append(
            connection,
            Action.ACCESS_DENIED,
            actor_id="U1",
            outcome="denied",
            client="uysp",
            lead_id=lead,
            details={"said": MARKER},
        )
    assert everything(engine).count(MARKER) > 5
    return configured(reader) | {"LEAD": lead}


def test_a_lead_is_gone_without_a_trace(
    synced: dict[str, str], reader: Reader, emulator: Emulator, engine: Engine, tmp_path: Path
) -> None:
    lead = synced["LEAD"]
    assert uysp(tmp_path, "sync", **synced).returncode == 0
    with engine.connect() as connection:
        named: int = connection.execute(
            text("select count(*) from marts.leads where company = :marker"), {"marker": MARKER}
        ).scalar_one()
    assert named == 1
    done = uysp(tmp_path, "forget-lead", lead, **synced)
    assert_one_clear_line(done, "Nothing was erased", "--yes")
    assert MARKER in everything(engine)
    done = uysp(tmp_path, "forget-lead", lead, "--yes", **synced)
    assert done.returncode == 0, done.stderr
    assert "read again" in done.stdout
    left = everything(engine)
    assert MARKER not in left
    assert lead not in left
    with engine.connect() as connection:
        assert connection.execute(text("select actor_id, action from app.activity_log")).all() == [
            ("U1", "ACCESS_DENIED")
        ]
    assert_one_clear_line(uysp(tmp_path, "forget-lead", lead, "--yes", **synced), "No lead has", "nothing was erased")


def test_a_client_is_gone_without_a_trace_once_a_person_has_typed_its_key(
    synced: dict[str, str], reader: Reader, emulator: Emulator, engine: Engine, tmp_path: Path
) -> None:
    assert len(emulator.hooks(reader.client.base_id)) == 1
    refused, _ = type_at_a_terminal("no", tmp_path, synced)
    assert refused != 0
    assert MARKER in everything(engine)
    status, said = type_at_a_terminal("uysp", tmp_path, synced)
    assert status == 0
    assert "still configured" in said
    left = everything(engine)
    assert MARKER not in left
    assert '"client": "uysp"' not in left
    assert emulator.hooks(reader.client.base_id) == []
    again = uysp(tmp_path, "client", "forget", "uysp", "--yes", **synced)
    assert_one_clear_line(again, "Nothing is known of a client 'uysp'")
    reader.sync()
    assert MARKER in everything(engine), "it was still configured"


def type_at_a_terminal(typed: str, folder: Path, variables: dict[str, str]) -> tuple[int, str]:
    """Answer `uysp client forget` as a person does; return its status and what it said."""
    ours, theirs = pty.openpty()
    environment = inherited_environment() | {"UYSP_HOME": str(folder / "home"), "PYTHONPATH": str(PROJECT)} | variables
    process = subprocess.Popen(
        [sys.executable, "-m", "uysp", "client", "forget", "uysp"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd=folder,
        text=True,
    )
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
    by_phone = uysp(tmp_path, "versions", "415-555-0199", "--json", **synced)
    assert '"operation": "created"' in by_phone.stdout
    assert '"field": "Company"' in by_phone.stdout
    status = uysp(tmp_path, "ask", "status", **plan)
    assert status.returncode == 0, status.stderr
    assert "API calls used this month" in status.stdout
    assert "of 100,000 left" in " ".join(status.stdout.split())
    doctor = uysp(tmp_path, "doctor", **(synced | {"UYSP_AIRTABLE_MONTHLY_CALLS": "1"}))
    assert "0 of 1 left" in doctor.stdout
    assert doctor.returncode == 1
    (tmp_path / "clients.toml").write_text(
        f'[clients.uysp]\nbase_id = "{reader.client.base_id}"\ntoken_variable = "AIRTABLE_API_KEY"\n'
        '[clients.other]\nbase_id = "appBBBBBBBBBBBBBB"\ntoken_variable = "AIRTABLE_API_KEY"\n'
    )
    several = synced | {"UYSP_CLIENTS_FILE": str(tmp_path / "clients.toml")}
    for arguments in (["ask", "campaigns"], ["versions", "anna"]):
        done = uysp(tmp_path, *arguments, **several)
        assert_one_clear_line(done, "client:KEY", "other, uysp")
        assert done.returncode == 2
    assert uysp(tmp_path, "ask", "campaigns client:uysp", **several).returncode == 0
    assert uysp(tmp_path, "ask", "help", **several).returncode == 0
    failing = uysp(tmp_path, "sync", **several)
    assert failing.returncode == 1
    assert "client other" in failing.stderr
    assert "uysp leads: " in failing.stdout
    assert "other leads: failed" in failing.stdout
    assert "marts: nothing to build" in failing.stdout
