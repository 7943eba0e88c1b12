"""A world for each test; database and emulator are made once for each module."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from playground.airtable.server import Emulator, running_emulator
from playground.airtable.store import Store
from tests.actions.world import Make, World, empty, make_world, unlimited
from tests.conftest import database_of
from uysp.database import Role, open_database
from uysp.settings import Settings


@pytest.fixture(scope="module")
def shared_settings(
    database_url: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Settings]:
    name = f"test_{uuid4().hex}"
    home: Path = tmp_path_factory.mktemp("home")
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"create database {name} template {migrated_template}")
        yield Settings(_env_file=None, database_url=SecretStr(database_of(database_url, name)), uysp_home=home)
        connection.execute(f"drop database {name} with (force)")


@pytest.fixture(scope="module")
def shared_engine(shared_settings: Settings) -> Iterator[Engine]:
    with open_database(shared_settings, Role.PIPELINE) as engine:
        yield engine


@pytest.fixture(scope="module")
def shared_emulator() -> Iterator[Emulator]:
    with running_emulator(Store({}), unlimited()) as emulator:
        yield emulator


@pytest.fixture
def make(shared_engine: Engine, shared_settings: Settings, shared_emulator: Emulator) -> Make:
    empty(shared_engine, shared_emulator)
    return lambda **options: make_world(shared_engine, shared_settings, shared_emulator, **options)


@pytest.fixture
def world(make: Make) -> World:
    return make()
