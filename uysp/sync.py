"""One cycle for one client: schema, then each table, read in full and loaded; what failed is remembered and told."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, text

from uysp.airtable.client import Gateway, IteratorExpiredError, Record
from uysp.airtable.fields import TABLES, SourceTable, find_tables, missing_requirements
from uysp.airtable.limiter import Limiter
from uysp.errors import AirtableError
from uysp.raw import LoadResult, load_table
from uysp.settings import AIRTABLE_URL, Client, Settings

log = logging.getLogger(__name__)

READS_OF_A_TABLE = 3  # a listing that expires is begun anew, so often

Progress = Callable[[str, int], None]


@dataclass(frozen=True)
class TableOutcome:
    """What one cycle did with one table of one client: records, API calls, seconds, and what went wrong."""

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
    warnings: tuple[str, ...] = ()

    @property
    def changed(self) -> int:
        """Records that differ from what was there, deletions apart."""
        return self.created + self.updated + self.restored


def sync_client(
    engine: Engine,
    settings: Settings,
    client: Client,
    progress: Progress | None = None,
    limiter: Limiter | None = None,
) -> list[TableOutcome]:
    """Read a client's base and load what differs.

    A table that fails keeps what was loaded before and does not keep the others from being loaded; its error stands
    in its outcome and in `raw.sync_state`.

    Args:
        engine: as the role that owns raw.
        settings: for the pace and the endpoint.
        client: whose base.
        progress: told the source table and the records read so far, after every page.
        limiter: the pace; by default that of the settings.

    Returns:
        An outcome for each of the four tables.
    """
    with engine.connect() as connection:
        foreign = _loaded_from_another_base(connection, client)
    if foreign:
        return [TableOutcome(client.key, source_table, error=foreign) for source_table in TABLES]
    limiter = limiter or Limiter(settings.uysp_airtable_rate)
    gateway = Gateway(client, limiter, settings.airtable_endpoint_url or AIRTABLE_URL)
    try:
        schema = gateway.schema()
        with engine.connect() as connection:
            found, missing = find_tables(connection, client, schema)
    except AirtableError as error:
        return [_failed(engine, client, source_table, str(error)) for source_table in TABLES]
    lacking = missing_requirements(found, missing)
    if lacking:
        error_text = (
            f"The base of client {client.key} lacks {', '.join(lacking)}, without which no number is right; nothing "
            "was loaded. Restore it in Airtable, or name this base's own field in the clients file."
        )
        return [_failed(engine, client, source_table, error_text) for source_table in TABLES]
    with engine.begin() as connection:
        _record_client(connection, settings, client)
    return [
        _sync_table(engine, gateway, found[source_table], progress)
        if source_table in found
        else _absent(engine, client, source_table)
        for source_table in TABLES
    ]


def _sync_table(engine: Engine, gateway: Gateway, source: SourceTable, progress: Progress | None) -> TableOutcome:
    started, calls = time.monotonic(), gateway.calls
    try:
        result = _load(engine, gateway, source, progress)
    except AirtableError as error:
        return _failed(engine, gateway.client, source.source_table, str(error))
    return TableOutcome(
        client=source.client,
        source_table=source.source_table,
        read=result.read,
        created=result.created,
        updated=result.updated,
        deleted=result.deleted,
        restored=result.restored,
        calls=gateway.calls - calls,
        seconds=time.monotonic() - started,
        warnings=source.warnings,
    )


def _load(engine: Engine, gateway: Gateway, source: SourceTable, progress: Progress | None) -> LoadResult:
    for attempt in range(1, READS_OF_A_TABLE + 1):
        try:
            with engine.begin() as connection:
                result = load_table(connection, source, _counted(gateway, source, progress))
                _remember_success(connection, source.client, source.source_table)
        except IteratorExpiredError:
            if attempt == READS_OF_A_TABLE:
                raise
            log.info(
                "Airtable lost its place in %s of client %s; reading it anew",
                source.source_table,
                source.client,
            )
        else:
            return result
    raise AssertionError  # the last attempt returns or raises


def _counted(gateway: Gateway, source: SourceTable, progress: Progress | None) -> Iterator[list[Record]]:
    read = 0
    for page in gateway.pages(source.table.id):
        yield page
        read += len(page)
        if progress is not None:
            progress(source.source_table, read)


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


def _record_client(connection: Connection, settings: Settings, client: Client) -> None:
    """Write what models need to know of a client."""
    connection.execute(
        text("""
            insert into raw.clients (client, name, base_id, timezone, internal_campaigns)
            values (:client, :name, :base_id, :timezone, :internal_campaigns)
            on conflict (client) do update set
                name = excluded.name, timezone = excluded.timezone, internal_campaigns = excluded.internal_campaigns
        """),
        {
            "client": client.key,
            "name": client.name,
            "base_id": client.base_id,
            "timezone": client.timezone,
            "internal_campaigns": settings.uysp_internal_campaigns,
        },
    )


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


def _failed(engine: Engine, client: Client, source_table: str, error: str) -> TableOutcome:
    with engine.begin() as connection:
        connection.execute(
            text("""
                insert into raw.sync_state (client, source_table, last_error, last_error_at)
                values (:client, :table, :error, now())
                on conflict (client, source_table) do update set
                    last_error = excluded.last_error, last_error_at = excluded.last_error_at
            """),
            {"client": client.key, "table": source_table, "error": error},
        )
    return TableOutcome(client.key, source_table, error=error)


def _absent(engine: Engine, client: Client, source_table: str) -> TableOutcome:
    """A table that the base does not have reads as empty (spec/metrics.md section 1); what was loaded once stays."""
    with engine.begin() as connection:
        _remember_success(connection, client.key, source_table)
    warning = f"The base of client {client.key} has no table {TABLES[source_table]}; what depends on it stays empty."
    return TableOutcome(client.key, source_table, warnings=(warning,))
