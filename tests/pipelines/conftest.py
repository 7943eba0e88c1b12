"""The code location, and a small sample base behind the Airtable emulator for it to read."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from playground.airtable.behaviour import Behaviour
from playground.airtable.server import Emulator, running_emulator
from playground.airtable.store import Store
from playground.sample.base import write
from tests.conftest import Template
from uysp.settings import Settings

LEADS, AUDIT = 150, 200


@pytest.fixture
def template(built_template: Template) -> Template:
    """Marts that were built before."""
    return built_template


@pytest.fixture(scope="session")
def pipeline_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home in which the code location is loaded; empty before."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def definitions(pipeline_home: Path) -> dg.Definitions:
    """What the code location loads with nothing configured, from a home without a manifest."""
    with pytest.MonkeyPatch.context() as patch:
        for name in Settings.model_fields:
            patch.delenv(name.upper(), raising=False)
        patch.setenv("UYSP_HOME", str(pipeline_home))
        from pipelines.definitions import definitions
    return definitions


@pytest.fixture
def manifest(pipeline_home: Path, definitions: dg.Definitions) -> Path:
    """What dbt made of its project when the definitions were loaded."""
    return pipeline_home / "dbt" / "manifest.json"


@pytest.fixture(scope="session")
def base_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sample") / "base.json"
    with path.open("w") as out:
        write(out, seed=11, leads=LEADS, audit=AUDIT, now=datetime(2026, 11, 1, tzinfo=UTC))
    return path


@pytest.fixture
def emulator(base_file: Path) -> Iterator[Emulator]:
    behaviour = Behaviour(requests_per_second=None, user_requests_per_second=None)
    with running_emulator(Store.load(base_file), behaviour) as emulator:
        yield emulator


@pytest.fixture
def configured(monkeypatch: pytest.MonkeyPatch, settings: Settings, emulator: Emulator) -> dict[str, str]:
    """The environment of a working installation: the test's database, and the emulated base; returns its variables."""
    assert settings.database_url is not None
    assert emulator.store.tokens is not None
    variables = {
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "UYSP_HOME": str(settings.uysp_home),
        "AIRTABLE_ENDPOINT_URL": emulator.url,
        "UYSP_AIRTABLE_RATE": "1000",
        "AIRTABLE_API_KEY": next(iter(emulator.store.tokens)),
        "AIRTABLE_BASE_ID": next(iter(emulator.store.bases)),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables
