"""Marts that dbt built from awkward bases, once for all tests of a module."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from pipelines.warehouse import build_marts
from tests.conftest import database_of
from tests.warehouse.histories import awkward_states
from tests.warehouse.writing import write_bases
from uysp.database import Role, open_database
from uysp.settings import Settings

SEED = 11
CLIENTS = (f"acme-{SEED}", f"leap-{SEED}", f"poor-{SEED}")


@pytest.fixture(scope="module")
def warehouse_settings(
    database_url: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    """Settings for a database of three clients whose marts are built."""
    name = f"built_{uuid4().hex}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"create database {name} template {migrated_template}")
        settings = Settings(
            _env_file=None,
            database_url=SecretStr(database_of(database_url, name)),
            uysp_home=tmp_path_factory.mktemp("home"),
        )
        with open_database(settings, Role.PIPELINE) as engine:
            with engine.begin() as writing:
                write_bases(writing, [states[-1] for states in awkward_states(SEED, datetime.now(UTC))])
            built = build_marts(settings, engine)
            assert built.success, built.failures
        yield settings
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture(scope="module")
def warehouse(warehouse_settings: Settings) -> Iterator[Engine]:
    """The bot's engine on that database."""
    with open_database(warehouse_settings, Role.BOT) as engine:
        yield engine
