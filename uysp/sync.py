"""One cycle for one client: a look at what changed, then each table loaded; what failed is remembered and told.

Usually a cycle reads the records that Airtable named as changed (`uysp.capture`), a hundred a call, and nothing else.
A table is read whole when it never was, when so much of it changed that this is cheaper, when its fields changed, or
when changes may have been missed. Without a usable hook, records are found by their modification time.
"""

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, text

from uysp.airtable.client import Gateway, IteratorExpiredError
from uysp.airtable.drift import record_changes, schema_changes
from uysp.airtable.fields import (
    TABLES,
    find_tables,
    known_tables,
    mark_deleted_tables,
    missing_requirements,
    record_registry,
)
from uysp.airtable.limiter import Pace, shared_limiter
from uysp.capture import Look, look, mark_whole, remember_look, remember_schema
from uysp.cycle import Begun, Cycle, Progress, SchemaMovedError, TableOutcome, TooMuchError, load_table, outcome_of
from uysp.database import exclusive
from uysp.errors import AirtableError
from uysp.raw import SETTLE_TIME, LoadResult
from uysp.settings import Client, Settings
from uysp.sweeps import sweep_tables

log = logging.getLogger(__name__)

READS_OF_A_TABLE = 3  # a listing that expires, or a schema that moves, is begun anew, so often
QUICK_PAGES = 10  # of payloads that a quick look reads
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class UnusableBaseError(AirtableError):
    """The base lacks what no number is right without; nothing was loaded."""


def sync_client(
    engine: Engine,
    settings: Settings,
    client: Client,
    *,
    full: bool = False,
    sweep: bool = False,
    accept_deletions: bool = False,
    fast: bool = False,
    quick: bool = False,
    progress: Progress | None = None,
    pace: Pace | None = None,
    on_wait: Callable[[], None] | None = None,
) -> list[TableOutcome]:
    """Load what changed in a client's base; one cycle of a client at a time, across processes.

    A table that fails keeps what was loaded before and does not keep the others from being loaded; its error stands
    in its outcome and in `raw.sync_state`.

    Args:
        engine: as the role that owns raw.
        settings: for the pace and the endpoint.
        client: whose base.
        full: read every record of every table.
        sweep: look for missed deletions, additions and drift (`uysp.sweeps`).
        accept_deletions: believe what is held back.
        fast: take the base's whole rate.
        quick: at most some seconds of work; what is more is left to a whole cycle.
        progress: told the source table and the records read so far, after every page.
        pace: default: the one shared by all processes.
        on_wait: called once if another cycle of this client has to end first.

    Returns:
        An outcome for each of the four tables.

    Raises:
        BusyError: with `quick`, another cycle of this client is running.
    """
    pace = pace or shared_limiter(engine, settings, client, fast=fast)
    gateway = Gateway(client, pace, settings.airtable_url)
    cycle = Cycle(
        engine,
        settings,
        gateway,
        full=full,
        fast=fast,
        accept_deletions=accept_deletions,
        quick=quick,
        progress=progress,
    )
    with exclusive(engine, f"sync {client.key}", on_wait=on_wait, wait=not quick):
        with engine.connect() as connection:
            foreign = _loaded_from_another_base(connection, client)
        if foreign:
            return [TableOutcome(client.key, source_table, error=foreign) for source_table in TABLES]
        with engine.begin() as connection:
            _record_client(connection, settings, client)
        try:
            seen, now = _prepare(cycle)
        except AirtableError as error:
            return [_failed(cycle, source_table, str(error)) for source_table in TABLES]
        outcomes = [_sync_table(cycle, source_table) for source_table in TABLES]
        if seen.more:
            outcomes = [replace(outcome, left=True) for outcome in outcomes]
        elif seen.by_hook or not any(outcome.error or outcome.left for outcome in outcomes):
            with engine.begin() as connection:
                remember_look(connection, client.key, now)
        outcomes[0] = replace(outcomes[0], warnings=(*seen.notes, *outcomes[0].warnings))
        return outcomes + sweep_tables(cycle, lambda _: True) if sweep else outcomes


