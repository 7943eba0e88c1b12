"""The embedded Postgres: a server of our own under UYSP_HOME, shared by all processes that use this home.

Four lock files in UYSP_HOME, freed by the kernel however a process ends, say who is there:

- `postgres.users`: held shared by every process that uses the server. The keeper (keeper.py) waits to hold it
  alone: then nobody is left, and newcomers wait while it stops the server.
- `postgres.keeper`: held by the keeper while there is one; a user that finds it free starts another.
- `postgres.start`: held by the one process that is creating or starting the server.
- `postgres.server`: held by all processes of the server together, which inherit it. Only who gets it may take a
  pid file for stale, even if the server runs where its processes cannot be seen (another container).

That the server runs is known from a connection that answers, never from a file.
"""

import fcntl
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import IO

from uysp.embedded import keeper
from uysp.embedded.cluster import (
    ATTEMPTS,
    LOGIN,
    SERVER_ENVIRONMENT,
    START_SECONDS,
    Account,
    Place,
    check_version,
    create_cluster,
    find_place,
    programs,
    reason,
    version,
)
from uysp.embedded.files import lock, open_private, try_lock, write_private
from uysp.errors import DatabaseError

HOST = "127.0.0.1"
LARGEST_LOG = 10_000_000
PARAMETERS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "shared_buffers": "256MB",
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
        place = find_place(home)
        users = lock(home / "postgres.users", fcntl.LOCK_SH, START_SECONDS)
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


def _password(place: Place) -> str:
    path = place.home / "postgres.password"
    with suppress(FileNotFoundError):
        return path.read_text()
    with lock(place.home / "postgres.start", fcntl.LOCK_EX, START_SECONDS):
        if not path.exists():
            if place.data.exists():
                raise DatabaseError(
                    f"The password file {path} of the embedded database is gone; restore it, or move "
                    f"{place.data} away to begin with an empty database. Nothing was changed."
                )
            write_private(path, secrets.token_hex(24))
        return path.read_text()


def _unwritable(home: Path, error: OSError) -> DatabaseError:
    return DatabaseError(
        f"The embedded database cannot use UYSP_HOME ({home}): {error.strerror or error}"
        f"{f' ({error.filename})' if error.filename else ''}; make room or give the rights, "
        "or set UYSP_HOME to another folder."
    )


def _answering_port(place: Place, password: str) -> int | None:
    """Return the port on which our server answers to our password, None if it does not run (yet)."""
    import psycopg  # not above: costs time and memory that not every importer needs

    try:
        port = int((place.data / "postmaster.pid").read_text().splitlines()[3])
        psycopg.connect(
            host=HOST,
            port=port,
            user=LOGIN,
            password=password,
            dbname=LOGIN,
            connect_timeout=5,
            sslmode="disable",
            require_auth="scram-sha-256",  # a stranger on this port must not be told the password
        ).close()
    except (psycopg.OperationalError, OSError, IndexError, ValueError):
        return None
    return port


def _start(place: Place, password: str, *, durable: bool) -> int:
    """Start the server, or wait for one that somebody has begun to start; returns its port."""
    with lock(place.home / "postgres.start", fcntl.LOCK_EX, START_SECONDS):
        if port := _answering_port(place, password):
            return port
        binaries = programs(place)
        if place.data.exists():
            check_version(place, version(binaries, place.account))
        else:
            create_cluster(place, binaries, password, durable=durable)
        return _launch_until_it_answers(place, binaries, password, durable=durable)


def _launch_until_it_answers(place: Place, binaries: Path, password: str, *, durable: bool) -> int:
    deadline = time.monotonic() + START_SECONDS
    if place.log.exists() and place.log.stat().st_size > LARGEST_LOG:
        place.log.replace(place.log.with_suffix(".log.1"))
    log_begins = place.log.stat().st_size if place.log.exists() else 0
    process: subprocess.Popen[bytes] | None = None
    attempts = 0
    while time.monotonic() < deadline:
        if port := _answering_port(place, password):
            return port
        postmasters, leftovers = keeper.server_processes(place.data)
        if not postmasters and (process is None or process.poll() is not None):
            keeper.signal_all(leftovers, signal.SIGKILL)  # of a postmaster that was killed
            if held := try_lock(place.home / "postgres.server"):
                with held:
                    if attempts == ATTEMPTS:
                        said = reason(place.log.read_bytes()[log_begins:].decode(errors="replace"))
                        raise DatabaseError(f"The embedded database does not start: {said}; see {place.log}.")
                    attempts += 1
                    (place.data / "postmaster.pid").unlink(missing_ok=True)
                    process = _launch(place, binaries, held, durable=durable)
        time.sleep(keeper.POLL_SECONDS)
    if attempts == 0 and not keeper.server_processes(place.data)[0]:
        raise DatabaseError(
            f"The embedded database in {place.data} is in use by a server that cannot be reached from here "
            "(another container?); stop that, or set UYSP_HOME to another folder. Nothing was changed."
        )
    raise DatabaseError(
        f"The embedded database did not start within {START_SECONDS} s; see {place.log}, and try again."
    )


def _launch(place: Place, binaries: Path, server_lock: IO[bytes], *, durable: bool) -> subprocess.Popen[bytes]:
    port = _free_port(place.home / "postgres.port")
    parameters = PARAMETERS | {"port": str(port)} | ({} if durable else {"fsync": "off"})
    options = [part for name, value in parameters.items() for part in ("-c", f"{name}={value}")]
    with open_private(place.log) as log:
        log.seek(0, os.SEEK_END)
        arguments = [str(binaries / "postgres"), "-D", str(place.data), *options]
        return _detached(arguments, server_lock, log, place.account)


def _ensure_keeper(place: Place) -> None:
    if held := try_lock(place.home / "postgres.keeper"):
        with held:
            arguments = [sys.executable, "-I", "-S", keeper.__file__]
            arguments += [str(place.home / "postgres.users"), str(place.data), str(held.fileno())]
            _detached(arguments, held, None, None)


def _detached(
    arguments: list[str], inherited: IO[bytes], output: IO[bytes] | None, account: Account | None
) -> subprocess.Popen[bytes]:
    """Start a process that outlives us, has a session of its own (no Ctrl-C), and inherits one lock."""
    process = subprocess.Popen(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=output or subprocess.DEVNULL,
        stderr=output or subprocess.DEVNULL,
        pass_fds=(inherited.fileno(),),
        cwd="/",
        env=SERVER_ENVIRONMENT,
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
        write_private(remembered, str(port))
    return port
