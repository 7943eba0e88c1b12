"""Webhooks and their payload lists, as research/airtable.md section 2 has them, through HTTP and pyairtable."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import requests
from pyairtable import Api

from playground.airtable.behaviour import Behaviour
from playground.airtable.schema import Base, Field, Table
from playground.airtable.schema_edits import edit
from playground.airtable.server import Emulator, running_emulator
from playground.airtable.store import Store
from playground.airtable.tokens import Token

EVERYTHING = {"options": {"filters": {"dataTypes": ["tableData", "tableFields", "tableMetadata"]}}}
BASE, TABLE = "appHHHHHHHHHHHHHH", "tblHHHHHHHHHHHHHH"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    fields = [
        Field("fldName0000000000", "Name", "singleLineText"),
        Field("fldStatus00000000", "Status", "singleSelect", {"choices": [{"id": "selA0000000000000", "name": "A"}]}),
        Field(
            "fldShout000000000",
            "Shout",
            "formula",
            {"formula": "UPPER({fldName0000000000})", "referencedFieldIds": ["fldName0000000000"], "isValid": True},
        ),
    ]
    base = Base(BASE, "Hooked", [Table(TABLE, "Things", fields[0].id, fields)])
    tokens = {
        name: Token(name, f"usr{name}", scopes, {BASE: role})
        for name, scopes, role in (
            ("creator", ["webhook:manage", "data.records:read", "data.records:write"], "creator"),
            ("editor", ["webhook:manage"], "editor"),
            ("unscoped", ["data.records:read"], "creator"),
        )
    }
    behaviour = Behaviour(requests_per_second=None, user_requests_per_second=None)
    with running_emulator(Store({BASE: base}, tokens), behaviour) as running:
        yield running


def call(emulator: Emulator, method: str, path: str = "", token: str = "creator", **json: Any) -> requests.Response:
    return requests.request(
        method,
        f"{emulator.url}/v0/bases/{BASE}/webhooks{path}",
        headers={"Authorization": f"Bearer {token}"},
        json=json or None,
        timeout=10,
    )


def make(emulator: Emulator, specification: Any = EVERYTHING, **more: Any) -> str:
    answer = call(emulator, "POST", specification=specification, **more)
    assert answer.status_code == 200, answer.text
    made: str = answer.json()["id"]
    return made


def payloads(emulator: Emulator, hook: str, cursor: int = 1) -> list[dict[str, Any]]:
    answer = call(emulator, "GET", f"/{hook}/payloads?cursor={cursor}")
    assert answer.status_code == 200, answer.text
    listed: list[dict[str, Any]] = answer.json()["payloads"]
    return listed


def test_a_hook_needs_no_url_and_is_listed_as_it_was_made(emulator: Emulator) -> None:
    made = call(emulator, "POST", specification=EVERYTHING).json()
    assert made.keys() == {"id", "macSecretBase64", "expirationTime"}
    (listed,) = Api("creator", endpoint_url=emulator.url).base(BASE).webhooks()
    assert (listed.id, listed.notification_url, listed.is_hook_enabled) == (made["id"], None, True)
    assert listed.cursor_for_next_payload == 1


@pytest.mark.parametrize(
    ("token", "method", "status"),
    [("editor", "POST", 403), ("unscoped", "POST", 403), ("unscoped", "GET", 403), ("editor", "GET", 200)],
)
def test_who_may_do_what(token: str, method: str, status: int, emulator: Emulator) -> None:
    body: dict[str, Any] = {"specification": EVERYTHING} if method == "POST" else {}
    assert call(emulator, method, token=token, **body).status_code == status


def test_a_base_has_ten_at_most(emulator: Emulator) -> None:
    for _ in range(10):
        make(emulator)
    answer = call(emulator, "POST", specification=EVERYTHING)
    assert (answer.status_code, answer.json()["error"]["type"]) == (422, "TOO_MANY_WEBHOOKS_IN_BASE")


def test_payloads_tell_what_happened_in_the_second_format(emulator: Emulator) -> None:
    hook = make(emulator)
    (record,) = emulator.store.create(BASE, "Things", [{"Name": "one", "Status": "A"}])
    emulator.store.update(BASE, "Things", {record: {"Name": "two", "Status": None}})
    emulator.store.delete(BASE, "Things", [record])
    created, changed, computed, destroyed = [p["changedTablesById"][TABLE] for p in payloads(emulator, hook)]
    cells = created["createdRecordsById"][record]["cellValuesByFieldId"]
    assert cells["fldStatus00000000"] == {"id": "selA0000000000000", "name": "A"}
    assert cells["fldShout000000000"] == "ONE"
    current = changed["changedRecordsById"][record]["current"]["cellValuesByFieldId"]
    assert (current["fldName0000000000"], current["fldStatus00000000"]) == ("two", None)
    recalculated = computed["changedRecordsById"][record]["current"]["cellValuesByFieldId"]
    assert recalculated == {"fldShout000000000": "TWO"}
    assert destroyed == {"destroyedRecordIds": [record]}
    numbers = [p["baseTransactionNumber"] for p in payloads(emulator, hook)]
    assert numbers[1] == numbers[2], "a recalculation is told in a payload of its own, of the same transaction"


def test_writes_through_the_api_are_told_as_such(emulator: Emulator) -> None:
    hook = make(emulator)
    Api("creator", endpoint_url=emulator.url).table(BASE, "Things").create({"Name": "by API"})
    emulator.store.create(BASE, "Things", [{"Name": "by a person"}])
    assert [p["actionMetadata"]["source"] for p in payloads(emulator, hook)] == ["publicApi", "client"]


def test_fifty_a_page_and_numbers_that_go_on(emulator: Emulator) -> None:
    hook = make(emulator)
    for number in range(120):
        emulator.store.create(BASE, "Things", [{"Name": str(number)}])
    cursor, sizes, more = 1, [], True
    while more:
        page = call(emulator, "GET", f"/{hook}/payloads?cursor={cursor}").json()
        sizes.append(len(page["payloads"]))
        cursor, more = page["cursor"], page["mightHaveMore"]
    assert (sizes, cursor) == ([50, 50, 20], 121)
    assert payloads(emulator, hook, 121) == []
    (listed,) = Api("creator", endpoint_url=emulator.url).base(BASE).webhooks()
    assert len(list(listed.payloads())) == 120


def test_payloads_live_for_seven_days_and_reading_prolongs_the_hook(emulator: Emulator) -> None:
    hook = make(emulator)
    emulator.store.create(BASE, "Things", [{"Name": "old"}])
    for _ in range(4):
        emulator.advance(timedelta(days=2).total_seconds())
        payloads(emulator, hook)
    assert payloads(emulator, hook) == []
    assert call(emulator, "GET", f"/{hook}/payloads?cursor=1").json()["cursor"] == 2
    emulator.store.create(BASE, "Things", [{"Name": "new"}])
    assert len(payloads(emulator, hook)) == 1


def test_an_expired_hook_can_be_read_for_seven_days_and_is_then_gone(emulator: Emulator) -> None:
    hook = make(emulator)
    emulator.advance(timedelta(days=6).total_seconds())
    emulator.store.create(BASE, "Things", [{"Name": "before"}])
    emulator.advance(timedelta(days=2).total_seconds())
    emulator.store.create(BASE, "Things", [{"Name": "after"}])
    assert len(payloads(emulator, hook)) == 1
    assert call(emulator, "POST", f"/{hook}/refresh").status_code == 404
    emulator.advance(timedelta(days=7).total_seconds())
    assert call(emulator, "GET", f"/{hook}/payloads").status_code == 404
    assert call(emulator, "GET").json() == {"webhooks": []}


def test_schema_edits_are_told_and_deleting_a_field_that_a_hook_names_ends_it(emulator: Emulator) -> None:
    whole = make(emulator)
    filters = {"dataTypes": ["tableData"], "watchDataInFieldIds": ["fldStatus00000000"]}
    narrow = make(emulator, {"options": {"filters": filters}})
    edit(emulator.store, BASE, "rename_field", table="Things", field="Name", name="Title")
    edit(emulator.store, BASE, "add_option", table="Things", field="Status", name="B")
    edit(emulator.store, BASE, "delete_field", table="Things", field="Status")
    edit(emulator.store, BASE, "rename_table", table="Things", name="Stuff")
    told = [p["changedTablesById"][TABLE] for p in payloads(emulator, whole)]
    assert told[0]["changedFieldsById"]["fldName0000000000"]["current"]["name"] == "Title"
    assert told[1]["changedFieldsById"].keys() == {"fldStatus00000000"}
    assert told[2]["destroyedFieldIds"] == ["fldStatus00000000"]
    assert told[3]["changedMetadata"]["current"] == {"name": "Stuff"}
    (last,) = payloads(emulator, narrow)
    assert (last["error"], last["code"]) == (True, "INVALID_HOOK")
    emulator.store.create(BASE, "Stuff", [{"Title": "told to one"}])
    assert len(payloads(emulator, narrow)) == 1
    assert len(payloads(emulator, whole)) == 5


def test_filters_hold(emulator: Emulator) -> None:
    filters = {"dataTypes": ["tableData"], "changeTypes": ["remove"], "fromSources": ["client"]}
    hook = make(emulator, {"options": {"filters": filters}})
    ids = emulator.store.create(BASE, "Things", [{"Name": "one"}, {"Name": "two"}])
    Api("creator", endpoint_url=emulator.url).table(BASE, "Things").delete(ids[0])
    emulator.store.delete(BASE, "Things", ids[1:])
    (only,) = payloads(emulator, hook)
    assert only["changedTablesById"][TABLE] == {"destroyedRecordIds": [ids[1]]}


def test_a_month_without_calls_left_spares_the_schema(emulator: Emulator) -> None:
    emulator.behaviour.monthly_calls = 2
    assert [call(emulator, "GET").status_code for _ in range(3)] == [200, 200, 429]
    refused = call(emulator, "GET").json()["errors"][0]
    assert refused["error"] == "PUBLIC_API_BILLING_LIMIT_EXCEEDED"
    meta = requests.get(
        f"{emulator.url}/v0/meta/whoami", headers={"Authorization": "Bearer creator"}, timeout=10
    ).status_code
    assert meta == 200
    emulator.advance(timedelta(days=31).total_seconds())
    assert call(emulator, "GET").status_code == 200


def test_a_record_comes_back_from_the_trash_as_it_was(emulator: Emulator) -> None:
    hook = make(emulator)
    (record,) = emulator.store.create(BASE, "Things", [{"Name": "one"}])
    before = emulator.store.read(BASE, "Things", record)
    emulator.store.delete(BASE, "Things", [record])
    emulator.restore(BASE, "Things", record)
    assert emulator.store.read(BASE, "Things", record) == before
    assert record in payloads(emulator, hook)[-1]["changedTablesById"][TABLE]["createdRecordsById"]
