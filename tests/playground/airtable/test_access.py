"""Tokens, schema API and limits: research/airtable.md sections 1.1, 1.5, 1.8, 1.9."""

from concurrent.futures import ThreadPoolExecutor, as_completed

import pytest
import requests
from pyairtable import Api

from playground.airtable.server import Emulator
from tests.playground.airtable.conftest import (
    BASE,
    CREATOR,
    NO_SCHEMA_SCOPE,
    NO_WRITE_SCOPE,
    OTHER_BASE,
    READER,
    Call,
    error_of,
    options_of,
    record_id,
)

UNREACHABLE = (403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND")


@pytest.mark.parametrize("authorization", ["", "Bearer patUnknown", "Basic patCreator", "Bearer "])
def test_an_absent_and_a_wrong_token_are_answered_alike(call: Call, authorization: str) -> None:
    refused = call("GET", "Leads", headers={"Authorization": authorization})
    assert refused.status_code == 401
    assert refused.json() == {"error": {"type": "AUTHENTICATION_REQUIRED", "message": "Authentication required"}}


def test_a_revoked_token_stops_working(emulator: Emulator, call: Call) -> None:
    emulator.revoke(CREATOR)
    assert call("GET", "Leads").status_code == 401
    assert call("GET", "Leads", token=READER).status_code == 200


def test_unknown_bases_and_tables_are_forbidden_rather_than_missing(call: Call) -> None:
    assert error_of(call("GET", "Nope")) == UNREACHABLE
    assert error_of(call("GET", "/v0/appUnknown0000000/Leads")) == UNREACHABLE
    assert error_of(call("GET", f"/v0/{OTHER_BASE}/Leads", token=READER)) == UNREACHABLE


def test_scope_and_role_are_both_needed_to_write(call: Call) -> None:
    body = {"fields": {"Lead": "x"}}
    assert error_of(call("POST", "Leads", token=NO_WRITE_SCOPE, json=body)) == UNREACHABLE
    assert error_of(call("POST", "Leads", token=READER, json=body)) == (403, "INVALID_PERMISSIONS")
    assert call("POST", "Leads/listRecords", token=READER, json={}).status_code == 200
    assert error_of(call("GET", f"/v0/meta/bases/{BASE}/tables", token=NO_SCHEMA_SCOPE)) == UNREACHABLE
    assert error_of(call("GET", "/v0/meta/bases", token=NO_SCHEMA_SCOPE)) == UNREACHABLE


def test_nothing_answers_at_other_paths(call: Call) -> None:
    for method, path in [("GET", "/v1/x"), ("GET", f"Leads/{record_id(0)}/x"), ("GET", "Leads/x"), ("POST", "/v0/x")]:
        answered = call(method, path)
        assert (answered.status_code, answered.json()) == (404, {"error": "NOT_FOUND"})


def test_a_url_of_16000_characters_is_too_long(call: Call) -> None:
    assert error_of(call("GET", "Leads", params={"filterByFormula": "1" * 16_000})) == (422, "INVALID_REQUEST_UNKNOWN")
    formula = "OR(" + ",".join("RECORD_ID()='rec00000000000000'" for _ in range(1000)) + ")"
    assert len(call("POST", "Leads/listRecords", json={"filterByFormula": formula}).json()["records"]) == 1


def test_whoami_and_bases(api: Api, call: Call) -> None:
    assert api.whoami() == {"id": "usrCreator0000000"}
    listed = call("GET", "/v0/meta/bases").json()
    assert listed["bases"] == [
        {"id": BASE, "name": "Test", "permissionLevel": "create"},
        {"id": OTHER_BASE, "name": "Other", "permissionLevel": "read"},
    ]


def test_the_schema_describes_fields_options_and_views(api: Api, call: Call) -> None:
    table = api.base(BASE).schema().table("Leads")
    assert [choice.name for choice in options_of(api, "Leads", "Enrichment Outcome").choices][3:] == [
        " Success",
        " No Match",
    ]
    assert options_of(api, "Leads", "ICP Score").result.type == "number"
    assert len(options_of(api, "Leads", "ICP Score").referenced_field_ids) == 5
    linked = options_of(api, "Leads", "Linked Campaign").linked_table_id
    assert linked == api.base(BASE).schema().table("Campaigns").id
    raw = call("GET", f"/v0/meta/bases/{BASE}/tables").json()["tables"][0]
    assert raw["views"] == [{"id": "viw" + table.id[3:], "name": "Grid view", "type": "grid"}]
    asked = call("GET", f"/v0/meta/bases/{BASE}/tables?include[]=visibleFieldIds").json()["tables"][0]
    assert len(asked["views"][0]["visibleFieldIds"]) == len(asked["fields"])


def test_the_sixth_request_in_a_second_locks_the_base_for_30_seconds(emulator: Emulator, call: Call) -> None:
    emulator.behaviour.requests_per_second = 5
    assert [call("GET", "Leads?pageSize=1").status_code for _ in range(6)] == [200] * 5 + [429]
    emulator.advance(25)
    refused = call("GET", "Leads?pageSize=1")
    assert refused.status_code == 429
    assert refused.json() == {
        "errors": [{"error": "RATE_LIMIT_REACHED", "message": "Rate limit exceeded. Please try again later"}]
    }
    assert "retry-after" not in refused.headers
    assert call("GET", "/v0/meta/whoami").status_code == 200  # names no base
    emulator.advance(6)
    assert call("GET", "Leads?pageSize=1").status_code == 200


def test_requests_count_when_they_come_however_long_others_are_worked_on(emulator: Emulator, call: Call) -> None:
    emulator.behaviour.requests_per_second = 5
    url = f"{emulator.url}/v0/{BASE}/Leads?pageSize=1"

    def status() -> int:
        return requests.get(url, headers={"Authorization": f"Bearer {CREATOR}"}, timeout=20).status_code

    with ThreadPoolExecutor(6) as threads:
        with emulator.store.lock:  # as while a filter goes through many records
            sent = [threads.submit(status) for _ in range(6)]
            assert next(as_completed(sent, timeout=20)).result() == 429
        assert sorted(each.result() for each in sent) == [200] * 5 + [429]


def test_a_paced_reader_is_never_limited(emulator: Emulator, call: Call) -> None:
    emulator.behaviour.requests_per_second = 5
    for _ in range(30):
        assert call("GET", "Leads?pageSize=1").status_code == 200
        emulator.advance(0.2)


def test_the_soft_limit_refuses_the_surplus_only_and_in_the_singular(emulator: Emulator, call: Call) -> None:
    emulator.behaviour.requests_per_second = 5
    emulator.behaviour.strict_rate_limit = False
    emulator.behaviour.plural_rate_error = False
    answers = [call("GET", "Leads?pageSize=1") for _ in range(6)]
    assert error_of(answers[-1]) == (429, "RATE_LIMIT_REACHED")
    emulator.advance(1)
    assert call("GET", "Leads?pageSize=1").status_code == 200


def test_a_user_has_fifty_requests_a_second_over_all_tokens(emulator: Emulator, call: Call) -> None:
    emulator.behaviour.user_requests_per_second = 50
    emulator.store.clock.elapsed = lambda: 0.0  # type: ignore[method-assign]  # all within one second
    statuses = [call("GET", "/v0/meta/whoami", token=(CREATOR, NO_WRITE_SCOPE)[n % 2]).status_code for n in range(51)]
    assert statuses == [200] * 50 + [429]
    assert call("GET", "/v0/meta/whoami", token=READER).status_code == 200