def _prepare(cycle: Cycle) -> tuple[Look, datetime]:
    """Look at the base, and read its schema if that is due.

    Returns:
        What the look brought, and Airtable's time up to which this cycle will have seen every change.
    """
    with cycle.engine.connect() as connection:
        cycle.tables = known_tables(connection, cycle.client)
    if not cycle.tables:
        read_schema(cycle)  # a base that cannot be used at all gets no hook
    seen = look(cycle.engine, cycle.gateway, cycle.tables, QUICK_PAGES if cycle.quick else None)
    # What was read before the hook was made may have changed until then: a new hook makes it due again.
    if seen.schema_due or (not cycle.schema_is_fresh and (cycle.full or not seen.by_hook)):
        read_schema(cycle)
    now = cycle.gateway.server_time
    if seen.last_change is not None and now - seen.last_change < SETTLE_TIME:
        cycle.gateway.pace.sleep((SETTLE_TIME - (now - seen.last_change)).total_seconds())
    if not seen.by_hook:
        cycle.since = seen.seen_until or LONG_AGO
    return seen, now


def read_schema(cycle: Cycle) -> None:
    """Read the base's tables, fields and options, and note what happened to them.

    Raises:
        UnusableBaseError: what the marts cannot do without is missing; nothing was changed.
        AirtableError: the schema cannot be read.
    """
    schema = cycle.gateway.schema()
    with cycle.engine.begin() as connection:
        found, missing = find_tables(connection, cycle.client, schema)
        lacking = missing_requirements(found, missing)
        if lacking:
            raise UnusableBaseError(
                f"The base of client {cycle.client.key} lacks {', '.join(lacking)}, without which no number is right; "
                "nothing was loaded. Restore it in Airtable, or name this base's own field in the clients file."
            )
        told = {note for source in known_tables(connection, cycle.client).values() for note in source.notes}
        _bind_to_base(connection, cycle)
        changes = schema_changes(connection, cycle.client, found, missing)
        seen_at: datetime = connection.execute(text("select clock_timestamp()")).scalar_one()
        for source in found.values():
            record_registry(connection, source, seen_at)
        mark_deleted_tables(connection, cycle.client, missing, seen_at)
        record_changes(connection, cycle.client, changes, seen_at)
        for change in changes:
            if change.whole_read:
                mark_whole(connection, cycle.client.key, [change.source_table], change.said)
        remember_schema(connection, cycle.client.key)
    for name, source in found.items():
        cycle.news[name] = (*cycle.news.get(name, ()), *(note for note in source.notes if note not in told))
    cycle.tables = found
    cycle.schema_is_fresh = True


def _sync_table(cycle: Cycle, source_table: str) -> TableOutcome:
    begun = Begun.now(cycle)
    if source_table not in cycle.tables:
        return _absent(cycle, source_table)
    try:
        result = _load(cycle, source_table)
    except TooMuchError:
        return TableOutcome(cycle.client.key, source_table, left=True, calls=cycle.gateway.calls - begun.calls)
    except AirtableError as error:
        return _failed(cycle, source_table, str(error))
    source = cycle.tables.get(source_table)
    warnings = (*source.warnings, *cycle.news.get(source_table, ())) if source else ()
    return outcome_of(cycle, source_table, begun, result, warnings)


def _load(cycle: Cycle, source_table: str) -> LoadResult:
    for attempt in range(1, READS_OF_A_TABLE + 1):
        source = cycle.tables.get(source_table)
        if source is None:
            return LoadResult()
        try:
            with cycle.engine.begin() as connection:
                result = load_table(connection, cycle, source)
                _remember_success(connection, cycle.client.key, source_table)
        except IteratorExpiredError:
            if attempt == READS_OF_A_TABLE:
                raise
            log.info("Airtable lost its place in %s of client %s; reading it anew", source_table, cycle.client.key)
        except SchemaMovedError:
            read_schema(cycle)
        else:
            return result
    raise AssertionError  # the last attempt returns or raises: a schema that is fresh does not move


