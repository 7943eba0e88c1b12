"""List and get: research/airtable.md sections 1.2, 1.3, 1.6, 1.7."""

import re
from itertools import pairwise
from typing import Any

import pytest
from pyairtable import Api, Table
from pyairtable.formulas import match
from requests.exceptions import HTTPError

from playground.airtable.server import Emulator
from tests.playground.airtable.conftest import BASE, LEADS, Call, campaign_id, error_of, record_id


def test_all_records_come_once_in_full_pages(leads: Table) -> None:
    pages = list(leads.iterate())
    assert [len(page) for page in pages] == [100, 100, 5]
    assert {record["id"] for page in pages for record in page} == {record_id(n) for n in range(LEADS)}


def test_an_offset_looks_like_airtables_and_is_absent_on_the_last_page(call: Call) -> None:
    first = call("GET", "Leads?maxRecords=150").json()
    assert re.fullmatch(r"itr[0-9A-Za-z]{14}/rec[0-9A-Za-z]{14}", first["offset"])
    last = call("GET", "Leads", params={"maxRecords": 150, "offset": first["offset"]}).json()
    assert len(last["records"]) == 50
    assert "offset" not in last


def test_the_same_offset_can_be_read_twice(call: Call) -> None:
    offset = call("GET", "Leads").json()["offset"]
    second = [call("GET", "Leads", params={"offset": offset}).json() for _ in range(2)]
    assert second[0] == second[1]


@pytest.mark.parametrize("size", ["0", "-1", "101", "many"])
def test_a_page_size_outside_1_to_100_is_refused(call: Call, size: str) -> None:
    assert error_of(call("GET", f"Leads?pageSize={size}")) == (422, "INVALID_REQUEST_UNKNOWN")


def test_a_page_size_over_100_is_clamped_by_a_switch(emulator: Emulator, call: Call) -> None:
    emulator.behaviour.clamp_page_size = True
    assert len(call("GET", "Leads?pageSize=101").json()["records"]) == 100


def test_an_idle_iterator_dies_without_a_message(emulator: Emulator, call: Call) -> None:
    offset = call("GET", "Leads").json()["offset"]
    emulator.advance(299)
    assert call("GET", "Leads", params={"offset": offset}).status_code == 200
    emulator.advance(301)
    refused = call("GET", "Leads", params={"offset": offset})
    assert refused.status_code == 422
    assert refused.json() == {"error": {"type": "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"}}


def test_killed_iterators_are_gone_at_once(emulator: Emulator, leads: Table) -> None:
    pages = leads.iterate()
    next(pages)
    emulator.kill_iterators()
    with pytest.raises(HTTPError, match="LIST_RECORDS_ITERATOR_NOT_AVAILABLE"):
        next(pages)


@pytest.mark.parametrize("offset", ["garbage", "itr/rec", "itr00000000000000/rec0000000000000"])
def test_a_garbage_offset_is_named_in_the_refusal(call: Call, offset: str) -> None:
    refused = call("GET", "Leads", params={"offset": offset})
    assert refused.status_code == 422
    assert refused.json()["error"] == {
        "type": "INVALID_OFFSET_VALUE",
        "message": f"The value of offset {offset} is invalid",
    }


def test_records_deleted_while_a_list_is_read_are_passed_over(leads: Table) -> None:
    pages = leads.iterate()
    next(pages)
    leads.batch_delete([record_id(n) for n in range(100, 110)])
    rest = [record["id"] for page in pages for record in page]
    assert rest == [record_id(n) for n in range(110, LEADS)]


@pytest.mark.parametrize(
    "query", ["fields[]=Lead&fields[]=Booked", "fields[0]=Lead&fields[1]=Booked", "fields=Lead&fields=Booked"]
)
def test_every_spelling_of_a_list_parameter_works(call: Call, query: str) -> None:
    record = call("GET", f"Leads?pageSize=1&{query}").json()["records"][0]
    assert record["fields"] == {"Lead": "Lead 0"}


def test_post_list_records_takes_the_same_parameters_as_json(call: Call) -> None:
    body = {"pageSize": 2, "fields": ["Lead"], "sort": [{"field": "Lead", "direction": "desc"}]}
    answered = call("POST", "Leads/listRecords", json=body).json()
    assert [record["fields"] for record in answered["records"]] == [{"Lead": "Lead 99"}, {"Lead": "Lead 98"}]
    body["offset"] = answered["offset"]
    assert call("POST", "Leads/listRecords", json=body).json()["records"][0]["fields"] == {"Lead": "Lead 97"}


def test_fields_may_be_asked_for_and_keyed_by_id(api: Api, leads: Table) -> None:
    field = api.base(BASE).schema().table("Leads").field("Lead").id
    by_id = leads.all(fields=[field], use_field_ids=True, max_records=1)
    assert by_id[0]["fields"] == {field: "Lead 0"}
    assert leads.all(fields=[field], max_records=1)[0]["fields"] == {"Lead": "Lead 0"}


def test_an_unknown_field_fails_the_whole_request(call: Call) -> None:
    refused = call("GET", "Leads?fields[]=Lead&fields[]=Nope")
    assert refused.status_code == 422
    assert refused.json()["error"] == {"type": "UNKNOWN_FIELD_NAME", "message": 'Unknown field name: "Nope"'}


def test_a_view_is_accepted_if_the_table_has_it(call: Call) -> None:
    assert call("GET", "Leads?view=Grid%20view").status_code == 200
    assert error_of(call("GET", "Leads?view=Nope")) == (422, "VIEW_NAME_NOT_FOUND")


def test_empty_cells_are_left_out_but_zero_is_not(leads: Table) -> None:
    fields = leads.get(record_id(0))["fields"]
    assert fields["SMS Sent Count"] == 0
    assert not {"HRQ Reason", "Booked", "Notes"} & fields.keys()


