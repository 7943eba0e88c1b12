"""The loader: records of one Airtable table into raw, in one transaction.

What differs from the present row becomes a new version; what a complete read did not bring is marked deleted. The
table's history, registry, load and rows change together or not at all, so a page that fails, a listing that
expires or a process that dies leaves what was there before.
"""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import Connection, text

from uysp.airtable.client import Record
from uysp.airtable.fields import SourceTable, record_registry

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

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


@dataclass(frozen=True)
class LoadResult:
    """What one load did, in records."""

    read: int
    created: int
    updated: int
    deleted: int
    restored: int


def load_table(connection: Connection, source: SourceTable, pages: Iterable[list[Record]]) -> LoadResult:
    """Load a complete read of a table; call inside a transaction that holds nothing else.

    Args:
        connection: in a transaction; the caller commits.
        source: the table, with its fields' canonical names.
        pages: all records of the table. An error while they are read is the caller's to roll back.

    Returns:
        How many records were read, and how many differed from what was there.
    """
    key = {"client": source.client, "source_table": source.source_table}
    connection.execute(
        text("select pg_advisory_xact_lock(hashtextextended('uysp load ' || :client || ' ' || :source_table, 0))"),
        key,
    )
    connection.execute(
        text("""
            create temporary table incoming (
                position bigint generated always as identity, record_id text, created_time timestamptz, fields jsonb
            ) on commit drop
        """)
    )
    read = _copy(connection, source, pages)
    connection.execute(text("analyze incoming"))
    _find_changes(connection, source)
    counts = {"created": 0, "updated": 0, "deleted": 0, "restored": 0}
    for row in connection.execute(text("select operation, count(*) as records from changes group by operation")):
        counts[row.operation] = row.records
    # After the last page, so that nothing a record says can lie after the time at which it was observed.
    observed_at: datetime = connection.execute(text("select clock_timestamp()")).scalar_one()
    record_registry(connection, source, observed_at)
    load_id: int = connection.execute(
        text("""
            insert into raw.loads
                (client, source_table, observed_at, is_first, records_read, created, updated, deleted, restored)
            values (:client, :source_table, :observed_at,
                    not exists (select from raw.loads where client = :client and source_table = :source_table),
                    :read, :created, :updated, :deleted, :restored)
            returning load_id
        """),
        key | counts | {"observed_at": observed_at, "read": read},
    ).scalar_one()
    _apply_changes(connection, source, {"load_id": load_id, "observed_at": observed_at})
    return LoadResult(read=read, **counts)


def storable(value: Any) -> Any:
    """Return `value` as Postgres can hold it: U+FFFD for NUL and lone surrogates, an error object for NaN.

    Source: spec/metrics.md section 1, rule "text". Airtable itself writes numbers that are none as
    `{"specialValue": "NaN"}`.
    """
    if isinstance(value, str):
        return value.replace("\0", REPLACEMENT).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, float) and not math.isfinite(value):
        return {"specialValue": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, dict):
        return {storable(name): storable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [storable(item) for item in value]
    return value


def _copy(connection: Connection, source: SourceTable, pages: Iterable[list[Record]]) -> int:
    """Stream the pages into `incoming`; memory holds one page at a time."""
    driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]  # psycopg 3
    names = source.names
    read = 0
    with (
        driver.cursor() as cursor,
        cursor.copy("copy incoming (record_id, created_time, fields) from stdin") as copy,
    ):
        for page in pages:
            for record in page:
                fields = {names[field]: value for field, value in record["fields"].items() if field in names}
                copy.write_row((record["id"], record["createdTime"], _jsonb_text(fields)))
            read += len(page)
    return read


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


def _find_changes(connection: Connection, source: SourceTable) -> None:
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
                coalesce(incoming.created_time, present.created_time) as created_time,
                coalesce(incoming.fields, present.fields) as fields,
                coalesce(present.version, 0) + 1 as version,
                case
                    when present.record_id is null then 'created'
                    when incoming.record_id is null then 'deleted'
                    when present.deleted_at is not null then 'restored'
                    else 'updated'
                end as operation
            from latest as incoming
            full join (select * from {table} where client = :client) as present using (record_id)
            where present.record_id is null
               or (incoming.record_id is null and present.deleted_at is null)
               or (incoming.record_id is not null
                   and (present.deleted_at is not null or {incoming} is distinct from {present}))
        """),
        {"client": source.client, "attachments": source.attachment_names},
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
