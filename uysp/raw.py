"""The loader: records of one Airtable table into raw, in one transaction.

Records are staged in a temporary table while they are read, without any lock; then, under the table's lock, what
differs from the present row becomes a new version. Rows, history and load change together or not at all, so a page
that fails, a listing that expires or a process that dies leaves what was there before.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from uysp.airtable.fields import SourceTable
from uysp.airtable.model import Record
from uysp.driver import driver_of
from uysp.storable import storable

# A listing may show a record as it was before a write for so long (research/airtable.md section 8).
SETTLE_TIME = timedelta(seconds=2)

# Attachment URLs expire after two hours and differ in every answer (research/airtable.md section 1.6).
_COMPARABLE = """
    case when cardinality(cast(:attachments as text[])) = 0 then {fields} else {fields} || (
        select coalesce(jsonb_object_agg(name, stripped), '{{}}')
        from unnest(cast(:attachments as text[])) as name
        cross join lateral (
            select jsonb_agg(attachment - 'url' - 'thumbnails') as stripped
            from jsonb_array_elements(case jsonb_typeof({fields} -> name) when 'array' then {fields} -> name end)
                as attachment
        ) as cell
        where {fields} ? name
    ) end
"""


@dataclass
class Staged:
    """What was read of a table and waits in this transaction.

    Attributes:
        read_from: when reading began; what was written since is newer.
        records: how many were read.
        unknown_fields: ids of fields that the registry does not know.
        unknown_options: whether a select holds a name that is no known option.
    """

    read_from: datetime
    records: int = 0
    unknown_fields: set[str] = field(default_factory=set)
    unknown_options: bool = False


@dataclass(frozen=True)
class LoadResult:
    """What one load did, in records.

    Attributes:
        overtaken: ids of records that a write of ours changed while they were read; they are as the write left them.
    """

    read: int = 0
    created: int = 0
    updated: int = 0
    deleted: int = 0
    restored: int = 0
    overtaken: tuple[str, ...] = ()


def begin_staging(connection: Connection) -> Staged:
    """Prepare to stage records of one table; call once in a transaction."""
    connection.execute(
        text("""
            create temporary table incoming (
                position bigint generated always as identity, record_id text, created_time timestamptz, fields jsonb
            ) on commit drop
        """)
    )
    return Staged(connection.execute(text("select clock_timestamp()")).scalar_one())


def stage(
    connection: Connection,
    source: SourceTable,
    staged: Staged,
    pages: Iterable[list[Record]],
    options: Mapping[str, Collection[str]] | None = None,
) -> None:
    """Stream pages into this transaction; memory holds one page at a time.

    Args:
        connection: in the transaction of `begin_staging`.
        source: the table, with its fields' canonical names.
        staged: what was read so far; counts on.
        pages: records by field id. An error while they are read is the caller's to roll back.
        options: known option names by field id; where given, others are noticed.
    """
    names = source.names
    with (
        driver_of(connection).cursor() as cursor,
        cursor.copy("copy incoming (record_id, created_time, fields) from stdin") as copy,
    ):
        for page in pages:
            for record in page:
                cells = record["fields"]
                fields = {names[name]: value for name, value in cells.items() if name in names}
                if len(fields) != len(cells):
                    staged.unknown_fields |= cells.keys() - names.keys()
                if options and not staged.unknown_options:
                    staged.unknown_options = _has_unknown_option(cells, options)
                copy.write_row((record["id"], record["createdTime"], _jsonb_text(fields)))
            staged.records += len(page)


def restart_staging(connection: Connection, staged: Staged) -> None:
    """Forget what is staged, and count what is read from now on."""
    connection.execute(text("truncate incoming"))
    staged.read_from = connection.execute(text("select clock_timestamp()")).scalar_one()
    staged.records = 0


def staged_among(connection: Connection, record_ids: Collection[str]) -> set[str]:
    """Return which of these records are staged."""
    return set(
        connection.execute(
            text("select record_id from incoming where record_id = any(:record_ids)"), {"record_ids": list(record_ids)}
        ).scalars()
    )


def missing_ids(connection: Connection, source: SourceTable) -> list[str]:
    """Return the records that raw has and a complete read did not bring."""
    connection.execute(text("analyze incoming"))
    return list(
        connection.execute(
            text(f"""
                select record_id from raw.{source.source_table} as present
                where client = :client and deleted_at is null
                  and not exists (select from incoming where incoming.record_id = present.record_id)
            """),
            {"client": source.client},
        ).scalars()
    )


def unknown_ids(connection: Connection, source: SourceTable) -> list[str]:
    """Return the records that are staged and that raw does not have, or takes for gone."""
    return list(
        connection.execute(
            text(f"""
                select record_id from incoming
                where not exists (
                    select from raw.{source.source_table} as present
                    where present.client = :client and present.record_id = incoming.record_id and deleted_at is null
                )
            """),
            {"client": source.client},
        ).scalars()
    )


def present_rows(connection: Connection, source_table: str) -> int:
    """Return how many records of all clients a table has, deleted ones not counted."""
    rows: int = connection.execute(
        text("select coalesce(sum(rows), 0)::bigint from raw.table_counts where source_table = :source_table"),
        {"source_table": source_table},
    ).scalar_one()
    return rows


def load_staged(connection: Connection, source: SourceTable, staged: Staged, gone: Collection[str] = ()) -> LoadResult:
    """Load what is staged; from here until the end of the transaction others that load this table wait.

    Args:
        connection: in the transaction of `begin_staging`; the caller commits.
        source: the table.
        staged: what was read.
        gone: ids of records that are gone from Airtable.

    Returns:
        How many records were read, and how many differed from what was there.
    """
    key = {"client": source.client, "source_table": source.source_table}
    connection.execute(
        text("select pg_advisory_xact_lock(hashtextextended('uysp load ' || :client || ' ' || :source_table, 0))"),
        key,
    )
    overtaken = _drop_overtaken(connection, source, staged, gone)
    _find_changes(connection, source, [record_id for record_id in gone if record_id not in overtaken])
    counts = {"created": 0, "updated": 0, "deleted": 0, "restored": 0}
    for row in connection.execute(text("select operation, count(*) as records from changes group by operation")):
        counts[row.operation] = row.records
    is_first: bool = connection.execute(
        text("select not exists (select from raw.loads where client = :client and source_table = :source_table)"), key
    ).scalar_one()
    if is_first or any(counts.values()):
        # After the last page, so that nothing a record says can lie after the time at which it was observed.
        observed_at: datetime = connection.execute(text("select clock_timestamp()")).scalar_one()
        load_id: int = connection.execute(
            text("""
                insert into raw.loads
                    (client, source_table, observed_at, is_first, records_read, created, updated, deleted, restored)
                values (:client, :source_table, :observed_at, :is_first, :read, :created, :updated, :deleted, :restored)
                returning load_id
            """),
            key | counts | {"observed_at": observed_at, "is_first": is_first, "read": staged.records},
        ).scalar_one()
        _apply_changes(connection, source, {"load_id": load_id, "observed_at": observed_at})
        _count(connection, key | counts | {"observed_at": observed_at if any(counts.values()) else None})
    return LoadResult(read=staged.records, **counts, overtaken=overtaken)


def load_written(connection: Connection, source: SourceTable, records: list[Record], sent_at: datetime) -> LoadResult:
    """Load the records that Airtable answered a write with, as any other; call in a transaction of its own.

    A read that began before now may not overwrite them (`load_staged`). A table that was never read whole is left
    alone: its first load has to be complete (spec/metrics.md, "first load").

    Args:
        connection: in a transaction.
        source: the table, as `uysp.airtable.fields.known_tables` has it.
        records: of the answer, whole.
        sent_at: the database's time before the write was sent: a write that was answered since is newer.
    """
    key = {"client": source.client, "source_table": source.source_table}
    was_loaded: bool = connection.execute(
        text("select exists (select from raw.loads where client = :client and source_table = :source_table)"), key
    ).scalar_one()
    if not was_loaded:
        return LoadResult()
    staged = begin_staging(connection)
    stage(connection, source, staged, [records])
    staged.read_from = sent_at + SETTLE_TIME  # the answer to a write is never as old as a listing may be
    result = load_staged(connection, source, staged)
    connection.execute(
        text(f"""
            update raw.{source.source_table} set written_at = clock_timestamp()
            where client = :client and record_id = any(:record_ids)
        """),
        {"client": source.client, "record_ids": [record["id"] for record in records]},
    )
    return result


def _has_unknown_option(cells: Mapping[str, Any], options: Mapping[str, Collection[str]]) -> bool:
    for name, known in options.items():
        value = cells.get(name)
        if isinstance(value, str) and value not in known:
            return True
        if isinstance(value, list) and any(isinstance(item, str) and item not in known for item in value):
            return True
    return False


def _jsonb_text(fields: dict[str, Any]) -> str:
    r"""Serialise; only the rare record that Postgres would refuse is rebuilt first.

    A NUL is always written as \u0000 by json; a lone surrogate cannot be encoded; NaN is refused by allow_nan.
    """
    try:
        encoded = json.dumps(fields, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        if "\\u0000" not in encoded:
            encoded.encode()
            return encoded
    except ValueError:
        pass
    return json.dumps(storable(fields), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def _drop_overtaken(
    connection: Connection, source: SourceTable, staged: Staged, gone: Collection[str]
) -> tuple[str, ...]:
    """Forget what was read of records that were written to, or loaded from a later read, meanwhile."""
    overtaken: tuple[str, ...] = tuple(
        connection.execute(
            text(f"""
                select record_id from raw.{source.source_table} as present
                where client = :client
                  and (written_at > :settled or modified_at > :read_from)
                  and (
                      record_id = any(:gone)
                      or exists (select from incoming where incoming.record_id = present.record_id)
                  )
            """),
            {
                "client": source.client,
                "settled": staged.read_from - SETTLE_TIME,
                "read_from": staged.read_from,
                "gone": list(gone),
            },
        ).scalars()
    )
    if overtaken:
        connection.execute(text("delete from incoming where record_id = any(:ids)"), {"ids": list(overtaken)})
    return overtaken


def _find_changes(connection: Connection, source: SourceTable, gone: list[str]) -> None:
    """Fill the temporary table `changes`: one row per record that is new, different, back or gone."""
    table = f"raw.{source.source_table}"
    incoming, present = (
        _COMPARABLE.format(fields="incoming.fields"),
        _COMPARABLE.format(fields="present.fields"),
    )
    connection.execute(
        text(f"""
            create temporary table changes on commit drop as
            -- A record that moved while pages were read may come twice: the later one is the newer.
            with latest as (
                select distinct on (record_id) record_id, created_time, fields
                from incoming order by record_id, position desc
            )
            select
                record_id,
                incoming.created_time,
                incoming.fields,
                coalesce(present.version, 0) + 1 as version,
                case
                    when present.record_id is null then 'created'
                    when present.deleted_at is not null then 'restored'
                    else 'updated'
                end as operation
            from latest as incoming
            left join (select * from {table} where client = :client) as present using (record_id)
            where present.record_id is null
               or present.deleted_at is not null
               or {incoming} is distinct from {present}
            union all
            select record_id, created_time, fields, version + 1, 'deleted'
            from {table} as present
            where client = :client and record_id = any(:gone) and deleted_at is null
              and not exists (select from incoming where incoming.record_id = present.record_id)
        """),
        {"client": source.client, "attachments": source.attachment_names, "gone": gone},
    )


def _apply_changes(connection: Connection, source: SourceTable, load: dict[str, Any]) -> None:
    table = f"raw.{source.source_table}"
    parameters = {"client": source.client} | load
    connection.execute(
        text(f"""
            insert into {table}_history (client, record_id, version, fields, observed_at, operation, load_id)
            select :client, record_id, version, fields, :observed_at, operation, :load_id from changes
        """),
        parameters,
    )
    connection.execute(
        text(f"""
            insert into {table} (client, record_id, fields, created_time, modified_at, extracted_at, deleted_at,
                                 version, load_id)
            select :client, record_id, fields, created_time, :observed_at, :observed_at,
                   case when operation = 'deleted' then cast(:observed_at as timestamptz) end, version, :load_id
            from changes
            on conflict (client, record_id) do update set
                fields = excluded.fields, created_time = excluded.created_time, modified_at = excluded.modified_at,
                extracted_at = excluded.extracted_at, deleted_at = excluded.deleted_at,
                version = excluded.version, load_id = excluded.load_id
        """),
        parameters,
    )


def _count(connection: Connection, load: dict[str, Any]) -> None:
    """Keep raw.table_counts true to what a load changed; under the table's lock."""
    connection.execute(
        text("""
            insert into raw.table_counts (client, source_table, rows, deleted_rows, last_changed_at)
            values (
                :client, :source_table, :created + :restored - :deleted, :deleted - :restored,
                cast(:observed_at as timestamptz)
            )
            on conflict (client, source_table) do update set
                rows = table_counts.rows + excluded.rows,
                deleted_rows = table_counts.deleted_rows + excluded.deleted_rows,
                last_changed_at = greatest(table_counts.last_changed_at, excluded.last_changed_at)
        """),
        load,
    )
