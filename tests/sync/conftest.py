"""A small sample base behind the Airtable emulator, and a client of ours that reads it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from playground.airtable.behaviour import Behaviour
from playground.airtable.server import Emulator, running_emulator
from playground.airtable.store import Store
from playground.sample.base import write
from uysp.airtable.client import Gateway
from uysp.airtable.limiter import Limiter
from uysp.cycle import TableOutcome
from uysp.settings import Client, Settings
from uysp.sweeps import sweep_client
from uysp.sync import sync_client

LEADS = 250  # three pages


@pytest.fixture(scope="session")
def base_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "base.json"
    with path.open("w") as out:
        write(out, seed=7, leads=LEADS, audit=420, now=datetime(2026, 11, 1, tzinfo=UTC))
    return path


@pytest.fixture
def emulator(base_file: Path) -> Iterator[Emulator]:
    behaviour = Behaviour(requests_per_second=None, user_requests_per_second=None)
    with running_emulator(Store.load(base_file), behaviour) as emulator:
        yield emulator


@dataclass
class Reader:
    """Syncs one client from the emulator.

    Attributes:
        slept: the seconds that its limiter would have waited.
        pause: called with them instead.
    """

    engine: Engine
    settings: Settings
    client: Client
    slept: list[float]
    pause: Callable[[float], None] | None = None

    @property
    def pace(self) -> Limiter:
        return Limiter(rate=1e6, pause=self.pause or self.slept.append)

    @property
    def gateway(self) -> Gateway:
        return Gateway(self.client, self.pace, str(self.settings.airtable_endpoint_url))

    def sync(self, **options: Any) -> dict[str, TableOutcome]:
        """One cycle; `options` are those of `sync_client`."""
        outcomes = sync_client(self.engine, self.settings, self.client, pace=self.pace, **options)
        return {outcome.source_table: outcome for outcome in outcomes}

    def sweep(self) -> dict[str, TableOutcome]:
        outcomes = sweep_client(self.engine, self.settings, self.client, force=True, pace=self.pace)
        return {outcome.source_table: outcome for outcome in outcomes}

    def named(self, **changes: object) -> "Reader":
        return replace(self, client=replace(self.client, **changes))  # type: ignore[arg-type]  # fields of Client


@pytest.fixture
def reader(engine: Engine, settings: Settings, emulator: Emulator) -> Reader:
    (base_id,) = emulator.store.bases
    assert emulator.store.tokens is not None
    token = next(iter(emulator.store.tokens))
    settings = settings.model_copy(update={"airtable_endpoint_url": emulator.url})
    return Reader(engine, settings, Client("uysp", "uysp", base_id, SecretStr(token)), [])
