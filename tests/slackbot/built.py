"""Marts that dbt built from awkward bases, once for all tests of a module."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine

from tests.conftest import BuiltOf
from tests.warehouse.histories import awkward_states
from tests.warehouse.writing import write_bases
from uysp.database import Role, open_database
from uysp.settings import Settings

SEED = 11
CLIENTS = (f"acme-{SEED}", f"leap-{SEED}", f"poor-{SEED}")


@pytest.fixture(scope="session")
def warehouse_settings(built_of: BuiltOf) -> Settings:
    """Settings for a database of three clients whose marts are built; to be read only."""

    def write(engine: Engine) -> None:
        with engine.begin() as connection:
            write_bases(connection, [states[-1] for states in awkward_states(SEED, datetime.now(UTC))])

    return built_of("awkward", write)


@pytest.fixture(scope="module")
def warehouse(warehouse_settings: Settings) -> Iterator[Engine]:
    """The bot's engine on that database."""
    with open_database(warehouse_settings, Role.BOT) as engine:
        yield engine
