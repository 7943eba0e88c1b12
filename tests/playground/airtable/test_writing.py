"""Create, update, upsert, delete: research/airtable.md sections 1.3, 1.6, 1.7."""

from typing import Any

import pytest
from pyairtable import Api, Table

from playground.airtable.server import Emulator
from tests.playground.airtable.conftest import (
    BASE,
    CREATED,
    EDITOR,
    LEADS,
    Call,
    campaign_id,
    error_of,
    options_of,
    record_id,
)

NOW_IN_WHOLE_SECONDS = "2026-03-01T12:00:00.000Z"


def test_one_record_is_answered_bare_and_many_in_a_list(call: Call) -> None:
    one = call("POST", "Leads", json={"fields": {"Lead": "New"}})
    assert one.status_code == 200
    assert one.json()["fields"]["Lead"] == "New"
    assert one.json()["createdTime"] == NOW_IN_WHOLE_SECONDS
    many = call("POST", "Leads", json={"records": [{"fields": {"Lead": "A"}}, {"fields": {}}]}).json()
    assert [r["fields"].get("Lead") for r in many["records"]] == ["A", None]


def test_patch_merges_and_put_empties_what_is_not_sent(leads: Table) -> None:
    merged = leads.update(record_id(0), {"Lead": "Changed"})["fields"]
    assert merged["HRQ Status"] == "Qualified"
    replaced = leads.update(record_id(0), {"Lead": "Alone"}, replace=True)["fields"]
    assert not {"HRQ Status", "Phone Valid", "Linked Campaign", "SMS Sent Count"} & replaced.keys()
    assert leads.get(record_id(0))["fields"] == replaced


def test_emptied_cells_are_absent_from_the_answer(leads: Table) -> None:
    empty: dict[str, Any] = {"HRQ Status": None, "Lead": "", "Linked Campaign": [], "Phone Valid": False}
    assert not empty.keys() & leads.update(record_id(0), empty)["fields"].keys()


def test_a_last_modified_field_moves_only_with_what_it_watches(leads: Table) -> None:
    field = "Enrichment Attempted At"
    assert field not in leads.update(record_id(0), {"Lead": "x"})["fields"]
    assert leads.update(record_id(0), {"Enrichment Outcome": "Error"})["fields"][field] == NOW_IN_WHOLE_SECONDS


def test_an_equal_value_and_a_computed_change_move_no_modified_time(emulator: Emulator, every_cell: Table) -> None:
    assert every_cell.update(record_id(9001), {"Number": 1})["fields"]["Any change"] == CREATED
    assert every_cell.update(record_id(9001), {"Number": 2})["fields"]["Any change"] == NOW_IN_WHOLE_SECONDS
    emulator.advance(7.9)
    assert every_cell.update(record_id(9001), {"Number": 3})["fields"]["Any change"] == "2026-03-01T12:00:08.000Z"


def computed(name: str) -> tuple[str, str]:
    return "INVALID_VALUE_FOR_COLUMN", f'Field "{name}" cannot accept a value because the field is computed'


def wrong(name: str) -> tuple[str, str]:
    return "INVALID_VALUE_FOR_COLUMN", f'Field "{name}" cannot accept the provided value'


def no_option(name: str) -> tuple[str, str]:
    return "INVALID_MULTIPLE_CHOICE_OPTIONS", f'Insufficient permissions to create new select option "{name}"'


def no_row(missing: str) -> tuple[str, str]:
    return "ROW_DOES_NOT_EXIST", f"Record ID {missing} does not exist in this table"


INVALID = ("INVALID_REQUEST_UNKNOWN", "Invalid request: parameter validation failed. Check your request data.")


