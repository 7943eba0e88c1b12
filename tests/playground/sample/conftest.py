"""The sample of these tests, and a world in which automations run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from playground.sample.base import generate, write
from tests.playground.sample.sample import AUDIT, LEADS, NOW, SEED, Cells
from tests.playground.sample.world import World, running_world


@pytest.fixture(scope="session")
def document() -> dict[str, Any]:
    return generate(seed=SEED, leads=LEADS, audit=AUDIT, now=NOW)


@pytest.fixture(scope="session")
def tables(document: dict[str, Any]) -> dict[str, Any]:
    return {table["name"]: table for table in document["bases"][0]["tables"]}


@pytest.fixture(scope="session")
def lead_cells(tables: dict[str, Any]) -> list[Cells]:
    return [record["fields"] for record in tables["Leads"]["records"]]


@pytest.fixture(scope="session")
def audit_cells(tables: dict[str, Any]) -> list[Cells]:
    return [record["fields"] for record in tables["SMS_Audit"]["records"]]


@pytest.fixture(scope="session")
def base_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sample") / "base.json"
    with file.open("w", encoding="ascii") as out:
        write(out, seed=5, leads=700, audit=300, now=NOW)
    return file


@pytest.fixture
def world(base_file: Path) -> Iterator[World]:
    with running_world(base_file) as running:
        yield running
