"""Sweeps find what change capture missed, and nothing else."""

from types import SimpleNamespace

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from playground.airtable.schema import Field
from playground.airtable.server import Emulator
from tests.sync.conftest import Reader
from tests.sync.raw_state import (
    airtable_records,
    assert_history_is_sound,
    assert_raw_equals_airtable,
    present_records,
    whole_state,
)
from uysp.cli import app
from uysp.sweeps import SHARES, sweep_client


def miss_changes(emulator: Emulator, reader: Reader) -> None:
    """Let what happens next be told by no payload."""
    for hook in emulator.hooks(reader.client.base_id):
        hook.specification = {"options": {"filters": {"dataTypes": ["tableFields"]}}}


def test_missed_deletions_and_additions_are_found(reader: Reader, emulator: Emulator, engine: Engine) -> None:
    reader.sync()
    miss_changes(emulator, reader)
    ids = sorted(airtable_records(emulator, "leads"))
    emulator.store.delete(reader.client.base_id, "Leads", ids[:3])
    emulator.store.create(reader.client.base_id, "Leads", [{"Lead": "Missed"}, {"Lead": "Missed too"}])
    emulator.store.delete(reader.client.base_id, "SMS_Audit", sorted(airtable_records(emulator, "sms_audit"))[:1])
    assert reader.sync()["leads"].changed == 0
    swept = reader.sweep()
    assert (swept["leads"].deleted, swept["leads"].created, swept["sms_audit"].deleted) == (3, 2, 1)
    for table in ("leads", "sms_audit"):  # links of other tables changed, too: that is for the share to find
        assert present_records(engine, table) == airtable_records(emulator, table)
    assert_history_is_sound(engine)


def test_a_sweep_asks_for_one_narrow_field_and_a_share(reader: Reader, emulator: Emulator) -> None:
    reader.sync()
    before = len(emulator.requests)
    swept = reader.sweep()
    leads = emulator.store.table(reader.client.base_id, "Leads")[1].id
    asked = [seen.method for seen in emulator.requests[before:] if leads in seen.path]
    assert asked == ["GET", "GET", "GET", "POST"]  # three pages of ids, and a fourteenth of 250 records
    assert 0 < swept["leads"].read < 40


def test_computed_values_that_drifted_are_found_within_fourteen_sweeps(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    _, table = emulator.store.table(reader.client.base_id, "Leads")
    options = {"formula": "NOW()", "isValid": True, "result": {"type": "singleLineText"}}
    table.fields.append(Field(emulator.store.new_id("fld"), "Days waiting", "formula", options))
    emulator.store.schema_changed(emulator.store.bases[reader.client.base_id])
    table.fields[-1].type = "externalSyncSource"  # computed elsewhere: cells stand as they are given
    emulator.store.schema_changed(emulator.store.bases[reader.client.base_id])
    ids = sorted(airtable_records(emulator, "leads"))
    for record_id in ids:
        emulator.store.drift(reader.client.base_id, "Leads", record_id, "Days waiting", "1")
    reader.sync()
    assert_raw_equals_airtable(engine, emulator)
    for record_id in ids:
        emulator.store.drift(reader.client.base_id, "Leads", record_id, "Days waiting", "2")
    assert reader.sync()["leads"].changed == 0
    found = [reader.sweep()["leads"].updated for _ in range(SHARES)]
    assert sum(found) == len(ids)
    assert all(found)
    assert_raw_equals_airtable(engine, emulator)


def test_only_what_is_due_is_swept(reader: Reader, engine: Engine) -> None:
    reader.sync()

    def due() -> set[str]:
        outcomes = sweep_client(engine, reader.settings, reader.client, pace=reader.pace)
        return {outcome.source_table for outcome in outcomes}

    assert due() == set(), "everything was just read whole"
    with engine.begin() as connection:
        connection.execute(text("update app.airtable_tables set read_at = read_at - interval '23 hours'"))
    assert due() == {"leads", "campaigns", "sms_templates"}
    with engine.begin() as connection:
        connection.execute(
            text("update app.airtable_tables set read_at = read_at - interval '7 days', swept_at = null")
        )
    assert due() == {"leads", "campaigns", "sms_templates", "sms_audit"}
    assert due() == set()


def test_a_refused_sweep_is_no_empty_table(reader: Reader, emulator: Emulator, engine: Engine) -> None:
    reader.sync()
    before = whole_state(engine)
    emulator.revoke(reader.client.token.get_secret_value())
    assert all(outcome.error for outcome in reader.sweep().values())
    assert whole_state(engine) == before


@pytest.mark.parametrize(("used", "status"), [(800, 0), (950, 1)])
def test_where_the_months_calls_for_sweeps_are_used_up_that_is_no_failure_as_long_as_reading_goes_on(
    used: int, status: int, reader: Reader, emulator: Emulator, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.sync()
    for name, value in {
        "DATABASE_URL": str(reader.settings.database_url and reader.settings.database_url.get_secret_value()),
        "UYSP_HOME": str(reader.settings.uysp_home),
        "AIRTABLE_ENDPOINT_URL": emulator.url,
        "AIRTABLE_BASE_ID": reader.client.base_id,
        "AIRTABLE_API_KEY": reader.client.token.get_secret_value(),
        "UYSP_AIRTABLE_RATE": "1000",
        "UYSP_AIRTABLE_MONTHLY_CALLS": "1000",
    }.items():
        monkeypatch.setenv(name, value)
    built = SimpleNamespace(models=0, seconds=0.0, failures=[])
    monkeypatch.setattr("pipelines.warehouse.build_marts", lambda *_: built)
    with engine.begin() as connection:
        month = "date_trunc('month', now() at time zone 'UTC')"
        connection.execute(text(f"insert into app.airtable_months values ({month}, :used)"), {"used": used})
    swept = CliRunner().invoke(app, ["sync", "--sweep"])
    assert swept.exit_code == status
    ended = "75% of the month's API calls (UYSP_AIRTABLE_MONTHLY_CALLS) are used up, where sweeps and full reads end"
    assert swept.stdout.count(ended) == (status == 0)
    assert ("client uysp was not read;" in swept.stderr) == (status == 1)
    if status == 0:
        assert swept.stderr == ""
        assert "what changes in it is read as before" in swept.stdout
        full = CliRunner().invoke(app, ["sync", "--full"])
        assert full.exit_code == 1
        assert ended in full.stderr
        assert "was not swept or read whole" in full.stderr


def test_a_look_may_happen_while_a_sweep_is_at_work(reader: Reader, emulator: Emulator, engine: Engine) -> None:
    reader.sync()
    record_id = min(airtable_records(emulator, "leads"))
    looked: list[int] = []

    def look(table: str, read: int) -> None:
        if table == "leads" and not looked:
            emulator.store.update(reader.client.base_id, "Leads", {record_id: {"Company": "Meanwhile"}})
            looked.append(reader.sync()["leads"].updated)

    sweep_client(engine, reader.settings, reader.client, force=True, pace=reader.pace, progress=look)
    assert looked == [1]
    assert_raw_equals_airtable(engine, emulator)
    assert_history_is_sound(engine)