@pytest.mark.parametrize(
    ("field", "value", "refusal"),
    [
        ("ICP Score", 3, computed("ICP Score")),
        ("Record Created AT", CREATED, computed("Record Created AT")),
        ("Reply Count", "three", wrong("Reply Count")),
        ("Reply Count", True, wrong("Reply Count")),
        ("Lead", 3, wrong("Lead")),
        ("Booked", "yes", wrong("Booked")),
        ("Booked At", "yesterday", wrong("Booked At")),
        ("Linked Campaign", "Campaign 1", wrong("Linked Campaign")),
        ("Linked Campaign", ["Campaign 1"], wrong("Linked Campaign")),
        ("Notes", "x" * 100_001, wrong("Notes")),
        ("HRQ Status", "Completed", no_option("Completed")),
        ("HRQ Status", "qualified", no_option("qualified")),
        ("Linked Campaign", [record_id(7777)], no_row(record_id(7777))),
        ("Linked Campaign", [record_id(1)], no_row(record_id(1))),
        ("Nope", 1, ("UNKNOWN_FIELD_NAME", 'Unknown field name: "Nope"')),
        ("Email", "nobody", INVALID),
    ],
)
def test_a_refused_cell_changes_nothing(
    emulator: Emulator, call: Call, field: str, value: Any, refusal: tuple[str, str]
) -> None:
    before = emulator.store.read(BASE, "Leads", record_id(0))
    good, bad = {"HRQ Reason": "good"}, {field: value}
    many = [{"id": record_id(0), "fields": good}, {"id": record_id(1), "fields": bad}]
    for method, path, body in [
        ("PATCH", f"Leads/{record_id(0)}", {"fields": good | bad}),
        ("PATCH", "Leads", {"records": many}),
        ("POST", "Leads", {"records": [{"fields": good}, {"fields": bad}]}),
    ]:
        refused = call(method, path, json=body)
        assert refused.status_code == 422
        assert refused.json() == {"error": dict(zip(("type", "message"), refusal, strict=True))}
    assert emulator.store.read(BASE, "Leads", record_id(0)) == before
    assert len(emulator.store.table(BASE, "Leads")[1].records) == LEADS
    assert emulator.writes == []


def test_batches_may_be_applied_in_part_by_a_switch(emulator: Emulator, call: Call) -> None:
    emulator.behaviour.atomic_batches = False
    refused = call("POST", "Leads", json={"records": [{"fields": {"Lead": "kept"}}, {"fields": {"Nope": 1}}]})
    assert error_of(refused) == (422, "UNKNOWN_FIELD_NAME")
    assert [write["after"] is not None for write in emulator.writes] == [True]


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT"])
@pytest.mark.parametrize("count", [0, 11])
def test_a_write_takes_one_to_ten_records(call: Call, method: str, count: int) -> None:
    records = [{"id": record_id(n), "fields": {"Lead": "x"}} for n in range(count)]
    assert error_of(call(method, "Leads", json={"records": records})) == (422, "INVALID_RECORDS")


def test_a_delete_takes_ten_records_and_none_if_one_is_missing(call: Call, emulator: Emulator) -> None:
    def delete(*numbers: int) -> Any:
        return call("DELETE", "Leads", params={"records[]": [record_id(n) for n in numbers]})

    assert error_of(delete(*range(11))) == (422, "INVALID_RECORDS")
    assert error_of(delete(0, 7777)) == (422, "ROW_DOES_NOT_EXIST")
    assert record_id(0) in emulator.store.table(BASE, "Leads")[1].records
    assert delete(0, 1).json() == {"records": [{"deleted": True, "id": record_id(n)} for n in (0, 1)]}
    assert call("DELETE", f"Leads/{record_id(2)}").json() == {"deleted": True, "id": record_id(2)}
    assert error_of(call("DELETE", f"Leads/{record_id(2)}")) == (404, "MODEL_ID_NOT_FOUND")
    assert error_of(call("PATCH", f"Leads/{record_id(2)}", json={"fields": {}})) == (422, "ROW_DOES_NOT_EXIST")


def test_bodies_that_are_no_write_are_refused(call: Call) -> None:
    assert call("POST", "Leads", data="{not json").status_code == 400
    assert error_of(call("POST", "Leads", json={})) == (422, "INVALID_REQUEST_MISSING_FIELDS")
    assert error_of(call("PATCH", "Leads", json={"records": [{"fields": {}}]})) == (422, "INVALID_RECORDS")


def test_typecast_converts_and_creates_options(api: Api, leads: Table) -> None:
    cells: dict[str, Any] = {
        "HRQ Status": "Completed",
        "Reply Count": "3",
        "Booked": "true",
        "Linked Campaign": "Campaign 2",
    }
    written = leads.update(record_id(0), cells, typecast=True)["fields"]
    assert (written["HRQ Status"], written["Reply Count"], written["Booked"]) == ("Completed", 3, True)
    assert written["Linked Campaign"] == [campaign_id(2)]
    options = options_of(api, "Leads", "HRQ Status").choices
    assert [o.name for o in options][-1] == "Completed"
    assert len({o.id for o in options}) == len(options)
    assert options[-1].id.startswith("sel")


def test_typecast_creates_linked_records_once(api: Api, leads: Table) -> None:
    leads.batch_update(
        [{"id": record_id(n), "fields": {"Linked Campaign": ["Brand new"]}} for n in (0, 1)], typecast=True
    )
    found = api.table(BASE, "Campaigns").all(formula="{Campaign Name} = 'Brand new'")
    assert [r["fields"]["Leads"] for r in found] == [[record_id(0), record_id(1)]]


