"""A sample base behind a running emulator, looked at past the automations that work on it."""

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from playground.airtable.behaviour import Behaviour
from playground.airtable.clock import Clock
from playground.airtable.server import Emulator, running_emulator
from playground.airtable.store import Store
from playground.sample.automations import Automations
from playground.sample.endpoint import Endpoint
from playground.sample.outside import Outside
from tests.playground.sample.sample import NOW, Cells

UNHURRIED = 10_000.0  # requests a second, where the test is not about the rate


class World:
    """A sample base behind a running emulator, looked at past the automations."""

    def __init__(self, emulator: Emulator, document: dict[str, Any]) -> None:
        self.emulator = emulator
        self.base_id: str = document["bases"][0]["id"]
        self.our_token, self.their_token = (token["token"] for token in document["tokens"])
        self.names = {f["id"]: f["name"] for table in document["bases"][0]["tables"] for f in table["fields"]}
        self.template_keys = {
            (r["fields"]["Campaign"].strip(), r["fields"]["Variant"], r["fields"]["Step"])
            for r in document["bases"][0]["tables"][2]["records"]
        }
        self._headers = {"Authorization": f"Bearer {self.our_token}"}

    def rows(self, table: str) -> dict[str, Cells]:
        found: dict[str, Cells] = {}
        parameters: Cells = {}
        while True:
            page = requests.get(self._address(table), parameters, headers=self._headers, timeout=10).json()
            found |= {record["id"]: record["fields"] for record in page["records"]}
            if "offset" not in page:
                return found
            parameters["offset"] = page["offset"]

    def patch(self, record_id: str, cells: Cells) -> None:
        body = {"records": [{"id": record_id, "fields": cells}]}
        requests.patch(self._address("Leads"), json=body, headers=self._headers, timeout=10).raise_for_status()

    def changes(self) -> list[tuple[str, str, set[str]]]:
        """Table, record id and names of the changed fields of every write to a record that was there."""
        return [
            (
                entry["table"],
                entry["id"],
                {
                    self.names[field]
                    for field in entry["before"].keys() | entry["after"].keys()
                    if entry["before"].get(field) != entry["after"].get(field)
                },
            )
            for entry in self.emulator.writes
            if entry["before"] is not None
        ]

    def outside(self, seed: int = 1, sleep: Callable[[float], None] = lambda _: None, gap: float = 0) -> Outside:
        endpoint = Endpoint(self.emulator.url, self.their_token, self.base_id, requests_per_second=UNHURRIED)
        return Outside(endpoint, random.Random(seed), lambda: NOW, gap, sleep)

    def automations(self, seed: int = 1, **arguments: Any) -> Automations:
        options: Cells = {"gap": 0, "requests_per_second": UNHURRIED, "clock": lambda: NOW} | arguments
        return Automations(self.emulator.url, self.their_token, self.base_id, seed, **options)

    def _address(self, table: str) -> str:
        return f"{self.emulator.url}/v0/{self.base_id}/{table}"


@contextmanager
def running_world(file: Path, behaviour: Behaviour | None = None, port: int = 0) -> Iterator[World]:
    unlimited = Behaviour(requests_per_second=None, user_requests_per_second=None)
    store = Store.load(file, clock=Clock(lambda: NOW))
    with running_emulator(store, behaviour or unlimited, port) as emulator:
        yield World(emulator, json.loads(file.read_text(encoding="ascii")))
