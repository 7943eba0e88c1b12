"""How old the data behind an answer is: marts.sync_status (spec/metrics.md section 10)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

_STATUS = text("""
    select client, source_table, last_synced_at, last_error is not null as failed
    from marts.sync_status
    order by client collate "C", source_table collate "C"
""")
_READ = text("select exists (select from raw.loads where client = any(:clients))")
_MISSING = text("select name from unnest(cast(:names as text[])) as name where to_regclass('marts.' || name) is null")


@dataclass(frozen=True)
class TableStatus:
    """How the last reads of a client's table went; `last_synced_at` is None if none ever worked."""

    client: str
    source_table: str
    last_synced_at: datetime | None
    failed: bool


@dataclass(frozen=True)
class Freshness:
    """What there is to say about the tables behind an answer.

    Attributes:
        data_as_of: last successful look at the oldest of them; None if none was ever looked at with success.
        notes: tables whose last read failed and clients that were never read, a sentence each.
    """

    data_as_of: datetime | None
    notes: tuple[str, ...] = ()


def table_statuses(connection: Connection) -> list[TableStatus]:
    """Return the status of every table of every client; none before the marts are built."""
    if missing_marts(connection, ("sync_status",)):
        return []
    return [TableStatus(**row) for row in connection.execute(_STATUS).mappings()]


def freshness(statuses: Sequence[TableStatus], clients: tuple[str, ...], sources: tuple[str, ...]) -> Freshness:
    """Return the age of these tables of these clients."""
    behind = [status for status in statuses if status.client in clients and status.source_table in sources]
    read = [status for status in behind if status.last_synced_at is not None]
    notes = [_failure(status) for status in behind if status.failed]
    if read:
        unread = sorted(set(clients) - {status.client for status in read})
        notes += [f"Nothing of {client} has been read from Airtable yet." for client in unread]
    oldest = min((status.last_synced_at for status in read if status.last_synced_at), default=None)
    return Freshness(oldest, tuple(notes))


def are_read(connection: Connection, clients: tuple[str, ...]) -> bool:
    """Return whether anything of these clients was ever read from Airtable, whatever the marts have of it."""
    found: bool = connection.execute(_READ, {"clients": list(clients)}).scalar_one()
    return found


def missing_marts(connection: Connection, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return those relations of schema `marts` that do not exist (yet)."""
    return tuple(connection.scalars(_MISSING, {"names": list(names)}))


def _failure(status: TableStatus) -> str:
    shown = "it was never read" if status.last_synced_at is None else "what is shown is from the last read that worked"
    table = f"{status.source_table} ({status.client})"
    return f"The last read of {table} from Airtable failed: {shown}; uysp doctor tells why."
