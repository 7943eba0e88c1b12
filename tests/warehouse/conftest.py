"""Databases for the marts: one of an awkward locale, one with the marts over a small sample base."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import Engine

from playground.sample.loading import live, load_sample
from tests.conftest import BuiltOf, Template, database_of
from uysp.settings import Settings

SAMPLE_LEADS = 800
OpenCLocale = Callable[[Path], AbstractContextManager[Settings]]


@pytest.fixture(scope="session")
def c_locale_database(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> OpenCLocale:
    """Opens settings for a new, empty database, and a home in the folder given, in which dbt keeps what it has read."""
    name = "c_locale"
    read = tmp_path_factory.mktemp("c_locale") / "dbt"

    @contextmanager
    def opened(folder: Path) -> Iterator[Settings]:
        home = folder / "home"
        if read.exists() and not home.exists():
            shutil.copytree(read, home / "dbt")
        options = "template template0 encoding 'UTF8' locale_provider libc locale 'C'"
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(f"create database {name} {options}")
            url = SecretStr(database_of(database_url, name))
            yield Settings(_env_file=None, database_url=url, uysp_home=home)
            connection.execute(f"drop database {name} with (force)")
        if not read.exists() and (home / "dbt").exists():
            shutil.copytree(home / "dbt", read)

    return opened


@pytest.fixture
def template(migrated_template: str, dbt_read: Path) -> Template:
    """No marts yet; dbt has read its project."""
    return Template(migrated_template, dbt_read)


@pytest.fixture(scope="session")
def sample_settings(built_of: BuiltOf) -> Settings:
    """The marts over a sample base that was loaded and has changed twice since; to be read only."""

    def write(engine: Engine) -> None:
        sources = load_sample(engine, "acme", leads=SAMPLE_LEADS, audit=3 * SAMPLE_LEADS)
        for seed in range(2):
            live(engine, sources, leads=SAMPLE_LEADS // 5, seed=seed)

    return built_of("sample", write)
