"""What happened to a base's tables, fields and options since its schema was last read, in words.

Airtable reports no change of any record when a field or an option goes, when an option is renamed or a formula
rewritten; then the whole table is read again (research/airtable.md sections 1.7 and 6.3).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from uysp.airtable.client import Field
from uysp.airtable.fields import SELECTS, TABLES, SourceTable
from uysp.settings import Client

# Of a field's options these say how its cells are computed; everything else is how they are shown.
_COMPUTATION = (
    *("formula", "referencedFieldIds", "recordLinkFieldId", "fieldIdInLinkedTable", "linkedTableId"),
    *("isValid", "result"),
)


@dataclass(frozen=True)
class SchemaChange:
    """Something that happened.

    Attributes:
        said: one sentence for people.
        whole_read: whether records may hold something else now although Airtable reports none of them as changed.
    """

    source_table: str
    said: str
    whole_read: bool = False


@dataclass(frozen=True)
class _KnownField:
    name: str
    canonical_name: str
    type: str
    options: dict[str, Any]
    exists: bool


def schema_changes(
    connection: Connection, client: Client, found: Mapping[str, SourceTable], missing: Sequence[str]
) -> list[SchemaChange]:
    """Compare what Airtable says now with the registry; call before it is recorded. First sights are no changes.

    Args:
        connection: to read the registry.
        client: whose base.
        found: the tables that the base has now (`uysp.airtable.fields.find_tables`).
        missing: those of ours that it has not.
    """
    tables = {
        row.source_table: row
        for row in connection.execute(
            text("select * from raw.airtable_tables where client = :client"), {"client": client.key}
        )
    }
    changes: list[SchemaChange] = []
    for name in TABLES:
        if name not in tables:
            continue
        known = tables[name]
        if name in missing:
            if known.deleted_at is None:
                changes.append(
                    SchemaChange(
                        name,
                        f"The table {known.current_name!r} is gone from the base of client {client.key}; its records "
                        "stay as they were last read. Restore it in Airtable if that was not meant.",
                    )
                )
        elif name in found:
            changes += _table_changes(connection, found[name], known.table_id, known.current_name, known.deleted_at)
    return changes


def record_changes(connection: Connection, client: Client, changes: Sequence[SchemaChange], seen_at: datetime) -> None:
    """Keep what happened, for people."""
    if changes:
        connection.execute(
            text("""
                insert into raw.airtable_schema_changes (client, source_table, at, said)
                values (:client, :source_table, :at, :said)
            """),
            [
                {"client": client.key, "source_table": each.source_table, "at": seen_at, "said": each.said}
                for each in changes
            ],
        )


def recent_changes(connection: Connection, source_table: str, hours: int = 24) -> list[str]:
    """Return what happened to a table of any client within the last hours, oldest first."""
    return list(
        connection.execute(
            text("""
                select client || ': ' || said from raw.airtable_schema_changes
                where source_table = :source_table and at > now() - make_interval(hours => :hours) order by id
            """),
            {"source_table": source_table, "hours": hours},
        ).scalars()
    )


def _table_changes(
    connection: Connection, source: SourceTable, known_id: str, known_name: str, deleted_at: datetime | None
) -> Iterator[SchemaChange]:
    name, table = source.source_table, source.table
    if table.id != known_id:
        yield SchemaChange(
            name, f"Another table is called {table.name!r} now; its records are read in place of the old ones.", True
        )
        return
    if deleted_at is not None:
        yield SchemaChange(name, f"The table {table.name!r} is back.", True)
    elif table.name != known_name:
        yield SchemaChange(name, f"The table {known_name!r} is called {table.name!r} now; nothing else changes.")
    known = _known_fields(connection, source)
    for item in table.fields:
        if item.id in known:
            yield from _field_changes(name, item, known[item.id])
        else:
            canonical = source.names[item.id]
            kept = "" if canonical == item.name else f", kept as {canonical!r}"
            yield SchemaChange(name, f"The field {item.name!r} is new{kept}.", True)
    present = {item.id for item in table.fields}
    for field_id, each in known.items():
        if each.exists and field_id not in present:
            yield SchemaChange(
                name,
                f"The field {each.name!r} is gone; its values remain in the history. Restore it in Airtable, or name "
                "another field for it in the clients file, if numbers depend on it.",
                True,
            )


def _known_fields(connection: Connection, source: SourceTable) -> dict[str, _KnownField]:
    rows = connection.execute(
        text("""
            select field_id, current_name, canonical_name, type, options, deleted_at
            from raw.airtable_fields where client = :client and source_table = :source_table order by field_id
        """),
        {"client": source.client, "source_table": source.source_table},
    )
    return {
        row.field_id: _KnownField(
            row.current_name, row.canonical_name, row.type, row.options or {}, row.deleted_at is None
        )
        for row in rows
    }


def _field_changes(source_table: str, item: Field, known: _KnownField) -> Iterator[SchemaChange]:
    if not known.exists:
        yield SchemaChange(source_table, f"The field {item.name!r} is back.", True)
        return
    if item.name != known.name:
        yield SchemaChange(
            source_table,
            f"The field {known.name!r} is called {item.name!r} now; here it keeps the name {known.canonical_name!r}.",
        )
    options = item.options or {}
    if item.type != known.type:
        yield SchemaChange(
            source_table, f"The field {item.name!r} was of the type {known.type} and is of the type {item.type}.", True
        )
    elif item.type in SELECTS:
        yield from _option_changes(source_table, item.name, known.options, options)
    elif any(options.get(part) != known.options.get(part) for part in _COMPUTATION):
        yield SchemaChange(source_table, f"The field {item.name!r} is computed in another way.", True)


def _option_changes(
    source_table: str, name: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[SchemaChange]:
    old = {str(choice["id"]): str(choice["name"]) for choice in before.get("choices", ())}
    new = {str(choice["id"]): str(choice["name"]) for choice in after.get("choices", ())}
    for option_id, option in new.items():
        if option_id not in old:
            yield SchemaChange(source_table, f"The field {name!r} has the new option {option!r}.")
        elif old[option_id] != option:
            yield SchemaChange(
                source_table,
                f"The option {old[option_id]!r} of {name!r} is called {option!r} now, in older versions too.",
                True,
            )
    for option_id, option in old.items():
        if option_id not in new:
            yield SchemaChange(source_table, f"The option {option!r} of {name!r} is gone.", True)