def test_comment_counts_come_when_asked_for(call: Call) -> None:
    record = call("GET", "Leads?pageSize=1&recordMetadata[]=commentCount").json()["records"][0]
    assert record["commentCount"] == 0


def test_sorting_puts_empty_cells_first_and_options_in_their_own_order(leads: Table) -> None:
    leads.batch_update(
        [{"id": record_id(n), "fields": {"HRQ Status": s}} for n, s in enumerate(["Review", None, "Archive"])]
    )
    order = [r["fields"].get("HRQ Status") for r in leads.all(sort=["HRQ Status"], fields=["HRQ Status"])]
    assert order == [None, "Archive", *["Qualified"] * (LEADS - 3), "Review"]
    scores = [r["fields"]["ICP Score"] for r in leads.all(sort=["-ICP Score"])]
    assert all(left >= right for left, right in pairwise(scores))


def test_a_filter_finds_what_its_formula_says(leads: Table) -> None:
    assert [r["id"] for r in leads.all(formula=match({"Lead": "Lead 7"}))] == [record_id(7)]


def test_a_filter_may_name_fields_by_id_and_without_regard_to_case(api: Api, leads: Table) -> None:
    field = api.base(BASE).schema().table("Leads").field("Lead").id
    assert len(leads.all(formula=f"{{{field}}} = 'Lead 7'")) == len(leads.all(formula="{lead} = 'Lead 7'")) == 1


def test_a_hundred_records_can_be_read_by_id(leads: Table) -> None:
    wanted = [record_id(n) for n in range(0, 200, 2)]
    formula = "OR(" + ",".join(f"RECORD_ID()='{i}'" for i in [*wanted, record_id(5555)]) + ")"
    assert sorted(r["id"] for r in leads.all(formula=formula)) == wanted


@pytest.mark.parametrize(
    ("formula", "reason"),
    [
        ("{Lead} = ", "Invalid formula. Please check your formula text."),
        ("NOPE({Lead})", "Invalid formula. Please check your formula text."),
        ("IF({Lead})", "Invalid formula. Please check your formula text."),
        ("{First Nope} = {Second Nope}", "Unknown field names: first nope, second nope"),
    ],
)
def test_a_bad_filter_says_what_is_wrong(call: Call, formula: str, reason: str) -> None:
    refused = call("GET", "Leads", params={"filterByFormula": formula})
    assert refused.status_code == 422
    assert refused.json()["error"] == {
        "type": "INVALID_FILTER_BY_FORMULA",
        "message": f"The formula for filtering records is invalid: {reason}",
    }


def test_an_error_in_a_filter_drops_the_record(every_cell: Table) -> None:
    assert every_cell.all(formula="{Broken} > 0") == []


def test_get_looks_in_the_whole_base(leads: Table) -> None:
    assert leads.get(campaign_id(1))["fields"]["Campaign Name"] == "Campaign 1"


def test_get_refuses_fields_and_unknown_records(call: Call) -> None:
    assert error_of(call("GET", f"Leads/{record_id(0)}?fields[]=Lead")) == (422, "INVALID_REQUEST_UNKNOWN")
    missing = call("GET", f"Leads/{record_id(7777)}")
    assert missing.status_code == 404
    assert missing.json() == {"error": {"type": "MODEL_ID_NOT_FOUND", "message": "Record not found"}}


def test_the_samples_formulas_are_computed(leads: Table) -> None:
    fields: list[dict[str, Any]] = [leads.get(record_id(n))["fields"] for n in range(5)]
    # "australia" holds "us", as in the real base.
    assert [f["Location Score Component"] for f in fields] == [20, 18, 15, 20, 0]
    assert [f["ICP Score"] for f in fields] == [30, 29, 27, 33, 14]
    assert [f.get("SMS Eligible", False) for f in fields] == [True, True, False, False, False]
    assert fields[3]["Record ID"] == record_id(3)
    assert fields[3]["Record Created AT"] == "2025-01-04T00:00:00.000Z"


def test_the_prime_fit_bonus_counts_five_and_a_stop_ends_eligibility(leads: Table) -> None:
    before = leads.get(record_id(0))["fields"]
    after = leads.update(record_id(0), {"Prime Fit Bonus": True, "SMS Stop": True})["fields"]
    assert after["ICP Score"] == before["ICP Score"] + 5
    assert "SMS Eligible" not in after


def test_bad_computations_are_objects(every_cell: Table) -> None:
    full = every_cell.get(record_id(9001))["fields"]
    assert full["Ratio"] == {"specialValue": "Infinity"}
    assert full["Broken"] == {"error": "#ERROR!"}
    assert every_cell.update(record_id(9001), {"Number": 0})["fields"]["Ratio"] == {"specialValue": "NaN"}
    assert every_cell.get(record_id(9002))["fields"]["Number"] == {"specialValue": "NaN"}


def test_answers_are_compressed_for_who_can_read_that(call: Call) -> None:
    packed = call("GET", "Leads", headers={"Accept-Encoding": "gzip"})
    plain = call("GET", "Leads", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert int(packed.headers["airtable-uncompressed-content-length"]) == len(plain.content)
    assert "content-encoding" not in plain.headers
    assert packed.json()["records"] == plain.json()["records"]
    assert plain.headers["content-type"] == "application/json; charset=utf-8"
    assert plain.headers["date"] == "Sun, 01 Mar 2026 12:00:00 GMT"


def test_a_table_is_found_by_id_and_by_a_name_with_a_slash(call: Call) -> None:
    assert len(call("GET", "Every%2Fcell").json()["records"]) == 2
    assert len(call("GET", "tblEveryCell00000").json()["records"]) == 2
