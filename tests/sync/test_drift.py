"""What happens to tables, fields and options: data right, registry right, and said in words."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from playground.airtable.server import Emulator, running_emulator
from playground.airtable.store import Store
from tests.sync.conftest import Reader
from tests.sync.small_base import (
    Edits,
    assert_registry_is_right,
    do,
    expected,
    field_of,
    first_lead,
    known_warnings,
    make_schema_due,
    new_reader,
    present,
    said,
    table_of,
    unlimited,
)
from uysp.airtable.fields import find_tables, known_tables, option_names, record_registry
from uysp.airtable.model import Field
from uysp.settings import Settings


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with running_emulator(Store({}), unlimited()) as emulator:
        yield emulator


@pytest.fixture
def reader(engine: Engine, settings: Settings, emulator: Emulator) -> Reader:
    return new_reader(engine, settings, emulator, "uysp")


EDITS: dict[str, tuple[Edits, str]] = {
    "a field is renamed": (
        [{"edit": "rename_field", "field": "Company", "name": "Firm "}],
        "'Company' is called 'Firm ' now; here it keeps the name 'Company'",
    ),
    "a field is new": (
        [{"edit": "add_field", "name": "🤖 Nickname", "type": "hologram", "options": {"depth": 3}}],
        "The field '🤖 Nickname' is new.",
    ),
    "a field is gone": (
        [{"edit": "delete_field", "field": "Company"}],
        "The field 'Company' is gone; its values remain in the history. What depends on it stays empty until it is",
    ),
    "a field is made anew": (
        [
            {"edit": "delete_field", "field": "Company"},
            {"edit": "add_field", "name": "Company", "type": "singleLineText"},
        ],
        "The field 'Company' is new. It takes the place of the one that is gone.",
    ),
    "a field is renamed into the place of a deleted one": (
        [
            {"edit": "delete_field", "field": "Company"},
            {"edit": "rename_field", "field": "Remarks", "name": "Company"},
        ],
        "The field 'Company' is read as 'Company' from now on, no longer as 'Remarks'.",
    ),
    "a field is renamed to the name that a warning asks for": (
        [{"edit": "rename_field", "field": "Remarks", "name": "Notes"}],
        "The field 'Notes' is read as 'Notes' from now on, no longer as 'Remarks'.",
    ),
    "a type changed": (
        [{"edit": "change_field", "field": "Company", "type": "multilineText"}],
        "'Company' was of the type singleLineText and is of the type multilineText",
    ),
    "a select became a text": (
        [{"edit": "change_field", "field": "Processing Status", "type": "singleLineText", "options": {}}],
        "'Processing Status' was of the type singleSelect and is of the type singleLineText",
    ),
    "an option is new": (
        [{"edit": "add_option", "field": "Processing Status", "name": "Parked"}],
        "has the new option 'Parked'",
    ),
    "an option is renamed": (
        [{"edit": "rename_option", "field": "Processing Status", "option": "In Sequence", "name": "Running"}],
        "'In Sequence' of 'Processing Status' is called 'Running' now",
    ),
    "an option of a list is renamed": (
        [{"edit": "rename_option", "field": "Tags", "option": "Webinar ", "name": "Seminar"}],
        "'Webinar ' of 'Tags' is called 'Seminar' now",
    ),
    "an option is gone": (
        [{"edit": "delete_option", "field": "Tags", "option": "VIP"}],
        "The option 'VIP' of 'Tags' is gone",
    ),
    "an option is made anew": (
        [
            {"edit": "delete_option", "field": "Processing Status", "option": "In Sequence"},
            {"edit": "add_option", "field": "Processing Status", "name": "In Sequence"},
        ],
        "The option 'In Sequence' of 'Processing Status' was deleted and made anew",
    ),
    "two options swap names": (
        [
            {"edit": "rename_option", "field": "Processing Status", "option": "In Sequence", "name": "x"},
            {"edit": "rename_option", "field": "Processing Status", "option": "Backlog", "name": "In Sequence"},
            {"edit": "rename_option", "field": "Processing Status", "option": "x", "name": "Backlog"},
        ],
        "The option 'In Sequence' of 'Processing Status' is called 'Backlog' now",
    ),
    "a new field takes a name in use": (
        [
            {"edit": "rename_field", "field": "Company", "name": "Firm"},
            {"edit": "add_field", "name": "Company", "type": "singleLineText"},
        ],
        ")', because the field that is called 'Firm' now keeps the name 'Company' here.",
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


@pytest.mark.parametrize("told", [True, False], ids=["told by a payload", "found by the hourly look"])
@pytest.mark.parametrize(("edits", "words"), EDITS.values(), ids=EDITS)
def test_what_happened_is_said_and_data_and_registry_are_right(
    edits: Edits, words: str, told: bool, reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    if not told:
        for hook in emulator.hooks(reader.client.base_id):
            hook.specification = {"options": {"filters": {"dataTypes": ["tableData"]}}}
    do(emulator, edits)
    if not told:
        make_schema_due(engine)
    outcome = reader.sync()["leads"]
    assert outcome.error is None
    assert words in said(engine)
    assert present(reader) == expected(emulator, reader)
    assert_registry_is_right(reader, emulator)
    before = said(engine)
    assert reader.sync()["leads"].read == 0, "read again once"
    reader.sync(full=True)
    assert said(engine) == before, "said once"


@pytest.mark.parametrize(
    "changed",
    [
        {"field": "Processing Status", "options": "recoloured and in another order"},
        {"field": "SMS Sequence Position", "options": {"precision": 2}},
        {"field": "Campaign shouted", "options": "its result is shown otherwise"},
    ],
    ids=lambda changed: changed["field"],
)
def test_how_values_are_shown_is_no_change(
    changed: dict[str, Any], reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    options = changed["options"]
    if changed["field"] == "Processing Status":
        options = {
            "choices": [{**each, "color": "red"} for each in reversed(field_of(emulator, changed["field"]).choices)]
        }
    elif changed["field"] == "Campaign shouted":
        options = field_of(emulator, changed["field"]).options | {
            "result": {"type": "singleLineText", "options": {"x": 1}}
        }
    do(emulator, [{"edit": "change_field", "field": changed["field"], "options": options}])
    outcome = reader.sync()["leads"]
    assert (outcome.read, said(engine)) == (0, "")
    assert_registry_is_right(reader, emulator)


def test_another_formula_has_all_tables_read_that_compute_from_it(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    (shouted,) = (item for item in table_of(emulator, "Campaigns").fields if item.name == "Shouted")
    options = shouted.options | {"formula": shouted.options["formula"].replace("UPPER", "LOWER")}
    do(emulator, [{"edit": "change_field", "table": "Campaigns", "field": "Shouted", "options": options}])
    emulator.store.drift(reader.client.base_id, "Leads", first_lead(emulator), "Campaign shouted", ["one"])
    outcomes = reader.sync()
    assert said(engine, "campaigns").endswith("The field 'Shouted' is computed in another way.")
    assert said(engine).endswith("What is computed from other tables' fields changed: 'Campaign shouted'.")
    assert (outcomes["campaigns"].updated, outcomes["leads"].updated, outcomes["sms_audit"].read) == (1, 1, 0)
    assert present(reader)[first_lead(emulator)]["Campaign shouted"] == ["one"]


def test_a_record_with_an_option_that_nobody_knows_has_the_schema_read(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    emulator.behaviour.option_edits_in_payloads = False
    do(emulator, [{"edit": "add_option", "field": "Tags", "name": "Parked"}])
    record_id = first_lead(emulator)
    emulator.store.update(reader.client.base_id, "Leads", {record_id: {"Tags": ["VIP", "Parked"]}})
    reader.sync()
    assert "has the new option 'Parked'" in said(engine)
    assert present(reader)[record_id]["Tags"] == ["VIP", "Parked"]


# Tables


def test_a_table_that_is_deleted_keeps_its_records_and_may_come_back(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    (base,) = emulator.store.bases.values()
    before, deleted = present(reader, "sms_audit"), table_of(emulator, "SMS_Audit")
    do(emulator, [{"edit": "delete_table", "table": "SMS_Audit"}])
    outcome = reader.sync()["sms_audit"]
    assert outcome.error is None
    kept = "The base of client uysp has no table SMS_Audit; its records stay as they were last read."
    assert kept in outcome.warnings
    assert "'SMS_Audit' is gone" in said(engine, "sms_audit")
    assert present(reader, "sms_audit") == before
    base.tables.append(deleted)
    deleted.name = "Messages"
    emulator.store.schema_changed(base)
    outcome = reader.sync()["sms_audit"]
    assert (outcome.read, outcome.changed, outcome.warnings) == (3, 0, known_warnings(reader, "sms_audit"))
    assert "The table 'Messages' is back." in said(engine, "sms_audit")


def test_of_a_table_that_never_was_read_it_is_said_that_it_stays_empty(reader: Reader, emulator: Emulator) -> None:
    do(emulator, [{"edit": "delete_table", "table": "SMS_Audit"}])
    warnings = reader.sync()["sms_audit"].warnings
    assert "The base of client uysp has no table SMS_Audit; what depends on it stays empty." in warnings


def test_a_table_made_again_under_its_name_is_read_and_its_loss_is_asked_about(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    fields = [{"name": "Event", "type": "singleLineText"}]
    do(
        emulator,
        [{"edit": "delete_table", "table": "SMS_Audit"}, {"edit": "add_table", "name": "SMS_Audit", "fields": fields}],
    )
    emulator.store.create(reader.client.base_id, "SMS_Audit", [{"Event": "Sent"}])
    outcome = reader.sync()["sms_audit"]
    assert outcome.created == 1
    assert "another one that is called 'SMS_Audit' is read in its place" in said(engine, "sms_audit")
    assert_registry_is_right(reader, emulator)
    assert reader.sync(accept_deletions=True)["sms_audit"].error is None
    assert present(reader, "sms_audit") == expected(emulator, reader, "sms_audit")


def test_a_table_keeps_its_place_when_another_takes_its_name(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    """Campaigns and SMS_Audit swap names; a new table is called Leads, and the old one Leads (old)."""
    reader.sync()
    fields = [{"name": "Lead", "type": "singleLineText"}]
    do(
        emulator,
        [
            {"edit": "rename_table", "table": "Campaigns", "name": "x"},
            {"edit": "rename_table", "table": "SMS_Audit", "name": "Campaigns"},
            {"edit": "rename_table", "table": "x", "name": "SMS_Audit"},
            {"edit": "rename_table", "table": "Leads", "name": "Leads (old)"},
            {"edit": "add_table", "name": "Leads", "fields": fields},
        ],
    )
    outcomes = reader.sync(full=True)
    assert [(outcome.error, outcome.changed, outcome.deleted) for outcome in outcomes.values()] == [(None, 0, 0)] * 4
    assert "The table 'Campaigns' is called 'SMS_Audit' now" in said(engine, "campaigns")
    assert "it is read as before, even if another one takes its old name" in said(engine)
    do(emulator, [{"edit": "delete_table", "table": "SMS_Audit"}])  # what was Campaigns
    outcomes = reader.sync(full=True)
    assert [(outcome.error, outcome.changed, outcome.deleted) for outcome in outcomes.values()] == [(None, 0, 0)] * 4
    assert "'SMS_Audit' is gone" in said(engine, "campaigns")


# What the marts cannot do without


def test_a_required_field_that_is_renamed_or_of_another_type_is_no_failure(reader: Reader, emulator: Emulator) -> None:
    reader.sync()
    do(
        emulator,
        [
            {"edit": "rename_field", "field": "Booked", "name": "Meeting"},
            {"edit": "change_field", "field": "Meeting", "type": "singleLineText", "options": {}},
        ],
    )
    emulator.store.update(reader.client.base_id, "Leads", {first_lead(emulator): {"Meeting": "yes"}})
    assert reader.sync()["leads"].error is None
    assert present(reader)[first_lead(emulator)]["Booked"] == "yes"


def test_a_required_field_that_is_gone_fails_the_run_before_anything_is_loaded(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    before = present(reader)
    do(
        emulator,
        [{"edit": "rename_field", "field": "Company", "name": "booked "}, {"edit": "delete_field", "field": "Booked"}],
    )
    emulator.store.update(reader.client.base_id, "Leads", {first_lead(emulator): {"Job Title": "Boss"}})
    for _ in range(2):
        errors = {outcome.error for outcome in reader.sync().values()}
        (error,) = errors
        assert error is not None
        assert "lacks the field 'Booked' of Leads (there is 'booked ', which is another name)" in error
        assert "nothing was loaded" in error
    assert (present(reader), said(engine)) == (before, "")
    do(emulator, [{"edit": "add_field", "name": "Booked", "type": "checkbox"}])
    emulator.store.update(reader.client.base_id, "Leads", {first_lead(emulator): {"Booked": True}})
    assert reader.sync()["leads"].error is None
    assert present(reader) == expected(emulator, reader)
    assert present(reader)[first_lead(emulator)]["Booked"] is True


def test_a_required_field_made_anew_before_the_old_one_is_deleted_is_taken_over(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    do(
        emulator,
        [
            {"edit": "rename_field", "field": "Booked", "name": "Booked (old)"},
            {"edit": "add_field", "name": "Booked", "type": "checkbox"},
        ],
    )
    emulator.store.update(reader.client.base_id, "Leads", {first_lead(emulator): {"Booked": True}})
    warnings = reader.sync()["leads"].warnings
    assert any("'Booked'" in each and "is called 'Booked (old)' now" in each for each in warnings)
    assert "Booked" not in present(reader)[first_lead(emulator)], "the old one holds the name while it exists"
    do(emulator, [{"edit": "delete_field", "field": "Booked (old)"}])
    outcome = reader.sync()["leads"]
    assert outcome.error is None
    assert present(reader)[first_lead(emulator)]["Booked"] is True
    assert "The field 'Booked' is read as 'Booked' from now on, no longer as 'Booked (fld" in said(engine)


# The clients file


def test_a_name_given_in_the_clients_file_later_wins_and_may_be_withdrawn(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    do(emulator, [{"edit": "add_field", "name": "Firm", "type": "singleLineText"}])
    record_id = first_lead(emulator)
    emulator.store.update(reader.client.base_id, "Leads", {record_id: {"Firm": "By its own name", "Company": "Old"}})
    reader.sync()
    named = reader.named(field_names={"Company": "Firm"})
    outcome = named.sync()["leads"]
    assert outcome.error is None
    assert not any("'Company'" in warning for warning in outcome.warnings)
    assert "The field 'Firm' is read as 'Company' from now on, no longer as 'Firm'." in said(engine)
    assert present(reader)[record_id]["Company"] == "By its own name"
    assert present(named) == expected(emulator, named)
    swapped = reader.named(field_names={"Company": "Job Title", "Job Title": "Firm"})
    assert swapped.sync()["leads"].error is None
    assert present(swapped)[record_id]["Company"] == "Chief"
    assert present(swapped)[record_id]["Job Title"] == "By its own name"
    assert reader.sync()["leads"].error is None
    assert {name: present(reader)[record_id][name] for name in ("Company", "Firm", "Job Title")} == {
        "Company": "Old",
        "Firm": "By its own name",
        "Job Title": "Chief",
    }
    assert_registry_is_right(reader, emulator)


def test_an_own_field_that_airtable_renames_stays_and_costs_no_schema_reads(reader: Reader, emulator: Emulator) -> None:
    do(emulator, [{"edit": "rename_field", "field": "Processing Status", "name": "Lead Status"}])
    reader = reader.named(field_names={"Processing Status": "Lead Status", "Event": "Lead"})
    reader.sync()
    before = present(reader)
    do(
        emulator,
        [
            {"edit": "rename_field", "field": "Lead Status", "name": "Pipeline"},
            {"edit": "add_field", "name": "Lead Status", "type": "singleLineText"},
        ],
    )
    assert reader.sync()["leads"].error is None
    assert present(reader) == before
    asked = len(emulator.requests)
    reader.sync()
    assert len(emulator.requests) - asked == 1, "an idle look"
    assert {name for cells in before.values() for name in cells} >= {"Lead", "Processing Status"}, "Event is no lead's"


def test_names_that_postgres_cannot_hold_are_kept_as_cells_are(reader: Reader, emulator: Emulator) -> None:
    do(
        emulator,
        [
            {"edit": "add_field", "name": "Nul \0", "type": "singleLineText"},
            {"edit": "add_option", "field": "Processing Status", "name": "Nul \0"},
        ],
    )
    lead = first_lead(emulator)
    emulator.store.update(reader.client.base_id, "Leads", {lead: {"Nul \0": "filled", "Processing Status": "Nul \0"}})
    for _ in range(2):
        assert reader.sync()["leads"].error is None
    assert present(reader)[lead]["Nul \ufffd"] == "filled"
    assert present(reader)[lead]["Processing Status"] == "Nul \ufffd"


def test_names_that_were_cut_within_an_emoji_are_kept_as_cells_are(reader: Reader, engine: Engine) -> None:
    # The emulator's JSON holds no lone surrogates; Airtable's does.
    def cut(item: Field) -> Field:
        return replace(item, name=f"{item.name}\ud83d", options={"choices": [{"id": "sel1", "name": "\ud83e"}]})

    schema = [replace(table, fields=tuple(map(cut, table.fields))) for table in reader.gateway.schema()]
    with engine.begin() as connection:
        found, _ = find_tables(connection, reader.client, schema)
        for source in found.values():
            record_registry(connection, source, datetime.now(UTC))
        known = known_tables(connection, reader.client)["leads"]
    assert "Company\ufffd" in known.names.values()
    assert set(option_names(known).values()) == {frozenset({"\ufffd"})}
