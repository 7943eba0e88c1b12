"""Marts that dbt built from awkward bases, once for all tests of a module."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from pipelines.warehouse import build_marts
from tests.conftest import Template, database_of, named_settings
from tests.warehouse.histories import awkward_states
from tests.warehouse.writing import write_bases
from uysp.database import Role, open_database
from uysp.settings import Settings

SEED = 11
CLIENTS = (f"acme-{SEED}", f"leap-{SEED}", f"poor-{SEED}")


@pytest.fixture(scope="session")
def warehouse_settings(
    database_url: str, migrated_template: str, dbt_read: Path, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    """Settings for a database of three clients whose marts are built; to be read only."""
    name = "awkward"
    folder = tmp_path_factory.mktemp("awkward")
    with (
        named_settings(database_url, Template(migrated_template, dbt_read), folder, name) as settings,
        open_database(settings, Role.PIPELINE) as engine,
    ):
        with engine.begin() as writing:
            write_bases(writing, [states[-1] for states in awkward_states(SEED, datetime.now(UTC))])
        built = build_marts(settings, engine)
        assert built.success, built.failures
    return settings.model_copy(update={"database_url": SecretStr(database_of(database_url, name))})


@pytest.fixture(scope="module")
def warehouse(warehouse_settings: Settings) -> Iterator[Engine]:
    """The bot's engine on that database."""
    with open_database(warehouse_settings, Role.BOT) as engine:
        yield engine
