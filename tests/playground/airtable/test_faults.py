"""Failures on demand, the journal and the control endpoints."""

import pytest
import requests
from pyairtable import Table

from playground.airtable.server import Emulator
from tests.playground.airtable.conftest import BASE, LEADS, Call, error_of, record_id

PATCH = {"fields": {"Lead": "Changed"}}


def name_of(emulator: Emulator, number: int = 0) -> str:
    return str(emulator.store.read(BASE, "Leads", record_id(number))["Lead"])


def test_the_next_requests_fail_with_a_status_and_then_work_again(emulator: Emulator, call: Call) -> None:
    emulator.fail(status=503, retry_after=2, times=2)
    for _ in range(2):
        refused = call("GET", "Leads")
        assert error_of(refused) == (503, "RETRIABLE_ERROR")
        assert refused.headers["retry-after"] == "2"
    assert call("GET", "Leads").status_code == 200


def test_a_failure_can_be_aimed_at_one_page_of_one_table(emulator: Emulator, leads: Table, call: Call) -> None:
    emulator.fail(path="/Leads$", page=2, status=500, times=None)
    pages = leads.iterate()
    assert len(next(pages)) == 100
    with pytest.raises(requests.HTTPError, match="500"):
        next(pages)
    offset = call("POST", "Leads/listRecords", json={}).json()["offset"]
    assert call("POST", "Leads/listRecords", json={"offset": offset}).status_code == 200
    emulator.heal()
    assert len(leads.all()) == LEADS


def test_the_first_matching_requests_may_pass(emulator: Emulator, call: Call) -> None:
    emulator.fail(method="PATCH", skip=1, status=502)
    statuses = [call("PATCH", f"Leads/{record_id(0)}", json=PATCH).status_code for _ in range(3)]
    assert statuses == [200, 502, 200]


def test_the_monthly_block_spares_the_schema(emulator: Emulator, call: Call) -> None:
    emulator.fail(billing=True, times=None)
    refused = call("GET", "Leads")
    assert refused.status_code == 429
    assert refused.json()["errors"][0]["error"] == "PUBLIC_API_BILLING_LIMIT_EXCEEDED"
    assert call("GET", f"/v0/meta/bases/{BASE}/tables").status_code == 200


@pytest.mark.parametrize(("drop", "name"), [("before", "Lead 0"), ("after", "Changed")])
def test_a_connection_is_cut_before_or_after_a_write_is_applied(
    emulator: Emulator, call: Call, drop: str, name: str
) -> None:
    emulator.fail(method="PATCH", drop=drop)
    with pytest.raises(requests.ConnectionError):
        call("PATCH", f"Leads/{record_id(0)}", json=PATCH)
    assert name_of(emulator) == name
    assert emulator.requests[-1].status is None
    assert call("GET", "Leads?pageSize=1").status_code == 200


def test_an_answer_may_be_no_json_or_end_too_early(emulator: Emulator, call: Call) -> None:
    emulator.fail(body="malformed")
    with pytest.raises(requests.JSONDecodeError):
        call("GET", "Leads").json()
    emulator.fail(body="truncated")
    with pytest.raises(requests.RequestException):
        call("GET", "Leads")
    assert call("GET", "Leads").status_code == 200


def test_an_answer_may_take_long(emulator: Emulator, call: Call) -> None:
    emulator.fail(latency=0.2)
    assert call("GET", "Leads?pageSize=1").elapsed.total_seconds() >= 0.2


def test_lists_may_show_a_write_late_but_get_does_not(emulator: Emulator, call: Call) -> None:
    emulator.behaviour.read_delay_seconds = 2
    call("PATCH", f"Leads/{record_id(0)}", json=PATCH)
    call("POST", "Leads", json={"fields": {"Lead": "New"}})
    call("DELETE", f"Leads/{record_id(1)}")

    def listed() -> set[str]:
        ids = [record_id(0), record_id(1)]
        formula = f"OR({{Lead}}='New', RECORD_ID()='{ids[0]}', RECORD_ID()='{ids[1]}')"
        answered = call("GET", "Leads", params={"filterByFormula": formula}).json()
        return {record["fields"]["Lead"] for record in answered["records"]}

    assert call("GET", f"Leads/{record_id(0)}").json()["fields"]["Lead"] == "Changed"
    assert listed() == {"Lead 0", "Lead 1"}
    emulator.advance(3)
    assert listed() == {"Changed", "New"}


