"""How a table of one client is read and loaded, in one transaction: whole, or what changed of it.

The caller has looked at the base before (`uysp.sync`); here it is decided what has to be read, and what its absence
means.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection, Engine, text

from uysp.airtable.client import Gateway
from uysp.airtable.fields import SourceTable, option_names
from uysp.airtable.limiter import Kind
from uysp.airtable.model import Record
from uysp.airtable.ranges import all_pages
from uysp.capture import mark
from uysp.deletions import alarm, believable, held, release_found, remember_confirmed, room
from uysp.raw import LoadResult, Staged, begin_staging, load_staged, missing_ids, stage, staged_among
from uysp.settings import AIRTABLE_SHARED_RATE, Client, Settings

log = logging.getLogger(__name__)

BURST_SHARE = 0.2  # of a table: from there on it is read whole
SMALL = 500  # records, five calls: never a burst
SMALL_ANYWAY = 1000  # records, ten calls
OVERLAP = timedelta(minutes=2)  # modification times are whole seconds, and listings may lag behind
QUICK_RECORDS = 300  # that a quick look reads

Progress = Callable[[str, int], None]


@dataclass(frozen=True)
class TableOutcome:
    """What one cycle did with one table of one client: records, API calls, seconds, and what went wrong.

    Attributes:
        error: why the table could not be read; what was loaded before stays.
        alarm: deletions that wait for a person; the rest is loaded.
        left: a quick look found more to do than it may; a whole cycle does it.
        warnings: what a person should know, a sentence each.
    """

    client: str
    source_table: str
    read: int = 0
    created: int = 0
    updated: int = 0
    deleted: int = 0
    restored: int = 0
    calls: int = 0
    seconds: float = 0.0
    error: str | None = None
    alarm: str | None = None
    left: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def changed(self) -> int:
        """Records that differ from what was there, deletions apart."""
        return self.created + self.updated + self.restored


@dataclass
class Cycle:
    """One cycle: its base, and what was asked for.

    Attributes:
        since: Airtable's time from which on changes have to be looked for by modification time; None: all are known.
        tables: as the registry has them now.
        news: by table, what is to be told once, because the schema was read that brought it about.
    """

    engine: Engine
    settings: Settings
    gateway: Gateway
    full: bool = False
    fast: bool = False
    accept_deletions: bool = False
    quick: bool = False
    progress: Progress | None = None
    since: datetime | None = None
    tables: dict[str, SourceTable] = field(default_factory=dict)
    schema_is_fresh: bool = False
    news: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def client(self) -> Client:
        """Whose base it is."""
        return self.gateway.client

    @property
    def rate(self) -> float:
        """Requests a second that this cycle may send."""
        rate = self.settings.uysp_airtable_rate
        return max(rate, AIRTABLE_SHARED_RATE) if self.fast else rate


@dataclass(frozen=True)
class Begun:
    """When work on a table began, and how many calls had been made by then."""

    at: float
    calls: int

    @classmethod
    def now(cls, cycle: Cycle) -> "Begun":
        """Return the present moment of a cycle."""
        return cls(time.monotonic(), cycle.gateway.calls)


def outcome_of(
    cycle: Cycle, source_table: str, begun: Begun, result: LoadResult, warnings: tuple[str, ...] = ()
) -> TableOutcome:
    """Return what became of a table that was loaded, with the alarm that stands since."""
    with cycle.engine.connect() as connection:
        alarms = alarm(connection, cycle.client.key, [source_table])
    return TableOutcome(
        client=cycle.client.key,
        source_table=source_table,
        read=result.read,
        created=result.created,
        updated=result.updated,
        deleted=result.deleted,
        restored=result.restored,
        calls=cycle.gateway.calls - begun.calls,
        seconds=time.monotonic() - begun.at,
        alarm=alarms.get(source_table),
        warnings=warnings,
    )


class SchemaMovedError(Exception):
    """A record has a field or an option that the schema did not have when it was last read."""


class TooMuchError(Exception):
    """More than a quick look may read."""


@dataclass(frozen=True)
class _Waiting:
    """What is known of a table to be done, besides what modification times tell."""

    is_first: bool
    whole_read_due: str | None
    dirty: int


def load_table(connection: Connection, cycle: Cycle, source: SourceTable) -> LoadResult:
    """Read what has to be read of a table and load it; call in a transaction of its own.

    Raises:
        AirtableError, IteratorExpiredError: it could not be read; the transaction is to be rolled back.
        SchemaMovedError: the schema has to be read first.
        TooMuchError: a quick cycle leaves this table alone.
    """
    waiting = _waiting(connection, source)
    why = "asked for" if cycle.full else _whole_read_reason(connection, cycle, source, waiting)
    if why is None:
        return _load_changed(connection, cycle, source, waiting.dirty)
    if cycle.quick:
        raise TooMuchError
    log.info("reading %s of client %s whole: %s", source.source_table, source.client, why)
    return _load_whole(connection, cycle, source)


def counted(cycle: Cycle, source: SourceTable, pages: Iterator[list[Record]]) -> Iterator[list[Record]]:
    """Pass pages on, and tell whoever follows the progress."""
    read = 0
    for page in pages:
        yield page
        read += len(page)
        if cycle.progress is not None:
            cycle.progress(source.source_table, read)


def load_and_release(
    connection: Connection, cycle: Cycle, source: SourceTable, staged: Staged, missing: list[str]
) -> LoadResult:
    """Load what is staged and delete what is missing, as far as so many deletions can be believed."""
    gone = believable(connection, source, missing, accept=cycle.accept_deletions)
    result = load_staged(connection, source, staged, gone)
    if cycle.accept_deletions and result.deleted:
        remember_confirmed(connection, source)
    release_found(connection, source)
    mark(connection, source.client, source.source_table, result.overtaken)
    return result


def _waiting(connection: Connection, source: SourceTable) -> _Waiting:
    row = connection.execute(
        text("""
            select
                not exists (
                    select from raw.loads where client = :client and source_table = :source_table
                ) as is_first,
                (
                    select whole_read_due from app.airtable_tables
                    where client = :client and source_table = :source_table
                ) as whole_read_due,
                (
                    select count(*) from app.airtable_dirty where client = :client and source_table = :source_table
                ) as dirty
        """),
        {"client": source.client, "source_table": source.source_table},
    ).one()
    return _Waiting(row.is_first, row.whole_read_due, row.dirty)


def _whole_read_reason(connection: Connection, cycle: Cycle, source: SourceTable, waiting: _Waiting) -> str | None:
    if waiting.is_first:
        return "it never was"
    if waiting.dirty > SMALL:
        present = room(connection, source).present
        if waiting.dirty > BURST_SHARE * present:
            return f"{waiting.dirty:,} of {present:,} records changed"
    if waiting.whole_read_due is None and cycle.since is not None and not cycle.quick:
        # Modification times tell of no deletion; where that is cheap, nobody has to wait for the nightly sweep.
        return "it is small, and there is no webhook" if room(connection, source).present <= SMALL_ANYWAY else None
    return waiting.whole_read_due


def _load_whole(connection: Connection, cycle: Cycle, source: SourceTable) -> LoadResult:
    staged = begin_staging(connection)
    kind = Kind.SWEEP if cycle.full else Kind.REREAD
    pages = all_pages(cycle.gateway, source.table.id, cycle.rate, kind)
    stage(connection, source, staged, counted(cycle, source, pages))
    _stop_at_unknown(cycle, staged)
    missing = missing_ids(connection, source)
    if missing and (cycle.accept_deletions or room(connection, source).has_space_for(len(missing))):
        # The second look; more than can be believed anyway are not asked for.
        stage(connection, source, staged, cycle.gateway.by_ids(source.table.id, missing))
        found = staged_among(connection, missing)
        missing = [record_id for record_id in missing if record_id not in found]
    key = {"client": source.client, "source_table": source.source_table, "read_from": staged.read_from}
    connection.execute(
        text("""
            delete from app.airtable_dirty
            where client = :client and source_table = :source_table and marked_at < :read_from
        """),
        key,
    )
    connection.execute(
        text("""
            insert into app.airtable_tables (client, source_table, read_at)
            values (:client, :source_table, clock_timestamp())
            on conflict (client, source_table) do update set read_at = excluded.read_at, whole_read_due = null
        """),
        key,
    )
    return load_and_release(connection, cycle, source, staged, missing)


def _load_changed(connection: Connection, cycle: Cycle, source: SourceTable, dirty: int) -> LoadResult:
    if cycle.quick and dirty > QUICK_RECORDS:
        raise TooMuchError
    key = {"client": source.client, "source_table": source.source_table}
    marks = {
        row.record_id: row
        for row in connection.execute(
            text("""
                select record_id, is_destroyed, misses from app.airtable_dirty
                where client = :client and source_table = :source_table order by record_id
            """),
            key,
        )
    }
    waiting_for_person = held(connection, source.client, source.source_table) if cycle.accept_deletions else ()
    asked = sorted({*marks, *waiting_for_person})
    if not asked and cycle.since is None:
        return LoadResult()
    staged = begin_staging(connection)
    options = None if cycle.schema_is_fresh else option_names(source)
    stage(connection, source, staged, counted(cycle, source, cycle.gateway.by_ids(source.table.id, asked)), options)
    found = staged_among(connection, asked)
    if cycle.since is not None:
        stage(connection, source, staged, _modified(cycle, source, cycle.since), options)
    _stop_at_unknown(cycle, staged)
    # What is found after it was named destroyed, or not found though nobody said so, is asked for once more.
    doubtful = [
        record_id
        for record_id, each in marks.items()
        if each.misses == 0 and each.is_destroyed == (record_id in found) and record_id not in waiting_for_person
    ]
    missing = [record_id for record_id in asked if record_id not in found and record_id not in doubtful]
    connection.execute(
        text("""
            delete from app.airtable_dirty
            where client = :client and source_table = :source_table and marked_at < :read_from
              and record_id = any(:asked) and not record_id = any(:doubtful)
        """),
        key | {"read_from": staged.read_from, "asked": asked, "doubtful": doubtful},
    )
    connection.execute(
        text("""
            update app.airtable_dirty set misses = misses + 1
            where client = :client and source_table = :source_table and record_id = any(:doubtful)
        """),
        key | {"doubtful": doubtful},
    )
    return load_and_release(connection, cycle, source, staged, missing)


def _modified(cycle: Cycle, source: SourceTable, since: datetime) -> Iterator[list[Record]]:
    """Yield the records that people changed since then, by Airtable's own times."""
    moment = f"{(since - OVERLAP).astimezone(UTC):%Y-%m-%dT%H:%M:%S.000Z}"
    after = f"DATETIME_PARSE('{moment}')"
    formula = f"OR(IS_AFTER(LAST_MODIFIED_TIME(),{after}),IS_AFTER(CREATED_TIME(),{after}))"
    read = 0
    for page in cycle.gateway.pages(source.table.id, formula=formula, kind=Kind.POLL):
        yield page
        read += len(page)
        if cycle.quick and read > QUICK_RECORDS:
            raise TooMuchError


def _stop_at_unknown(cycle: Cycle, staged: Staged) -> None:
    """Stop if records hold what the registry does not know; once the schema was read, they are newer than it."""
    if not cycle.schema_is_fresh and (staged.unknown_fields or staged.unknown_options):
        raise SchemaMovedError
