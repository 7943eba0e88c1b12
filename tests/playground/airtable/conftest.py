"""A small base with the sample's own schema, and a table of every kind of cell."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
import requests
from pyairtable import Api, Table

from playground.airtable.behaviour import Behaviour
from playground.airtable.clock import Clock
from playground.airtable.server import Emulator, running_emulator
from playground.airtable.store import Store
from playground.sample.schema import tables

BASE = "appTestBase000000"
OTHER_BASE = "appOtherBase00000"
CREATED = "2025-01-01T00:00:00.000Z"
NOW = datetime(2026, 3, 1, 12, 0, 0, 654_321, tzinfo=UTC)
LEADS, CAMPAIGNS = 205, 3
SCOPES = ["data.records:read", "data.records:write", "schema.bases:read"]
CREATOR, EDITOR, READER = "patCreator", "patEditor", "patReader"
NO_WRITE_SCOPE, NO_SCHEMA_SCOPE = "patReadOnly", "patRecordsOnly"


def record_id(number: int) -> str:
    return f"rec{number:014d}"


def campaign_id(number: int) -> str:
    return f"recC{number:013d}"


def every_cell_table() -> dict[str, Any]:
    choices = {"choices": [{"id": f"sel{name:0>14}", "name": name} for name in ("Red", "Green", "Blue")]}
    fields: list[tuple[str, str, dict[str, Any] | None]] = [
        ("Name", "singleLineText", None),
        ("Rich", "richText", None),
        ("Colours", "multipleSelects", choices),
        ("Day", "date", {"dateFormat": {"name": "iso", "format": "YYYY-MM-DD"}}),
        ("Zoned", "dateTime", {"timeZone": "America/New_York"}),
        ("Number", "number", {"precision": 2}),
        ("Ratio", "formula", {"formula": "{Number} / 0", "result": {"type": "number"}}),
        ("Broken", "formula", {"formula": "{Number} + {Name}", "result": {"type": "number"}}),
        ("Any change", "lastModifiedTime", {"referencedFieldIds": []}),
        ("New kind", "typeOfTomorrow", None),
    ]
    return {
        "id": "tblEveryCell00000",
        "name": "Every/cell",
        "primaryFieldId": "fldName0000000000",
        "fields": [
            {"id": f"fld{name.replace(' ', '')}".ljust(17, "0"), "name": name, "type": kind, "options": options}
            for name, kind, options in fields
        ],
        "records": [
            {"id": record_id(9001), "createdTime": CREATED, "fields": {"Name": "full", "Rich": "text\n", "Number": 1}},
            {
                "id": record_id(9002),
                "createdTime": CREATED,
                "fields": {"Name": "nan", "Number": {"specialValue": "NaN"}},
            },
        ],
    }


def document() -> dict[str, Any]:
    leads, campaigns, templates, audit = (deepcopy(table) | {"records": []} for table in tables(1))
    campaigns["records"] = [
        {"id": campaign_id(n), "createdTime": CREATED, "fields": {"Campaign Name": f"Campaign {n}", "Total Leads ": 0}}
        for n in range(CAMPAIGNS)
    ]
    leads["records"] = [
        {
            "id": record_id(n),
            "createdTime": f"2025-01-{n % 28 + 1:02d}T00:00:00.000Z",
            "fields": {
                "Lead": f"Lead {n}",
                "Company Score Component": n % 30,
                "Role Score Component": 10,
                "Location Country": ["United States", "Canada", "Germany", "Australia", "Japan"][n % 5],
                "Phone Valid": True,
                "SMS Sent Count": 0,
                "HRQ Reason": "",
                "Booked": False,
                "HRQ Status": "Qualified",
                "Linked Campaign": [campaign_id(n % CAMPAIGNS)],
            },
        }
        for n in range(LEADS)
    ]
    roles = {BASE: "creator", OTHER_BASE: "read"}
    return {
        "bases": [
            {"id": BASE, "name": "Test", "tables": [leads, campaigns, templates, audit, every_cell_table()]},
            {"id": OTHER_BASE, "name": "Other", "tables": []},
        ],
        "tokens": [
            {"token": CREATOR, "user": "usrCreator0000000", "scopes": SCOPES, "bases": roles},
            {"token": EDITOR, "user": "usrEditor00000000", "scopes": SCOPES, "bases": {BASE: "editor"}},
            {"token": READER, "user": "usrReader00000000", "scopes": SCOPES, "bases": {BASE: "read"}},
            {"token": NO_WRITE_SCOPE, "user": "usrCreator0000000", "scopes": [SCOPES[0]], "bases": roles},
            {"token": NO_SCHEMA_SCOPE, "user": "usrCreator0000000", "scopes": SCOPES[:2], "bases": roles},
        ],
    }


@pytest.fixture
def base_path(tmp_path: Path) -> Path:
    path = tmp_path / "base.json"
    path.write_bytes(orjson.dumps(document()))
    return path


@pytest.fixture
def emulator(base_path: Path) -> Iterator[Emulator]:
    """Without rate limit, its clock standing still at NOW."""
    store = Store.load(base_path, clock=Clock(lambda: NOW))
    behaviour = Behaviour(requests_per_second=None, user_requests_per_second=None)
    with running_emulator(store, behaviour) as running:
        yield running


@pytest.fixture
def api(emulator: Emulator) -> Api:
    return Api(CREATOR, endpoint_url=emulator.url, retry_strategy=None)


@pytest.fixture
def leads(api: Api) -> Table:
    return api.table(BASE, "Leads")


@pytest.fixture
def every_cell(api: Api) -> Table:
    return api.table(BASE, "tblEveryCell00000")


Call = Callable[..., requests.Response]


@pytest.fixture
def call(emulator: Emulator) -> Iterator[Call]:
    """Raw HTTP: `call("GET", "Leads?pageSize=1", json={...})`, relative to the base unless the path starts with /."""
    with requests.Session() as session:

        def send(method: str, path: str, *, token: str = CREATOR, **arguments: Any) -> requests.Response:
            address = emulator.url + (path if path.startswith("/") else f"/v0/{BASE}/{path}")
            headers = {"Authorization": f"Bearer {token}", **arguments.pop("headers", {})}
            return session.request(method, address, headers=headers, timeout=10, **arguments)

        yield send


def options_of(api: Api, table: str, field: str) -> Any:
    """A field's options as pyairtable reads them; untyped, as their type depends on the field's."""
    described: Any = api.base(BASE).schema(force=True).table(table).field(field)
    return described.options


def error_of(response: requests.Response) -> tuple[int, str]:
    """Status and error type of a refusal."""
    return response.status_code, response.json()["error"]["type"]