def test_the_journal_holds_requests_and_what_was_written(emulator: Emulator, call: Call, leads: Table) -> None:
    call("PATCH", f"Leads/{record_id(0)}", json=PATCH)
    call("GET", "Nope")
    seen = call("GET", "/_emulator/requests?last=2").json()
    assert [(s["method"], s["status"], s["base"]) for s in seen] == [("PATCH", 200, BASE), ("GET", 403, BASE)]
    (written,) = call("GET", "/_emulator/writes").json()
    changed = {key for key in written["after"] if written["after"][key] != written["before"][key]}
    assert changed == {leads.schema().field("Lead").id}
    assert (written["table"], written["id"]) == ("Leads", record_id(0))
    call("DELETE", "/_emulator/writes")
    assert call("GET", "/_emulator/writes").json() == []


def test_everything_can_be_controlled_over_http(emulator: Emulator, call: Call) -> None:
    fault = call("POST", "/_emulator/faults", json={"status": 500, "path": "Leads"}).json()
    assert fault["times"] == 1
    assert call("GET", "Leads").status_code == 500
    assert call("GET", "/_emulator/faults").json() == []
    offset = call("GET", "Leads").json()["offset"]
    call("POST", "/_emulator/iterators/kill")
    assert error_of(call("GET", "Leads", params={"offset": offset})) == (422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE")
    assert call("PATCH", "/_emulator/behaviour", json={"clamp_page_size": True}).json()["clamp_page_size"] is True
    assert call("PATCH", "/_emulator/behaviour", json={"nonsense": 1}).status_code == 400
    call("POST", "/_emulator/clock", json={"now": "2026-05-01T00:00:00Z"})
    assert call("POST", "Leads", json={"fields": {}}).json()["createdTime"] == "2026-05-01T00:00:00.000Z"
    call("POST", "/_emulator/tokens", json={"token": "patNew", "user": "usrNew", "scopes": [], "bases": {}})
    assert call("GET", "/v0/meta/whoami", token="patNew").json() == {"id": "usrNew"}
    call("POST", "/_emulator/tokens", json={"token": "patNew", "revoked": True})
    assert call("GET", "/v0/meta/whoami", token="patNew").status_code == 401
    assert call("GET", "/_emulator/state").json()["records"][BASE]["Leads"] == LEADS + 1


def test_schema_edits_show_and_leave_the_records_time_alone(emulator: Emulator, call: Call, leads: Table) -> None:
    def edit(kind: str, **arguments: object) -> None:
        answered = call("POST", "/_emulator/schema", json={"base": BASE, "edit": kind, "table": "Leads", **arguments})
        assert answered.status_code == 200, answered.text

    leads.all()  # so that answers are kept
    before = emulator.store.table(BASE, "Leads")[1].records[record_id(0)].modified
    edit("rename_field", field="Lead", name="Person")
    edit("rename_option", field="HRQ Status", option="Qualified", name="Good")
    edit("add_field", name="Fresh", type="singleSelect", options={"choices": [{"name": "One"}]})
    edit("add_option", field="Fresh", name="Two")
    fields = leads.update(record_id(1), {"Fresh": "Two"})["fields"]
    assert (fields["Person"], fields["HRQ Status"], fields["Fresh"]) == ("Lead 1", "Good", "Two")
    edit("delete_option", field="Fresh", option="Two")
    edit("delete_field", field="Person")
    assert not {"Person", "Fresh"} & leads.get(record_id(1))["fields"].keys()
    assert emulator.store.table(BASE, "Leads")[1].records[record_id(0)].modified == before
    edit("rename_table", name="People")
    assert call("GET", "Leads").status_code == 403
    assert call("GET", "People").status_code == 200