def _loaded_from_another_base(connection: Connection, client: Client) -> str | None:
    """Return what to say where the key stands for another base already.

    Numbers of two bases under one key were the worst failures of the earlier portal (research/uysp.md section 6,
    2 and 3).
    """
    base_id: str | None = connection.execute(
        text("select base_id from raw.clients where client = :client"), {"client": client.key}
    ).scalar_one_or_none()
    if base_id in {None, client.base_id}:
        return None
    return (
        f"What is loaded as client {client.key} came from another base, so nothing was read; use another UYSP_CLIENT "
        "(or key in the clients file), or another UYSP_HOME or DATABASE_URL."
    )


def _bind_to_base(connection: Connection, cycle: Cycle) -> None:
    """Let the client's key stand for this base from now on, with what models need to know of it."""
    connection.execute(
        text("""
            insert into raw.clients (client, name, base_id, timezone, internal_campaigns)
            values (:client, :name, :base_id, :timezone, :internal_campaigns)
            on conflict (client) do nothing
        """),
        _described(cycle.settings, cycle.client),
    )


def _record_client(connection: Connection, settings: Settings, client: Client) -> None:
    """Take over what the configuration says now; the marts are built anew if that changes numbers."""
    connection.execute(
        text("""
            with changed as (
                update raw.clients set
                    name = :name, timezone = :timezone, internal_campaigns = :internal_campaigns
                where client = :client
                  and (name, timezone, internal_campaigns) is distinct from
                      (:name, :timezone, cast(:internal_campaigns as text[]))
                returning client
            )
            update app.builds set loads = '', tried_loads = '' where exists (select from changed)
        """),
        _described(settings, client),
    )


def _described(settings: Settings, client: Client) -> dict[str, object]:
    return {
        "client": client.key,
        "name": client.name,
        "base_id": client.base_id,
        "timezone": client.timezone,
        "internal_campaigns": settings.uysp_internal_campaigns,
    }


def _remember_success(connection: Connection, client: str, source_table: str) -> None:
    connection.execute(
        text("""
            insert into raw.sync_state (client, source_table, last_synced_at)
            values (:client, :table, clock_timestamp())
            on conflict (client, source_table) do update set
                last_synced_at = excluded.last_synced_at, last_error = null
        """),
        {"client": client, "table": source_table},
    )


def _failed(cycle: Cycle, source_table: str, error: str) -> TableOutcome:
    with cycle.engine.begin() as connection:
        connection.execute(
            text("""
                insert into raw.sync_state (client, source_table, last_error, last_error_at)
                values (:client, :table, :error, now())
                on conflict (client, source_table) do update set
                    last_error = excluded.last_error, last_error_at = excluded.last_error_at
            """),
            {"client": cycle.client.key, "table": source_table, "error": error},
        )
    return TableOutcome(cycle.client.key, source_table, error=error)


def _absent(cycle: Cycle, source_table: str) -> TableOutcome:
    """A table that the base does not have reads as empty (spec/metrics.md section 1); what was loaded once stays."""
    with cycle.engine.begin() as connection:
        _remember_success(connection, cycle.client.key, source_table)
        was_loaded: bool = connection.execute(
            text("select exists (select from raw.loads where client = :client and source_table = :table)"),
            {"client": cycle.client.key, "table": source_table},
        ).scalar_one()
    what_follows = "its records stay as they were last read" if was_loaded else "what depends on it stays empty"
    warning = f"The base of client {cycle.client.key} has no table {TABLES[source_table]}; {what_follows}."
    return TableOutcome(cycle.client.key, source_table, warnings=(warning,))