def test_an_editor_creates_no_option(call: Call) -> None:
    body = {"fields": {"HRQ Status": "Completed"}, "typecast": True}
    refused = call("PATCH", f"Leads/{record_id(0)}", token=EDITOR, json=body)
    assert error_of(refused) == (422, "INVALID_MULTIPLE_CHOICE_OPTIONS")


def test_both_sides_of_a_link_move_together(api: Api, leads: Table) -> None:
    campaigns = api.table(BASE, "Campaigns")
    assert campaigns.get(campaign_id(0))["fields"]["Leads"] == [record_id(n) for n in range(0, LEADS, 3)]
    leads.update(record_id(0), {"Linked Campaign": [campaign_id(1)]})
    assert record_id(0) not in campaigns.get(campaign_id(0))["fields"]["Leads"]
    assert campaigns.get(campaign_id(1))["fields"]["Leads"][-1] == record_id(0)
    campaigns.update(campaign_id(2), {"Leads": [record_id(0)]})
    assert leads.get(record_id(0))["fields"]["Linked Campaign"] == [campaign_id(1), campaign_id(2)]
    assert "Linked Campaign" not in leads.get(record_id(2))["fields"]
    campaigns.delete(campaign_id(1))
    assert leads.get(record_id(0))["fields"]["Linked Campaign"] == [campaign_id(2)]


def test_upsert_creates_updates_and_refuses_what_is_ambiguous(leads: Table, call: Call) -> None:
    records = [{"fields": {"Lead": "Lead 3", "HRQ Reason": "u"}}, {"fields": {"Lead": "Nobody", "HRQ Reason": "c"}}]
    done = leads.batch_upsert(records, key_fields=["Lead"])
    assert done["updatedRecords"] == [record_id(3)]
    assert [r["fields"]["HRQ Reason"] for r in done["records"]] == ["u", "c"]
    assert done["createdRecords"] == [done["records"][1]["id"]]
    many = {"fields": {"HRQ Status": "Qualified"}}
    ambiguous = {"performUpsert": {"fieldsToMergeOn": ["HRQ Status"]}, "records": [many]}
    assert call("PATCH", "Leads", json=ambiguous).status_code == 422
    not_mergeable = {"performUpsert": {"fieldsToMergeOn": ["ICP Score"]}, "records": [{"fields": {}}]}
    assert call("PATCH", "Leads", json=not_mergeable).status_code == 422


def test_rich_text_ends_in_a_line_break_and_reads_as_one_when_cleared(every_cell: Table) -> None:
    assert every_cell.update(record_id(9002), {"Rich": "bold"})["fields"]["Rich"] == "bold\n"
    assert every_cell.update(record_id(9002), {"Rich": None})["fields"]["Rich"] == "\n"
    assert "Rich" not in every_cell.create({"Name": "never filled", "Rich": ""})["fields"]


def test_times_are_answered_in_utc_with_milliseconds(every_cell: Table) -> None:
    def written(value: str) -> Any:
        return every_cell.update(record_id(9001), {"Zoned": value})["fields"]["Zoned"]

    assert written("2025-07-01T12:00:00.25+02:00") == "2025-07-01T10:00:00.250Z"
    assert written("2025-07-01T12:00:00") == "2025-07-01T16:00:00.000Z"  # the field's own zone
    assert every_cell.update(record_id(9001), {"Day": "2025-07-01"})["fields"]["Day"] == "2025-07-01"


def test_selects_keep_their_order_and_unknown_types_pass_through(every_cell: Table) -> None:
    cells: dict[str, Any] = {"Colours": ["Blue", "Red"], "New kind": {"a": [1]}}
    fields = every_cell.update(record_id(9001), cells)["fields"]
    assert fields["Colours"] == ["Blue", "Red"]
    assert fields["New kind"] == {"a": [1]}


def test_answers_of_writes_may_be_keyed_by_id(leads: Table) -> None:
    assert "Lead" not in leads.update(record_id(0), {"Lead": "x"}, use_field_ids=True)["fields"]


def test_a_verbatim_computed_cell_stands_until_its_source_changes(emulator: Emulator, every_cell: Table) -> None:
    base, table = emulator.store.table(BASE, "Leads")
    score = table.field_named("ICP Score")
    assert score is not None
    record = table.records[record_id(0)]
    record.stored = record.stored[:-1] + f',"{score.id}":{{"error":"#ERROR!"}}}}'.encode()
    emulator.store.update(BASE, "Leads", {record_id(0): {"Notes": "unrelated"}})
    assert emulator.store.read(BASE, "Leads", record_id(0))["ICP Score"] == {"error": "#ERROR!"}
    emulator.store.update(BASE, "Leads", {record_id(0): {"Role Score Component": 11}})
    assert emulator.store.read(BASE, "Leads", record_id(0))["ICP Score"] == 31
    assert base.id == BASE
