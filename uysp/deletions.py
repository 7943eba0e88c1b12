"""Deletions: what Airtable no longer shows is asked for a second time, and many at once wait for a person.

A record that is wrongly taken for gone vanishes from every number, so it takes two answers to believe it: a payload
that names it destroyed and a re-read that does not find it, or two reads. More than 5 % of a table or 20 records
(whichever is more) within 24 hours, or all of it, are held back until a person confirms
(`uysp sync --accept-deletions`); the rows stay. As long as any of those is still missing, all that go wait with them,
however few are left. What was confirmed does not count again: the next single one goes as on any other day. Source:
issue "Sync", and research/uysp.md section 6, failures 9, 10.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from uysp.airtable.fields import SourceTable

FEW = 20  # records
SHARE = 0.05  # of a table


@dataclass(frozen=True)
class Room:
    """How much of a table may go before a person is asked.

    Attributes:
        present: records that raw has.
        gone: records that went within the last 24 hours, without those whose deletion a person confirmed.
    """

    present: int
    gone: int

    def has_space_for(self, more: int) -> bool:
        """Tell whether so many records may go besides those that went already."""
        limit = max(FEW, SHARE * (self.present + self.gone))
        return self.gone + more <= limit and more < self.present


def room(connection: Connection, source: SourceTable) -> Room:
    """Return how a table stands."""
    row = connection.execute(
        text(f"""
            select
                coalesce(
                    (select rows from raw.table_counts where client = :client and source_table = :source_table), 0
                ) as present,
                (
                    select count(*) from raw.{source.source_table}
                    where client = :client
                      and deleted_at > now() - interval '24 hours'
                      and load_id <> all (
                          array(select load_id from app.airtable_confirmed_loads where client = :client)
                      )
                ) as gone
        """),
        {"client": source.client, "source_table": source.source_table},
    ).one()
    return Room(row.present, row.gone)


def believable(connection: Connection, source: SourceTable, missing: Collection[str], *, accept: bool) -> list[str]:
    """Return those of the missing records that are to be deleted; hold all of them back if they are too many.

    They wait too while any other does: what was held back goes with a person's word only, also once few are left of it.

    Args:
        connection: in the transaction in which they are then deleted, with what was found staged.
        source: their table.
        missing: ids that were not found twice, held ones included.
        accept: a person has confirmed.
    """
    if not missing:
        return []
    key = {"client": source.client, "source_table": source.source_table, "missing": sorted(missing)}
    release_found(connection, source)
    are_waiting = bool(held(connection, source.client, source.source_table))
    if accept or (not are_waiting and room(connection, source).has_space_for(len(set(missing)))):
        release(connection, source, missing)
        return sorted(missing)
    connection.execute(
        text(f"""
            insert into app.airtable_held_deletions (client, source_table, record_id, held_at)
            select client, :source_table, record_id, clock_timestamp() from raw.{source.source_table}
            where client = :client and record_id = any(:missing) and deleted_at is null
            on conflict do nothing
        """),
        key,
    )
    return []


def remember_confirmed(connection: Connection, source: SourceTable) -> None:
    """Note that a person confirmed the deletions of the table's latest load; call in the transaction that loaded it."""
    connection.execute(
        text("""
            insert into app.airtable_confirmed_loads (client, load_id)
            select client, max(load_id) from raw.loads
            where client = :client and source_table = :source_table group by client
        """),
        {"client": source.client, "source_table": source.source_table},
    )


def release(connection: Connection, source: SourceTable, record_ids: Collection[str]) -> None:
    """Hold these records' deletion back no longer: they are there again, or a person has confirmed."""
    connection.execute(
        text("""
            delete from app.airtable_held_deletions
            where client = :client and source_table = :source_table and record_id = any(:record_ids)
        """),
        {"client": source.client, "source_table": source.source_table, "record_ids": sorted(record_ids)},
    )


def release_found(connection: Connection, source: SourceTable) -> None:
    """Hold the deletion of records that were just read back no longer; call where they are staged."""
    connection.execute(
        text("""
            delete from app.airtable_held_deletions as held using incoming
            where held.client = :client and held.source_table = :source_table and held.record_id = incoming.record_id
        """),
        {"client": source.client, "source_table": source.source_table},
    )


def held(connection: Connection, client: str, source_table: str) -> Sequence[str]:
    """Return the records whose deletion waits for a person."""
    return (
        connection.execute(
            text("""
                select record_id from app.airtable_held_deletions
                where client = :client and source_table = :source_table order by record_id
            """),
            {"client": client, "source_table": source_table},
        )
        .scalars()
        .all()
    )


def alarm(connection: Connection, client: str, source_tables: Iterable[str]) -> dict[str, str]:
    """Return what to tell people about each table whose deletions are held back."""
    rows = connection.execute(
        text("""
            select source_table, count(*) as records, min(held_at) as since from app.airtable_held_deletions
            where client = :client and source_table = any(:source_tables) group by source_table
        """),
        {"client": client, "source_tables": list(source_tables)},
    )
    return {row.source_table: _alarm(client, row.source_table, row.records, row.since) for row in rows}


def _alarm(client: str, source_table: str, records: int, since: datetime) -> str:
    some, are, they, them, were = (
        ("record", "is", "it is", "it", "it was")
        if records == 1
        else ("records", "are", "they are", "them", "they were")
    )
    return (
        f"{records:,} {some} of {source_table} of client {client} {are} gone from Airtable (since "
        f"{since:%Y-%m-%d %H:%M} UTC), with others of the last 24 hours more than usual, so {they} kept and still "
        f"counted; restore {them} from Airtable's trash, or, if {were} meant to go, run: uysp sync --accept-deletions"
    )
