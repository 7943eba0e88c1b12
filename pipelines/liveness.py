"""Which runs are being worked on: a lock file for each run, which the kernel frees however the worker ends.

Dagster's default run launcher cannot say whether a worker lives once the code server that started it is gone, and a
process id may belong to anybody after a restart. Runs, and the schedule that asks, are on the same machine: the
launcher starts workers beside the code server that evaluates the schedule.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def working_on(home: Path, run_id: str) -> Iterator[None]:
    """Show, until the block or the process ends, that this process works on the run."""
    path = _lock_path(home, run_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def is_worked_on(home: Path, run_id: str) -> bool:
    """Return whether a process works on the run; tidies up after one that ended without doing so."""
    path = _lock_path(home, run_id)
    try:
        with path.open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _lock_path(home: Path, run_id: str) -> Path:
    return home / "runs" / run_id
