"""Databases whose locale knows no letters but ASCII's: what is computed must not depend on it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from pydantic import SecretStr

from tests.conftest import database_of
from uysp.settings import Settings

OpenCLocale = Callable[[Path], AbstractContextManager[Settings]]


@pytest.fixture(scope="session")
def c_locale_database(database_url: str) -> OpenCLocale:
    """Opens settings for a new, empty database, and a home in the folder given."""

    @contextmanager
    def opened(folder: Path) -> Iterator[Settings]:
        name = f"test_{uuid4().hex}"
        options = "template template0 encoding 'UTF8' locale_provider libc locale 'C'"
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(f"create database {name} {options}")
            url = SecretStr(database_of(database_url, name))
            yield Settings(_env_file=None, database_url=url, uysp_home=folder / "home")
            connection.execute(f"drop database {name} with (force)")

    return opened
