"""`status`: how the system itself does: each table's age, and the calls of the month (spec/metrics.md section 10)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from slackbot.answers.model import Column, Findings, Kind, Section, Topic, column_list, read_row
from slackbot.grammar import Question, Verb
from uysp.airtable.budget import budget
from uysp.settings import Settings


@dataclass(frozen=True)
class SyncStatus:
    """A row of marts.sync_status."""

    client: str
    source_table: str
    last_synced_at: datetime | None
    last_changed_at: datetime | None
    rows: int
    deleted_rows: int
    last_error: str | None


_SELECT = text(f"""
    select {column_list(SyncStatus)} from marts.sync_status
    where client = any(:clients) order by client collate "C", source_table collate "C"
""")
_HELD = text("""
    select client, source_table, count(*) as records from app.airtable_held_deletions
    where client = any(:clients) group by client, source_table order by client, source_table
""")
_GONE = text("""
    select client, source_table, deleted_at from raw.airtable_tables as known
    where client = any(:clients) and deleted_at is not null
      and exists (
          select from raw.loads where loads.client = known.client and loads.source_table = known.source_table
      )
    order by client collate "C", source_table collate "C"
""")
_WITHOUT_HOOK = text("""
    select unavailable from app.airtable_hooks where client = any(:clients) and unavailable is not null order by client
""")


def answer(_question: Question, connection: Connection, clients: tuple[str, ...], settings: Settings) -> Findings:
    """Return when each table was last looked at and what went wrong, with the API calls used and left."""
    found = connection.execute(_SELECT, {"clients": list(clients)}).mappings()
    rows = [read_row(SyncStatus, row) for row in found]
    failing = sum(row.last_error is not None for row in rows)
    # Looking for a table that Airtable lacks is a good look (spec/metrics.md section 1), but it reads nothing.
    gone = connection.execute(_GONE, {"clients": list(clients)}).all()
    read = "every table that Airtable has was read" if gone else "every table was read"
    failures = f"{failing} of {len(rows)} tables could not be read" if failing else read
    notes = [
        f"The table {row.source_table} ({row.client}) is gone from Airtable, as seen on "
        f"{row.deleted_at:%Y-%m-%d %H:%M} UTC; its records stay as they were last read."
        for row in gone
    ]
    notes += [
        f"{row.records:,} deletions of {row.source_table} ({row.client}) wait for a person: "
        "uysp sync --accept-deletions."
        for row in connection.execute(_HELD, {"clients": list(clients)})
    ]
    notes += connection.execute(_WITHOUT_HOOK, {"clients": list(clients)}).scalars()
    summary = f"At the last look {failures}. {budget(connection, settings).said()}"
    columns = _COLUMNS if len(clients) == 1 else (_CLIENT, *_COLUMNS)
    return Findings("Status", summary, {"tables": Section(rows, columns, "Tables")}, tuple(notes))


_CLIENT = Column("Client", Kind.TEXT, lambda row: row.client)
_COLUMNS = (
    Column("Table", Kind.TEXT, lambda row: row.source_table),
    Column("Last look", Kind.TIME, lambda row: row.last_synced_at),
    Column("Last change", Kind.TIME, lambda row: row.last_changed_at),
    Column("Records", Kind.COUNT, lambda row: row.rows),
    Column("Deleted", Kind.COUNT, lambda row: row.deleted_rows, main=False),
    Column("Error", Kind.TEXT, lambda row: row.last_error),
)

TOPIC = Topic(
    Verb(
        "status",
        usage="status [client:KEY]",
        summary="how old each table's data is, what failed, and the Airtable calls used and left",
        examples=("status",),
        filters=("client",),
    ),
    answer,
    sources=("leads", "campaigns", "sms_templates", "sms_audit"),
    marts=("sync_status",),
    section_names=("tables",),
)
