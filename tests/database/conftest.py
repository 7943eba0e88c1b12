"""Homes of embedded servers, and real processes that use them."""

import fcntl
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

USE = """
import sys
from pathlib import Path
from uysp.embedded import shared_server
with shared_server(Path(sys.argv[1]), durable=False) as url:
    print(url, flush=True)
    sys.stdin.read()
"""


def start_user(home: Path, code: str = USE) -> subprocess.Popen[str]:
    """Start a process that uses the server until its standard input ends; it says the URL when it has the server."""
    return subprocess.Popen(
        [sys.executable, "-c", code, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def url_of(user: subprocess.Popen[str]) -> str:
    assert user.stdout is not None
    return user.stdout.readline().strip()


def end(user: subprocess.Popen[str]) -> None:
    """End a user, if it has not ended yet."""
    user.communicate(timeout=60)


@contextmanager
def using(home: Path) -> Iterator[str]:
    """Use the server in a process of its own; yields the URL."""
    user = start_user(home)
    try:
        yield url_of(user)
    finally:
        end(user)


def wait_until_stopped(home: Path) -> None:
    """Wait for the keeper's end: it ends when it has stopped the server. Then no server process may be left."""
    for name in ("postgres.keeper", "postgres.server"):
        with (home / name).open("r+b") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)


@contextmanager
def new_home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="uysp tests ä "))  # blanks and non-ASCII must work
    folder.chmod(0o755)  # as root, the account that runs Postgres has to pass through
    home = folder / "the home"
    try:
        yield home
        if (home / "postgres.keeper").exists():
            wait_until_stopped(home)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def fresh_home() -> Iterator[Path]:
    """A home without anything in it."""
    with new_home() as home:
        yield home


@pytest.fixture(scope="module")
def made_home() -> Iterator[Path]:
    """A home with a cluster, for all tests of a module."""
    with new_home() as home:
        with using(home):
            pass
        yield home


@pytest.fixture
def home(made_home: Path) -> Path:
    """A home with a cluster whose server does not run."""
    wait_until_stopped(made_home)
    return made_home
