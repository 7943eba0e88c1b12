"""What happens to tables, fields and options: data right, registry right, and said in words."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, text

from playground.airtable.schema_edits import edit
from playground.airtable.server import Emulator
from tests.sync.conftest import Reader
from tests.sync.raw_state import airtable_records, present_records
from uysp.airtable.drift import recent_changes
from uysp.airtable.fields import find_tables, known_tables

Act = Callable[..., Any]

EDITS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "a field is renamed": (
        [{"edit": "rename_field", "field": "Company", "name": "Firm"}],
        "'Company' is called 'Firm' now; here it keeps the name 'Company'",
    ),
    "a field is new": (
        [{"edit": "add_field", "name": "Nickname", "type": "singleLineText"}],
        "The field 'Nickname' is new",
    ),
    "a field is gone": ([{"edit": "delete_field", "field": "Company"}], "The field 'Company' is gone"),
    "a type changed": (
        [{"edit": "change_field", "field": "Company", "type": "multilineText"}],
        "'Company' was of the type singleLineText and is of the type multilineText",
    ),
    "an option is new": (
        [{"edit": "add_option", "field": "Processing Status", "option": None, "name": "Parked"}],
        "has the new option 'Parked'",
    ),
    "an option is renamed": (
        [{"edit": "rename_option", "field": "Processing Status", "option": "In Sequence", "name": "Running"}],
        "'In Sequence' of 'Processing Status' is called 'Running' now",
    ),
    "an option is gone": (
        [{"edit": "delete_option", "field": "Processing Status", "option": "In Sequence"}],
        "The option 'In Sequence' of 'Processing Status' is gone",
    ),
    "a new field takes a name in use": (
        [
            {"edit": "rename_field", "field": "Company", "name": "Firm"},
            {"edit": "add_field", "name": "Company", "type": "singleLineText"},
        ],
        "The field 'Company' is new, kept as 'Company (fld",
    ),
    "two fields swap names": (
        [
            {"edit": "rename_field", "field": "Company", "name": "x"},
            {"edit": "rename_field", "field": "Job Title", "name": "Company"},
            {"edit": "rename_field", "field": "x", "name": "Job Title"},
        ],
        "'Company' is called 'Job Title' now",
    ),
}


def do(emulator: Emulator, reader: Reader, edits: list[dict[str, Any]]) -> None:
    for each in edits:
        arguments = {name: value for name, value in each.items() if value is not None}
        edit(emulator.store, reader.client.base_id, table="Leads", **arguments)


def said(engine: Engine, source_table: str = "leads") -> str:
    with engine.connect() as connection:
        return " ".join(recent_changes(connection, source_table))


def expected(emulator: Emulator, reader: Reader, engine: Engine) -> dict[str, dict[str, Any]]:
    """Airtable's records under our names."""
    with engine.connect() as connection:
        source = known_tables(connection, reader.client)["leads"]
    names = {item.name: source.names[item.id] for item in source.table.fields}
    return {
        record_id: {names[name]: value for name, value in cells.items()}
        for record_id, cells in airtable_records(emulator, "leads").items()
    }


@pytest.mark.parametrize("told", [True, False], ids=["told by a payload", "found by the hourly look"])
@pytest.mark.parametrize(("edits", "words"), EDITS.values(), ids=EDITS)
def test_what_happened_is_said_and_data_and_registry_are_right(
    edits: list[dict[str, Any]], words: str, told: bool, reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    if not told:
        for hook in emulator.hooks(reader.client.base_id):
            hook.specification = {"options": {"filters": {"dataTypes": ["tableData"]}}}
    do(emulator, reader, edits)
    if not told:
        with engine.begin() as connection:
            connection.execute(text("update app.airtable_hooks set schema_read_at = now() - interval '2 hours'"))
    outcome = reader.sync()["leads"]
    assert outcome.error is None
    assert words in said(engine)
    assert present_records(engine, "leads") == expected(emulator, reader, engine)
    with engine.connect() as connection:
        known = known_tables(connection, reader.client)["leads"]
        found = find_tables(connection, reader.client, reader.gateway.schema())[0]["leads"]
    assert dict(known.names) == dict(found.names)
    assert {item.id: item for item in known.table.fields} == {item.id: item for item in found.table.fields}
    assert set(known.warnings) == set(found.warnings)
    before = said(engine)
    reader.sync(full=True)
    assert said(engine) == before, "once"


def test_a_record_with_an_option_that_nobody_knows_has_the_schema_read(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    emulator.behaviour.option_edits_in_payloads = False
    do(emulator, reader, [{"edit": "add_option", "field": "Processing Status", "name": "Parked"}])
    record_id = min(airtable_records(emulator, "leads"))
    emulator.store.update(reader.client.base_id, "Leads", {record_id: {"Processing Status": "Parked"}})
    reader.sync()
    assert "has the new option 'Parked'" in said(engine)
    assert present_records(engine, "leads")[record_id]["Processing Status"] == "Parked"


def test_a_table_that_is_deleted_keeps_its_records_and_says_so(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    before = present_records(engine, "sms_audit")
    edit(emulator.store, reader.client.base_id, "delete_table", table="SMS_Audit")
    outcome = reader.sync()["sms_audit"]
    assert outcome.error is None
    assert any("has no table SMS_Audit" in warning for warning in outcome.warnings)
    assert "'SMS_Audit' is gone" in said(engine, "sms_audit")
    assert present_records(engine, "sms_audit") == before


def test_a_table_made_again_under_its_name_is_read_and_its_loss_is_asked_about(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    base_id = reader.client.base_id
    edit(emulator.store, base_id, "delete_table", table="SMS_Audit")
    fields = [{"name": "Event", "type": "singleLineText"}]
    edit(emulator.store, base_id, "add_table", name="SMS_Audit", fields=fields)
    emulator.store.create(base_id, "SMS_Audit", [{"Event": "Sent"}])
    outcome = reader.sync()["sms_audit"]
    assert outcome.created == 1
    assert outcome.alarm is not None
    assert "Another table is called 'SMS_Audit' now" in said(engine, "sms_audit")
    assert reader.sync(accept_deletions=True)["sms_audit"].deleted == 420


def test_a_name_given_in_the_clients_file_later_wins(reader: Reader, emulator: Emulator, engine: Engine) -> None:
    do(emulator, reader, [{"edit": "add_field", "name": "Firm", "type": "singleLineText"}])
    record_id = min(airtable_records(emulator, "leads"))
    emulator.store.update(reader.client.base_id, "Leads", {record_id: {"Firm": "By its own name", "Company": "Old"}})
    reader.sync()
    named = reader.named(field_names={"Company": "Firm"})
    assert named.sync()["leads"].error is None
    named.sync(full=True)
    assert present_records(engine, "leads")[record_id]["Company"] == "By its own name"
