"""Exports: all marts as one DuckDB file, or one mart as Parquet, CSV or a workbook, from one moment of the database.

Belongs here: what is exported, the snapshot it comes from, and how a file takes its place. How a mart becomes rows of a
file is in `files.py`, which marts there are in `catalogue.py`; neither names a mart, so that a new one needs no change.

Rows go from Postgres to DuckDB as Arrow batches, and no more than a few of them are in memory at a time.
"""

import os
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import adbc_driver_manager
import duckdb
from sqlalchemy import Engine, text
from xlsxwriter.exceptions import XlsxWriterException

from uysp.database import MARTS_LOCK, exclusive
from uysp.errors import ConfigurationError
from uysp.export.catalogue import Mart, read_marts
from uysp.export.files import WRITERS, ExportError, Writer
from uysp.export.snapshot import Snapshot, open_snapshot

__all__ = ["ExportError", "Exported", "Mart", "export", "read_marts"]

ALL_MARTS = ".duckdb"
LOOK_SECONDS = 0.5
Progress = Callable[[str, int], None]
# What the system says where a file cannot be written, in whatever DuckDB or a workbook puts around it.
_NO_ROOM = re.compile(r"No space left|quota exceeded|File too large", re.IGNORECASE)
_NO_RIGHT = re.compile(r"Permission denied|not permitted|Read-only file system", re.IGNORECASE)
_NO_FILE = re.compile(r"Cannot open file|Could not write|write failed", re.IGNORECASE)


@dataclass(frozen=True)
class Exported:
    """What of a mart is in the file.

    Attributes:
        rows: how many there are.
        note: what a person has to know, such as that cells were cut; empty if nothing.
    """

    mart: str
    rows: int
    note: str = ""


def export(
    engine: Engine,
    target: Path,
    *,
    mart: str | None = None,
    client: str | None = None,
    progress: Progress | None = None,
    on_wait: Callable[[], None] | None = None,
) -> tuple[Exported, ...]:
    """Write marts to a file, which is replaced at once when all is written, or stays as it was.

    All rows belong together: no build of the marts runs meanwhile (one that runs is waited for), and all marts are
    read in one snapshot of the database.

    Args:
        engine: of `open_database`; `Role.ANALYST` is enough.
        target: its ending says what is written: .duckdb, .parquet, .csv or .xlsx.
        mart: only this mart; left out, all of them in a DuckDB file, else the one that the file is named after.
        client: only this client's rows.
        progress: called now and then with a mart and its rows so far.
        on_wait: called if a build has to end first.

    Raises:
        ConfigurationError: the file cannot be written there, its ending says nothing, or there is no such mart.
        ExportError: the database, the disk or the format's limits ended it.
    """
    target = target.resolve()  # a link's target is replaced, not the link
    write = _writer(target)
    with exclusive(engine, MARTS_LOCK, on_wait), _failures(target):
        chosen = _choose(read_marts(engine), target, mart)
        if client is not None:
            _check_client(engine, chosen, client)
        with _replaced(target) as partial, open_snapshot(engine) as snapshot:
            exported = []
            with write(partial, target.name) as add:
                for each in chosen:
                    with _told(engine, snapshot, each, progress), snapshot.rows(each, client) as rows:
                        exported.append(Exported(each.name, *add(each, rows)))
    return tuple(exported)


def _writer(target: Path) -> Writer:
    if target.suffix.lower() not in WRITERS:
        raise ConfigurationError(
            f"{target.name!r} does not say what to write: end it with {ALL_MARTS} for all marts in one file, or with "
            f"{', '.join(ending for ending in WRITERS if ending != ALL_MARTS)} for one mart. Nothing was written."
        )
    if not target.parent.is_dir():
        raise ConfigurationError(f"There is no folder {target.parent}; make it first. Nothing was written.")
    if target.exists() and not target.is_file():
        raise ConfigurationError(f"{target} is no file, so it cannot be replaced; nothing was written.")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise ConfigurationError(f"The folder {target.parent} cannot be written to; name another. Nothing was written.")
    return WRITERS[target.suffix.lower()]


def _choose(marts: Sequence[Mart], target: Path, name: str | None) -> Sequence[Mart]:
    if not marts:
        raise ConfigurationError("There are no marts yet; run uysp sync first. Nothing was written.")
    if name is None and target.suffix.lower() == ALL_MARTS:
        return marts
    chosen = [each for each in marts if each.name == (name or target.stem)]
    if not chosen:
        names = ", ".join(each.name for each in marts)
        which = f"There is no mart {name!r}" if name else f"{target.name!r} does not say which mart: add --mart"
        raise ConfigurationError(f"{which}; there are: {names}. Nothing was written.")
    return chosen


def _check_client(engine: Engine, marts: Sequence[Mart], client: str) -> None:
    lacking = [mart.name for mart in marts if "client" not in (column.name for column in mart.columns)]
    if lacking:
        raise ConfigurationError(f"{lacking[0]} does not tell clients apart; nothing was written.")
    with engine.connect() as connection:
        known = text("select distinct client from marts.sync_status order by client")
        keys: Sequence[str] = connection.execute(known).scalars().all()
    if client not in keys:
        raise ConfigurationError(
            f"There is nothing of a client {client!r}; there are: {', '.join(keys) or 'none'}. Nothing was written."
        )


@contextmanager
def _replaced(target: Path) -> Iterator[Path]:
    """Yield a path beside the target that takes its place if the block ends well, and is removed if not."""
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        yield partial
        with partial.open("rb+") as written:
            os.fsync(written.fileno())
        partial.replace(target)
    finally:
        for left in (partial, partial.with_name(f"{partial.name}.wal")):
            left.unlink(missing_ok=True)


@contextmanager
def _failures(target: Path) -> Iterator[None]:
    left = f"{target.name} is as it was before" if target.exists() else "nothing was written"
    try:
        yield
    except (duckdb.Error, adbc_driver_manager.Error, XlsxWriterException, OSError) as error:
        said = " ".join(str(error).split("\n\n")[0].split())
        if _NO_ROOM.search(said):
            told = f"There is no room left in {target.parent}, and {left}; make room, or name another folder."
        elif _NO_RIGHT.search(said):
            told = f"The folder {target.parent} cannot be written to, and {left}; name another."
        elif isinstance(error, OSError) or _NO_FILE.search(said):
            told = f"The disk refused to write to {target.parent}, and {left}; try again, or name another folder."
        else:
            told = f"The export ended early, and {left}: {said}"
        raise ExportError(told) from error


@contextmanager
def _told(engine: Engine, snapshot: Snapshot, mart: Mart, progress: Progress | None) -> Iterator[None]:
    """Tell while the block runs how many rows the database has sent, which only the database knows."""
    if progress is None:
        yield
        return
    ended = threading.Event()
    sent = text("select tuples_processed from pg_stat_progress_copy where pid = :pid")

    def look() -> None:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.detach()
            connection.exec_driver_sql("set role none")  # the snapshot's session is the login's, and shown to it alone
            while not ended.wait(LOOK_SECONDS):
                progress(mart.name, connection.execute(sent, {"pid": snapshot.process_id}).scalar() or 0)

    progress(mart.name, 0)
    looking = threading.Thread(target=look, name="export progress", daemon=True)
    looking.start()
    try:
        yield
    finally:
        ended.set()
        looking.join()
