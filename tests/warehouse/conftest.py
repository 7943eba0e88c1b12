"""A database whose locale knows no letters but ASCII's: what is computed must not depend on it."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from pydantic import SecretStr

from tests.conftest import database_of
from uysp.settings import Settings


@pytest.fixture
def c_locale_settings(database_url: str, tmp_path: Path) -> Iterator[Settings]:
    name = f"test_{uuid4().hex}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"create database {name} template template0 encoding 'UTF8' locale_provider libc locale 'C'")
        yield Settings(
            _env_file=None, database_url=SecretStr(database_of(database_url, name)), uysp_home=tmp_path / "home"
        )
        connection.execute(f"drop database {name} with (force)")
