"""A rename in Airtable changes nothing downstream; what is missing is named."""

import pytest
from sqlalchemy import Engine, text

from playground.airtable.schema_edits import edit
from playground.airtable.server import Emulator
from tests.sync.conftest import Reader
from tests.sync.raw_state import airtable_records, present_records, whole_state
from uysp.doctor import check_clients


def test_a_renamed_field_keeps_the_name_it_had_when_first_seen(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    before = whole_state(engine)
    edit(
        emulator.store, reader.client.base_id, "rename_field", table="Leads", field="Processing Status", name="Pipeline"
    )
    outcome = reader.sync()["leads"]
    assert (outcome.error, outcome.changed) == (None, 0)
    assert whole_state(engine)["leads"] == before["leads"]
    with engine.connect() as connection:
        name: str = connection.execute(
            text("select current_name from raw.airtable_fields where canonical_name = 'Processing Status'")
        ).scalar_one()
        assert name == "Pipeline"


def test_a_renamed_table_is_still_ours(reader: Reader, emulator: Emulator) -> None:
    reader.sync()
    edit(emulator.store, reader.client.base_id, "rename_table", table="SMS_Audit", name="Messages")
    outcome = reader.sync()["sms_audit"]
    assert (outcome.read, outcome.changed, outcome.deleted, outcome.warnings) == (0, 0, 0, ())
    outcome = reader.sync(full=True)["sms_audit"]
    assert (outcome.read, outcome.changed, outcome.deleted) == (420, 0, 0)


def test_a_new_field_that_takes_a_name_in_use_does_not_mix_with_the_old_one(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    base_id = reader.client.base_id
    reader.sync()
    before = present_records(engine, "leads")
    edit(emulator.store, base_id, "rename_field", table="Leads", field="Company", name="Company (old)")
    edit(emulator.store, base_id, "add_field", table="Leads", name="Company", type="singleLineText")
    record_id = next(iter(before))
    emulator.store.update(base_id, "Leads", {record_id: {"Company": "New"}})
    outcome = reader.sync()["leads"]
    told = [warning for warning in outcome.warnings if "'Company' of Leads is kept as" in warning]
    assert len(told) == 1
    assert reader.sync(full=True)["leads"].warnings == (), "nothing has to be done, so it is told once"
    settings = reader.settings.model_copy()
    vars(settings)["clients"] = (reader.client,)
    assert told[0] in [finding.text for finding in check_clients(settings)], "and by doctor always"
    fields = present_records(engine, "leads")[record_id]
    assert fields.get("Company") == before[record_id].get("Company")
    assert [value for name, value in fields.items() if name.startswith("Company (fld")] == ["New"]


def test_a_field_made_again_after_its_deletion_takes_its_name_over(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    base_id = reader.client.base_id
    reader.sync()
    edit(emulator.store, base_id, "delete_field", table="Leads", field="Company")
    outcome = reader.sync()["leads"]
    assert any("'Company'" in warning for warning in outcome.warnings)
    assert not any("Company" in fields for fields in present_records(engine, "leads").values())
    edit(emulator.store, base_id, "add_field", table="Leads", name="Company", type="singleLineText")
    record_id = next(iter(present_records(engine, "leads")))
    emulator.store.update(base_id, "Leads", {record_id: {"Company": "Again"}})
    assert reader.sync()["leads"].warnings == ()
    assert present_records(engine, "leads")[record_id]["Company"] == "Again"


def test_a_base_may_have_its_own_name_for_a_field(reader: Reader, emulator: Emulator, engine: Engine) -> None:
    edit(
        emulator.store,
        reader.client.base_id,
        "rename_field",
        table="Leads",
        field="Processing Status",
        name="Lead Status",
    )
    outcome = reader.named(field_names={"Processing Status": "Lead Status"}).sync()["leads"]
    assert (outcome.error, outcome.warnings) == (None, ())
    wanted = {i: cells.get("Lead Status") for i, cells in airtable_records(emulator, "leads").items()}
    assert {i: fields.get("Processing Status") for i, fields in present_records(engine, "leads").items()} == wanted


@pytest.mark.parametrize("table", ["Campaigns", "SMS_Templates", "SMS_Audit"])
def test_a_table_that_is_missing_costs_a_warning_that_names_it(table: str, reader: Reader, emulator: Emulator) -> None:
    edit(emulator.store, reader.client.base_id, "delete_table", table=table)
    outcomes = reader.sync()
    assert [outcome.error for outcome in outcomes.values()] == [None] * 4
    assert table in outcomes[table.lower()].warnings[0]


def test_a_field_that_is_missing_is_named_with_every_sync_and_by_doctor(reader: Reader, emulator: Emulator) -> None:
    edit(emulator.store, reader.client.base_id, "delete_field", table="Leads", field="Campaign (CORRECTED)")
    for _ in range(2):
        outcome = reader.sync()["leads"]
        assert outcome.error is None
        assert any("has no field 'Campaign (CORRECTED)' in Leads" in warning for warning in outcome.warnings)
    settings = reader.settings.model_copy()
    vars(settings)["clients"] = (reader.client,)
    assert any("no field 'Campaign (CORRECTED)'" in finding.text for finding in check_clients(settings))


def test_every_name_of_a_select_option_is_kept_with_its_time(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    rename = {"table": "Leads", "field": "Processing Status"}
    edit(emulator.store, reader.client.base_id, "rename_option", **rename, option="Backlog", name="Waiting")
    reader.sync()
    edit(emulator.store, reader.client.base_id, "rename_option", **rename, option="Waiting", name="Backlog")
    reader.sync()
    with engine.connect() as connection:
        rows = connection.execute(
            text("""
                select name, seen_from, seen_to from raw.airtable_options
                where option_id = (select option_id from raw.airtable_options where name = 'Waiting')
                order by seen_from
            """)
        ).all()
    assert [row.name for row in rows] == ["Backlog", "Waiting", "Backlog"]
    assert [row.seen_to for row in rows] == [rows[1].seen_from, rows[2].seen_from, None]
