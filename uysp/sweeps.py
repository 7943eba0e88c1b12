"""Sweeps: what change capture may have missed, found by comparing ids and by reading a share of the records again.

A sweep lists every record of a table with one narrow field. What raw has and the list has not is asked for a second
time and then deleted; what the list has and raw has not is read. A fourteenth of the records is read again besides, in
turn, because computed values drift without any change that Airtable reports (formulas over the present time, for
one). Source: research/airtable.md section 6.2.
"""

import logging
from collections.abc import Callable

from sqlalchemy import Connection, Engine, text

from uysp.airtable.budget import budget
from uysp.airtable.client import Gateway, IteratorExpiredError
from uysp.airtable.fields import SourceTable, known_tables
from uysp.airtable.limiter import Kind, Pace, SweepsEndedError, shared_limiter
from uysp.cycle import Begun, Cycle, Progress, TableOutcome, counted, load_and_release, outcome_of
from uysp.database import exclusive
from uysp.deletions import held
from uysp.errors import AirtableError
from uysp.raw import (
    LoadResult,
    begin_staging,
    missing_ids,
    restart_staging,
    stage,
    staged_among,
    unknown_ids,
)
from uysp.settings import Client, Settings

log = logging.getLogger(__name__)

SHARES = 14  # every record is read again once in so many sweeps
USUAL_DAYS = {"leads": 1, "campaigns": 1, "sms_templates": 1, "sms_audit": 7}
ATTEMPTS = 3
PAGE = 100  # records


def sweep_client(
    engine: Engine,
    settings: Settings,
    client: Client,
    *,
    force: bool = False,
    progress: Progress | None = None,
    pace: Pace | None = None,
) -> list[TableOutcome]:
    """Sweep the tables of a client that are due, or all; looks for changes go on meanwhile.

    Args:
        engine: as the role that owns raw.
        settings: for pace, plan and endpoint.
        client: whose base; one that was never read has nothing to sweep.
        force: all tables, whenever they were swept last.
        progress: told the source table and the records listed so far.
        pace: default: the one shared by all processes.

    Returns:
        An outcome for each table that was swept.
    """
    pace = pace or shared_limiter(engine, settings, client)
    gateway = Gateway(client, pace, settings.airtable_url)
    with exclusive(engine, f"sweep {client.key}"), engine.connect() as connection:
        tables = known_tables(connection, client)
        due = set(tables) if force else _due(connection, settings, client)
        connection.rollback()
        cycle = Cycle(engine, settings, gateway, progress=progress, tables=tables)
        return sweep_tables(cycle, due.__contains__)


def sweep_tables(cycle: Cycle, is_wanted: Callable[[str], bool]) -> list[TableOutcome]:
    """Sweep the tables of a cycle that are wanted; one that fails does not keep the others from it.

    Where the month's calls for sweeps are used up, that is told once, and as no failure: reading goes on.
    """
    outcomes = []
    for name, source in cycle.tables.items():
        if is_wanted(name):
            try:
                outcomes.append(_outcome(cycle, source))
            except SweepsEndedError as error:
                outcomes.append(TableOutcome(source.client, name, warnings=(str(error),)))
                break
    return outcomes


def _due(connection: Connection, settings: Settings, client: Client) -> set[str]:
    plan = budget(connection, settings)
    due = set()
    for source_table, usual in USUAL_DAYS.items():
        row = connection.execute(
            text("""
                select
                    (
                        select rows from raw.table_counts where client = :client and source_table = :source_table
                    ) as present,
                    (
                        select extract(epoch from now() - greatest(swept_at, read_at)) / 86400 from app.airtable_tables
                        where client = :client and source_table = :source_table
                    ) as days
            """),
            {"client": client.key, "source_table": source_table},
        ).one()
        days = plan.sweep_days(-(-(row.present or 0) // PAGE), usual)
        # A night is not exactly a day after the last one.
        if days is not None and (row.days is None or row.days > days - 0.25):
            due.add(source_table)
    return due


def _outcome(cycle: Cycle, source: SourceTable) -> TableOutcome:
    begun = Begun.now(cycle)
    try:
        result = _sweep(cycle, source)
    except SweepsEndedError:
        raise
    except AirtableError as error:
        # What is known is as right as before, so this is no failure of the table's data (raw.sync_state).
        return TableOutcome(source.client, source.source_table, error=str(error))
    log.info(
        "swept %s of client %s: %d created, %d updated, %d deleted, %d restored",
        source.source_table,
        source.client,
        result.created,
        result.updated,
        result.deleted,
        result.restored,
    )
    return outcome_of(cycle, source.source_table, begun, result)


def _sweep(cycle: Cycle, source: SourceTable) -> LoadResult:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with cycle.engine.begin() as connection:
                return _sweep_once(connection, cycle, source)
        except IteratorExpiredError:
            if attempt == ATTEMPTS:
                raise
    raise AssertionError  # the last attempt returns or raises


def _sweep_once(connection: Connection, cycle: Cycle, source: SourceTable) -> LoadResult:
    staged = begin_staging(connection)
    narrow = next((item.id for item in source.table.fields if item.type == "checkbox"), source.table.fields[0].id)
    pages = cycle.gateway.pages(source.table.id, fields=[narrow], kind=Kind.SWEEP)
    stage(connection, source, staged, counted(cycle, source, pages))
    missing, unknown = missing_ids(connection, source), unknown_ids(connection, source)
    share = _share(connection, source)
    restart_staging(connection, staged)
    # What waits for a person and was listed is there again: read, it waits no longer.
    waiting = held(connection, source.client, source.source_table)
    asked = sorted({*missing, *unknown, *share, *waiting})
    stage(connection, source, staged, cycle.gateway.by_ids(source.table.id, asked, Kind.SWEEP))
    # A record of the share that was listed and now is not found was deleted a moment ago: a payload will say so.
    found = staged_among(connection, missing)
    gone = [record_id for record_id in missing if record_id not in found]
    connection.execute(
        text("""
            insert into app.airtable_tables (client, source_table, swept_at, rotation)
            values (:client, :source_table, clock_timestamp(), 1)
            on conflict (client, source_table) do update set
                swept_at = excluded.swept_at, rotation = (airtable_tables.rotation + 1) % :shares
        """),
        {"client": source.client, "source_table": source.source_table, "shares": SHARES},
    )
    return load_and_release(connection, cycle, source, staged, gone)


def _share(connection: Connection, source: SourceTable) -> list[str]:
    """Return the records whose turn it is to be read again."""
    return list(
        connection.execute(
            text(f"""
                select record_id from raw.{source.source_table}
                where client = :client and deleted_at is null
                  and (hashtext(record_id) & 2147483647) % :shares = coalesce(
                      (
                          select rotation from app.airtable_tables
                          where client = :client and source_table = :source_table
                      ), 0
                  )
            """),
            {"client": source.client, "source_table": source.source_table, "shares": SHARES},
        ).scalars()
    )
