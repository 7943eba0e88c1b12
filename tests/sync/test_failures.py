"""Failures of the portal that this replaces which no other test has (docs/failures.md)."""

import logging

import pytest
from sqlalchemy import Engine, text

from playground.airtable.server import Emulator
from tests.sync.conftest import Reader
from tests.sync.raw_state import airtable_records, assert_raw_equals_airtable, present_records


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
