"""A complete read brings raw to what Airtable says, and history to what it once said."""

import json
import random

import pytest
from sqlalchemy import Engine, ScalarResult, text

from playground.airtable.schema_edits import edit
from playground.airtable.server import Emulator
from tests.sync.conftest import Reader
from tests.sync.raw_state import (
    airtable_records,
    assert_history_is_sound,
    assert_raw_equals_airtable,
    present_records,
    whole_state,
)
from uysp.airtable.client import Gateway
from uysp.airtable.fields import TABLES, find_tables
from uysp.airtable.limiter import Limiter
from uysp.airtable.model import Record, Table
from uysp.raw import begin_staging, load_staged, stage


def test_the_first_sync_brings_every_record_with_every_field(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    outcomes = reader.sync(full=True)
    assert_raw_equals_airtable(engine, emulator)
    assert_history_is_sound(engine)
    for source_table, outcome in outcomes.items():
        count = len(airtable_records(emulator, source_table))
        assert (outcome.read, outcome.created, outcome.changed, outcome.error) == (count, count, count, None)
        assert outcome.calls == max(1, -(-count // 100))
    with engine.connect() as connection:
        times: int = connection.execute(text("select count(distinct observed_at) from raw.leads_history")).scalar_one()
        assert times == 1


def test_a_second_sync_of_an_unchanged_base_writes_no_version(reader: Reader, engine: Engine) -> None:
    reader.sync(full=True)
    before = whole_state(engine)
    outcomes = reader.sync(full=True)
    after = whole_state(engine)
    assert all(outcome.changed == outcome.deleted == 0 for outcome in outcomes.values())
    assert [before[table] for table in TABLES] == [after[table] for table in TABLES]
    assert [before[f"{table}_history"] for table in TABLES] == [after[f"{table}_history"] for table in TABLES]


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_between_syncs_raw_ends_equal_and_history_sound(
    seed: int, reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    chance = random.Random(seed)
    store = emulator.store
    base_id = reader.client.base_id
    reader.sync(full=True)
    for _ in range(4):
        ids = sorted(airtable_records(emulator, "leads"))
        store.update(
            base_id,
            "Leads",
            {
                record_id: {"SMS Sequence Position": chance.randrange(5), "Booked": chance.random() < 0.3 or None}
                for record_id in chance.sample(ids, 20)
            },
        )
        store.delete(base_id, "Leads", chance.sample(ids, 5))
        store.create(base_id, "Leads", [{"Lead": f"New {number}"} for number in range(chance.randrange(4))])
        store.delete(base_id, "SMS_Audit", chance.sample(sorted(airtable_records(emulator, "sms_audit")), 3))
        reader.sync(full=True)
        assert_raw_equals_airtable(engine, emulator)
        assert_history_is_sound(engine)


def test_a_record_that_goes_and_comes_back_keeps_its_history(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync(full=True)
    _, table = emulator.store.table(reader.client.base_id, "Leads")
    record_id = next(iter(table.records))
    record = table.records.pop(record_id)
    table.revision += 1
    assert reader.sync(full=True)["leads"].deleted == 1
    assert record_id not in present_records(engine, "leads")
    table.records[record_id] = record
    table.revision += 1
    assert reader.sync(full=True)["leads"].restored == 1
    with engine.connect() as connection:
        operations: ScalarResult[str] = connection.execute(
            text("select operation from raw.leads_history where record_id = :id order by version"), {"id": record_id}
        ).scalars()
        assert list(operations) == ["created", "deleted", "restored"]
    assert_history_is_sound(engine)


def test_a_table_that_loses_all_its_records_is_empty_once_a_person_confirms(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync(full=True)
    emulator.store.delete(reader.client.base_id, "SMS_Audit", list(airtable_records(emulator, "sms_audit")))
    outcome = reader.sync(full=True, accept_deletions=True)["sms_audit"]
    assert (outcome.read, outcome.deleted) == (0, 420)
    assert present_records(engine, "sms_audit") == {}


def test_characters_that_postgres_cannot_hold_become_replacement_characters(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync(full=True)
    with engine.begin() as connection:
        source = find_tables(connection, reader.client, gateway_schema(reader))[0]["leads"]
        field_id = next(field for field, name in source.names.items() if name == "Notes")
        text_field = {"Notes": "a\u0000b \ud83d alone, \ud83d\ude00 whole, \\u0000 spelt out"}
        # As they come over the wire: escapes in JSON.
        fields = {field_id: json.loads(json.dumps(text_field["Notes"]))}
        record: Record = {"id": "recAAAAAAAAAAAAAA", "createdTime": "2026-01-01T00:00:00.000Z", "fields": fields}
        staged = begin_staging(connection)
        stage(connection, source, staged, [[record]])
        load_staged(connection, source, staged)
        notes: str = connection.execute(
            text("select fields ->> 'Notes' from raw.leads where record_id = 'recAAAAAAAAAAAAAA'")
        ).scalar_one()
    assert notes == "a\ufffdb \ufffd alone, \N{GRINNING FACE} whole, \\u0000 spelt out"


def test_attachment_urls_alone_make_no_version(reader: Reader, emulator: Emulator, engine: Engine) -> None:
    base_id = reader.client.base_id
    edit(emulator.store, base_id, "add_field", table="Leads", name="Photo", type="multipleAttachments", options={})
    record_id = next(iter(airtable_records(emulator, "leads")))

    def attach(url: str, filename: str) -> None:
        cell = [{"id": "attAAAAAAAAAAAAAA", "url": url, "filename": filename, "size": 3, "type": "image/png"}]
        emulator.store.update(base_id, "Leads", {record_id: {"Photo": cell}})

    attach("https://files.example/1", "a.png")
    reader.sync(full=True)
    attach("https://files.example/2", "a.png")
    assert reader.sync(full=True)["leads"].changed == 0
    attach("https://files.example/3", "b.png")
    assert reader.sync(full=True)["leads"].changed == 1


def gateway_schema(reader: Reader) -> list[Table]:
    assert reader.settings.airtable_endpoint_url is not None
    return Gateway(reader.client, Limiter(1e6), reader.settings.airtable_endpoint_url).schema()
