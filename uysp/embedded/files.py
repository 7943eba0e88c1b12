"""Files in UYSP_HOME: locks, and small ones that are nobody else's business."""

import fcntl
import os
import secrets
import time
from pathlib import Path
from typing import IO

from uysp.embedded.keeper import POLL_SECONDS
from uysp.errors import DatabaseError


def lock(path: Path, mode: int, seconds: float) -> IO[bytes]:
    """Lock a file (made if missing) within the time; closing what is returned lets go.

    Raises:
        DatabaseError: somebody else held it all the time.
    """
    file = open_private(path)
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
            time.sleep(POLL_SECONDS)
        else:
            return file


def try_lock(path: Path) -> IO[bytes] | None:
    """Lock a file for us alone if nobody holds it; closing what is returned lets go."""
    file = open_private(path)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def open_private(path: Path) -> IO[bytes]:
    """Open a file for reading and writing that nobody but its owner can open; made if missing."""
    file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b", buffering=0)
    if os.geteuid() == 0:  # root at work in somebody's home must not lock its owner out
        owner = path.parent.stat()
        os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
    return file


def write_private(path: Path, text: str) -> None:
    """Write a small file so that it is there as a whole or not at all, even after a power cut."""
    fresh = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with open_private(fresh) as file:
        file.write(text.encode())
        os.fsync(file.fileno())
    fresh.rename(path)
