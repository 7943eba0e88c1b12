"""One embedded Postgres for the whole run, a database for each test that asks for it, a clean environment."""

import fcntl
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
import sqlalchemy
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from pipelines.warehouse import build_marts, prepare_manifest, run_dbt
from tests import reuse
from uysp.database import Role, open_database
from uysp.embedded import shared_server
from uysp.settings import Settings, set_environment

# Files of a minute and more, begun first and in this order, so that no worker is left alone with one at the end.
LONGEST = (
    *("test_state_machine.py", "test_erasing.py", "test_marts.py", "test_looks.py", "test_cli.py"),
    *("test_incremental.py", "test_schedules.py", "test_supervisor.py", "test_dbt_project.py"),
    *("test_sample_base.py", "test_metrics.py"),
)

# Files in memory: a run makes and drops databases of a thousand files each by the hundred.
MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 8 * 2**30  # bytes

# One name for the database of every test: what dbt has read of its project holds for one database only.
TEST_DATABASE = "test"
BuiltOf = Callable[[str, Callable[[sqlalchemy.Engine], None]], Settings]


def pytest_configure() -> None:
    """Set right what we, the workers and whatever tests start would inherit from whoever runs the tests."""
    # Programs in the background of a shell ignore SIGINT, which is how tests end servers.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # A program that may not keep what it compiles spends seconds on that at every start, and tests start hundreds.
    sys.dont_write_bytecode = False
    set_environment({"PYTHONDONTWRITEBYTECODE": ""})
    if is_roomy(MEMORY):
        set_environment({"TMPDIR": str(MEMORY)})
        tempfile.tempdir = None  # it is asked for anew


def is_roomy(folder: Path) -> bool:
    """Return whether the files of all tests have their place there."""
    if not os.access(folder, os.W_OK | os.X_OK):
        return False
    return shutil.disk_usage(folder).free > MEMORY_NEEDED and not os.statvfs(folder).f_flag & os.ST_NOEXEC


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of whoever runs the tests out of them."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="session")
def database_url() -> Iterator[str]:
    """A fresh cluster for all tests: the URL of its login (a superuser) and of an empty database."""
    folder = Path(tempfile.mkdtemp(prefix="uysp-tests-"))
    folder.chmod(0o755)  # as root, the account that runs Postgres has to pass through
    try:
        with shared_server(folder / "home", durable=False) as url:
            yield url
        with (folder / "home" / "postgres.keeper").open("r+b") as keeper:
            fcntl.flock(keeper, fcntl.LOCK_EX)  # the keeper has stopped the server and ended
    finally:
        shutil.rmtree(folder)


def database_of(url: str, name: str) -> str:
    """Return the URL of another database of the same cluster."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def migrated_template(database_url: str) -> str:
    """The name of a migrated database to copy."""
    name = "migrated_template"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"create database {name}")
    settings = Settings(_env_file=None, database_url=SecretStr(database_of(database_url, name)))
    with open_database(settings, Role.PIPELINE):
        pass
    return name


@dataclass(frozen=True)
class Template:
    """What a test's database is a copy of, and what dbt has read of its project (without it, that takes 10 s)."""

    database: str
    dbt: Path | None = None


@pytest.fixture(scope="session")
def dbt_read(database_url: str, migrated_template: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What dbt has read of its project, for the tests' database."""
    home = tmp_path_factory.mktemp("read") / "home"
    with (
        new_settings(database_url, Template(migrated_template), home.parent) as settings,
        open_database(settings, Role.PIPELINE) as engine,
    ):
        assert run_dbt(["parse"], settings, engine, home / "dbt" / "target").success
    return home / "dbt"


@pytest.fixture(scope="session")
def built_of(
    database_url: str, migrated_template: str, dbt_read: Path, tmp_path_factory: pytest.TempPathFactory
) -> BuiltOf:
    """What builds the marts of what a function writes, in a database of its own name, and returns its settings."""

    def build(name: str, write: Callable[[sqlalchemy.Engine], None]) -> Settings:
        folder = tmp_path_factory.mktemp(name)
        with (
            named_settings(database_url, Template(migrated_template, dbt_read), folder, name) as settings,
            open_database(settings, Role.PIPELINE) as engine,
        ):
            write(engine)
            built = build_marts(settings, engine)
            assert built.success, built.failures
        return settings.model_copy(update={"database_url": SecretStr(database_of(database_url, name))})

    return build


@pytest.fixture(scope="session")
def built_template(built_of: BuiltOf) -> Template:
    """A database in which the marts were built of nothing, so that a build costs what a cycle costs."""
    name = "built_template"
    settings = built_of(name, lambda _engine: None)
    prepare_manifest(settings)
    return Template(name, settings.uysp_home / "dbt")


@pytest.fixture
def template(migrated_template: str) -> Template:
    """What the database of `settings` is a copy of; tests that build marts, but not for the first time, override it."""
    return Template(migrated_template)


@dataclass(frozen=True)
class Kept:
    """The database of an earlier test, as good as a new copy of this one."""

    database: str
    fresh: reuse.Fresh


_kept: dict[str, Kept] = {}  # by cluster


@contextmanager
def new_settings(database_url: str, template: Template, folder: Path) -> Iterator[Settings]:
    """Settings for a database that is a copy of another, and a home in a folder."""
    home = folder / "home"
    if template.dbt is not None:
        shutil.copytree(template.dbt, home / "dbt")
    url = database_of(database_url, TEST_DATABASE)
    kept = _kept.pop(database_url, None)
    if kept is None or kept.database != template.database:
        create_database(database_url, template.database)
        kept = Kept(template.database, reuse.look_at(url))
    yield Settings(_env_file=None, database_url=SecretStr(url), uysp_home=home)
    renewed = reuse.renew(url, kept.fresh)
    if renewed:
        _kept[database_url] = Kept(template.database, renewed)


@contextmanager
def named_settings(database_url: str, template: Template, folder: Path, name: str) -> Iterator[Settings]:
    """Settings as `new_settings` has them, for a database that afterwards gets another name and stays."""
    home = folder / "home"
    if template.dbt is not None:
        shutil.copytree(template.dbt, home / "dbt")
    create_database(database_url, template.database)
    url = database_of(database_url, TEST_DATABASE)
    yield Settings(_env_file=None, database_url=SecretStr(url), uysp_home=home)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"alter database {TEST_DATABASE} rename to {name}")


def create_database(database_url: str, template: str) -> None:
    """Make the tests' database a new copy of a template, whatever was there."""
    _kept.pop(database_url, None)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"drop database if exists {TEST_DATABASE} with (force)")
        connection.execute(f"create database {TEST_DATABASE} template {template}")


@pytest.fixture
def settings(database_url: str, template: Template, tmp_path: Path) -> Iterator[Settings]:
    """Settings for a new, migrated database, and a home in a temporary folder."""
    with new_settings(database_url, template, tmp_path) as settings:
        yield settings


@pytest.fixture
def engine(settings: Settings) -> Iterator[sqlalchemy.Engine]:
    """An engine of the pipeline on the database of `settings`."""
    with open_database(settings, Role.PIPELINE) as engine:
        yield engine
