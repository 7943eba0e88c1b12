"""Failures of the portal that this replaces which no other test has (docs/failures.md)."""

import copy
import logging

import pytest
from sqlalchemy import Engine, text

from playground.airtable.server import Emulator
from tests.sync.conftest import Reader
from tests.sync.raw_state import airtable_records, assert_raw_equals_airtable, present_records
from uysp.storable import storable


def test_what_a_cycle_logs_does_not_grow_with_its_rows(
    reader: Reader, emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """Failure 31: a line for each orphan made 22 minutes of 287 rows."""
    emulator.store.create(
        reader.client.base_id, "SMS_Audit", [{"Event": "Sent", "Lead Record ID": f"rec{n:014}"} for n in range(500)]
    )
    with caplog.at_level(logging.INFO, logger="uysp"):
        reader.sync()
    assert len([record for record in caplog.records if record.name.startswith("uysp")]) <= 10


def test_two_clients_side_by_side_keep_to_their_own_rows(reader: Reader, emulator: Emulator, engine: Engine) -> None:
    """Failures 2 and 3: rows of one client stood under the key of another, or went with it."""
    second = copy.deepcopy(emulator.store.bases[reader.client.base_id])
    second.id = "appOTHERBASE00000"  # with the same record ids, as a duplicated base has them
    emulator.store.bases[second.id] = second
    for token in (emulator.store.tokens or {}).values():
        token.bases[second.id] = "creator"
    both = [reader, reader.named(key="second", name="second", base_id=second.id)]
    leads = sorted(record_id for record_id, _ in emulator.store.read_all(second.id, "Leads"))
    emulator.store.delete(second.id, "Leads", leads[:150])
    emulator.store.update(second.id, "Leads", {leads[-1]: {"Company": "Of the second"}})
    for each in (*both, *both):
        assert [outcome.error for outcome in each.sync().values()] == [None] * 4
    emulator.store.delete(second.id, "Leads", leads[150:155])
    assert [each.sync()["leads"].deleted for each in both] == [0, 5]
    for each in both:
        with engine.connect() as connection:
            rows = connection.execute(
                text("select record_id, fields -> 'Company' from raw.leads where client = :key and deleted_at is null"),
                {"key": each.client.key},
            ).all()
        there = emulator.store.read_all(each.client.base_id, "Leads")
        assert {row[0]: row[1] for row in rows} == {
            record_id: storable(cells.get("Company")) for record_id, cells in there
        }


def test_leads_deleted_and_imported_anew_are_asked_about_and_their_messages_stay(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    """Failure 32: the audit history lost its leads, and nobody was told."""
    reader.sync()
    store, base_id = emulator.store, reader.client.base_id
    leads = sorted(airtable_records(emulator, "leads"))[:60]
    messages = present_records(engine, "sms_audit")
    names = [store.read(base_id, "Leads", record_id).get("Lead", "?") for record_id in leads]
    store.delete(base_id, "Leads", leads)
    store.create(base_id, "Leads", [{"Lead": name} for name in names])
    outcome = reader.sync()["leads"]
    assert outcome.created == 60
    assert outcome.alarm is not None
    assert "60 records" in outcome.alarm
    assert present_records(engine, "sms_audit") == messages
    reader.sync(accept_deletions=True)
    assert_raw_equals_airtable(engine, emulator)
    with engine.connect() as connection:
        past: int = connection.execute(
            text("select count(*) from raw.leads_history where record_id = any(:leads)"), {"leads": leads}
        ).scalar_one()
    assert past == 120, "their versions, and their deletion"
