"""Whatever goes wrong while a table is read, what was there before stays, and the rest is loaded."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from playground.airtable.schema_edits import edit
from playground.airtable.server import Emulator
from playground.airtable.tokens import Token
from tests.sync.conftest import Reader
from tests.sync.raw_state import airtable_records, assert_raw_equals_airtable, whole_state
from tests.waiting import eventually
from uysp.cli import app
from uysp.settings import inherited_environment


def leads_path(reader: Reader, emulator: Emulator) -> str:
    return emulator.store.table(reader.client.base_id, "Leads")[1].id


def change_every_lead(reader: Reader, emulator: Emulator) -> None:
    ids = airtable_records(emulator, "leads")
    emulator.store.update(reader.client.base_id, "Leads", {record_id: {"Company": "Changed"} for record_id in ids})


LASTING_FAULTS: dict[str, dict[str, Any]] = {
    "the server fails": {"status": 500},
    "a gateway before it fails": {"status": 502},
    "it asks us to come back": {"status": 503, "retry_after": 1},
    "it says we are too fast": {"status": 429},
    "the month's calls are used up": {"status": 429, "billing": True},
    "the connection is cut before": {"drop": "before"},
    "the connection is cut after": {"drop": "after"},
    "the answer is no JSON": {"body": "malformed"},
    "the answer ends early": {"body": "truncated"},
}


@pytest.mark.parametrize("fault", LASTING_FAULTS.values(), ids=LASTING_FAULTS)
def test_a_page_that_keeps_failing_leaves_the_table_and_spares_the_others(
    fault: dict[str, Any], reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    change_every_lead(reader, emulator)
    before = whole_state(engine)
    emulator.fail(path=leads_path(reader, emulator), page=2, times=None, **fault)
    outcomes = reader.sync(full=True)
    after = whole_state(engine)
    assert [after[table] for table in ("leads", "leads_history")] == [before[t] for t in ("leads", "leads_history")]
    assert outcomes["leads"].error is not None
    assert "stays" in outcomes["leads"].error
    assert [outcomes[table].error for table in ("campaigns", "sms_templates", "sms_audit")] == [None] * 3
    with engine.connect() as connection:
        errors = connection.execute(text("select source_table from raw.sync_state where last_error is not null"))
        assert list(errors.scalars()) == ["leads"]
    emulator.heal()
    reader.sync()
    assert_raw_equals_airtable(engine, emulator)
    with engine.connect() as connection:
        assert connection.execute(text("select count(last_error) from raw.sync_state")).scalar_one() == 0


@pytest.mark.parametrize(
    "fault", [fault for name, fault in LASTING_FAULTS.items() if "month" not in name], ids=lambda fault: str(fault)
)
def test_a_fault_that_passes_is_not_noticed(
    fault: dict[str, Any], reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    emulator.fail(path=leads_path(reader, emulator), page=2, times=2, **fault)
    assert reader.sync()["leads"].error is None
    assert_raw_equals_airtable(engine, emulator)


def test_a_rate_limit_is_waited_out_for_as_long_as_airtable_locks_the_base(reader: Reader, emulator: Emulator) -> None:
    emulator.fail(path=leads_path(reader, emulator), status=429, times=1)
    reader.sync()
    assert max(reader.slept) == pytest.approx(30, abs=1)


def test_a_spent_month_is_not_asked_again(reader: Reader, emulator: Emulator) -> None:
    emulator.fail(path=leads_path(reader, emulator), status=429, billing=True, times=None)
    error = reader.sync()["leads"].error
    assert error is not None
    assert "this month" in error
    asked = [seen for seen in emulator.requests if leads_path(reader, emulator) in seen.path]
    assert len(asked) == 1


def test_an_expired_listing_is_begun_anew_and_forgets_what_it_had(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    killed: list[int] = []

    def kill_once(table: str, read: int) -> None:
        if table == "leads" and read == 100 and not killed:
            killed.append(read)
            # A record that the abandoned listing had brought is gone when the next one runs.
            emulator.store.delete(reader.client.base_id, "Leads", list(airtable_records(emulator, "leads"))[:1])
            emulator.kill_iterators()

    outcomes = reader.sync(progress=kill_once)
    assert killed == [100]
    assert [outcome.error for outcome in outcomes.values()] == [None] * 4
    assert_raw_equals_airtable(engine, emulator)


def test_a_listing_that_always_expires_leaves_what_was_there(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    change_every_lead(reader, emulator)
    before = whole_state(engine)
    outcomes = reader.sync(full=True, progress=lambda *_: emulator.kill_iterators())
    assert outcomes["leads"].error is not None
    assert whole_state(engine)["leads"] == before["leads"]


def test_a_process_that_is_killed_while_it_reads_leaves_what_was_there(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    change_every_lead(reader, emulator)
    before = whole_state(engine)
    emulator.fail(path=leads_path(reader, emulator), page=2, times=None, latency=60)
    assert reader.settings.database_url is not None
    environment = inherited_environment() | {
        "DATABASE_URL": reader.settings.database_url.get_secret_value(),
        "UYSP_HOME": str(reader.settings.uysp_home),
        "AIRTABLE_ENDPOINT_URL": emulator.url,
        "AIRTABLE_BASE_ID": reader.client.base_id,
        "AIRTABLE_API_KEY": reader.client.token.get_secret_value(),
    }
    asked_before = len(emulator.requests)
    process = subprocess.Popen(
        [sys.executable, "-m", "uysp", "sync", "--full"], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        path = leads_path(reader, emulator)
        assert eventually(lambda: any(path in seen.path for seen in emulator.requests[asked_before:]))
        time.sleep(0.5)  # the second page is asked for and does not come
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert whole_state(engine) == before
    emulator.heal()
    reader.sync()
    assert_raw_equals_airtable(engine, emulator)


REFUSALS = {
    "a wrong token": ({"token": SecretStr("patWrong")}, "does not know the token"),
    "one of the clients file": (
        {"token": SecretStr("patWrong"), "credential_variable": "ACME_TOKEN"},
        "Set ACME_TOKEN to a valid personal access token",
    ),
    "an unknown base": ({"base_id": "appAAAAAAAAAAAAAA"}, "refused access"),
}


@pytest.mark.parametrize(("changes", "words"), REFUSALS.values(), ids=REFUSALS)
def test_a_refused_read_is_told_and_changes_nothing(
    changes: dict[str, Any], words: str, reader: Reader, engine: Engine
) -> None:
    before = whole_state(engine)
    outcomes = reader.named(**changes).sync()
    assert all(outcome.error and words in outcome.error for outcome in outcomes.values())
    assert whole_state(engine) == before


def test_no_marts_are_built_while_nothing_was_ever_read(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    builds: list[object] = []
    monkeypatch.setattr("pipelines.warehouse.build_marts", lambda *arguments: builds.append(arguments))
    assert reader.settings.database_url is not None
    monkeypatch.setenv("DATABASE_URL", reader.settings.database_url.get_secret_value())
    monkeypatch.setenv("AIRTABLE_ENDPOINT_URL", str(reader.settings.airtable_endpoint_url))
    monkeypatch.setenv("AIRTABLE_BASE_ID", "appAAAAAAAAAAAAAA")
    monkeypatch.setenv("AIRTABLE_API_KEY", reader.client.token.get_secret_value())
    done = CliRunner().invoke(app, ["sync"])
    assert (done.exit_code, builds) == (1, [])
    assert "refused access" in done.output


def test_an_unreachable_host_is_told(reader: Reader, engine: Engine) -> None:
    reader.settings = reader.settings.model_copy(update={"airtable_endpoint_url": "http://127.0.0.1:9"})
    error = reader.sync()["leads"].error
    assert error is not None
    assert "did not answer at http://127.0.0.1:9" in error


def revoke(reader: Reader, emulator: Emulator) -> None:
    emulator.revoke(reader.client.token.get_secret_value())


def withdraw_the_base(reader: Reader, emulator: Emulator) -> None:
    token_of(reader, emulator).bases = {}


def withdraw_records(reader: Reader, emulator: Emulator) -> None:
    token = token_of(reader, emulator)
    token.scopes = [scope for scope in token.scopes if scope != "data.records:read"]


def delete_the_base(reader: Reader, emulator: Emulator) -> None:
    del emulator.store.bases[reader.client.base_id]


def token_of(reader: Reader, emulator: Emulator) -> Token:
    return (emulator.store.tokens or {})[reader.client.token.get_secret_value()]


@pytest.mark.parametrize("refuse", [revoke, withdraw_the_base, withdraw_records, delete_the_base])
def test_a_read_that_is_refused_from_now_on_is_no_empty_table(
    refuse: Callable[[Reader, Emulator], None], reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    before = whole_state(engine)
    change_every_lead(reader, emulator)
    refuse(reader, emulator)
    assert reader.sync()["leads"].error
    for outcomes in (reader.sync(full=True), reader.sync(full=True, accept_deletions=True), reader.sweep()):
        assert [bool(outcome.error) for outcome in outcomes.values()] == [True] * 4
    assert whole_state(engine) == before


@pytest.mark.parametrize("field", ["Processing Status", "SMS Sequence Position", "Booked", "SMS Stop"])
def test_without_a_field_that_no_mart_can_do_without_nothing_is_loaded(
    field: str, reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    before = whole_state(engine)
    edit(emulator.store, reader.client.base_id, "delete_field", table="Leads", field=field)
    outcomes = reader.sync()
    assert all(outcome.error and repr(field) in outcome.error for outcome in outcomes.values())
    assert whole_state(engine) == before


def test_another_base_under_the_same_key_is_refused(reader: Reader, engine: Engine) -> None:
    reader.sync()
    before = whole_state(engine)
    outcomes = reader.named(base_id="appBBBBBBBBBBBBBB").sync()
    assert all(outcome.error and "another base" in outcome.error for outcome in outcomes.values())
    assert whole_state(engine) == before
