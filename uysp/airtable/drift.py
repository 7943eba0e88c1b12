"""What happened to a base's tables, fields and options since its schema was last read, in words.

Airtable reports no change of any record when a field or an option goes, when an option is renamed or a formula
rewritten; then the whole table is read again (research/airtable.md sections 1.7 and 6.3), and so is every other one
of ours that computes something from it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from uysp.airtable.fields import EXPECTED_FIELDS, SELECTS, TABLES, SourceTable
from uysp.airtable.model import Field
from uysp.settings import Client

# Of a field's options these say how its cells are computed; everything else is how they are shown.
_COMPUTATION = ("formula", "recordLinkFieldId", "fieldIdInLinkedTable", "linkedTableId", "isValid")


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
class _Known:
    """A field as the registry has it."""

    name: str
    canonical_name: str
    type: str
    options: Mapping[str, Any]
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
    differing: set[str] = set()
    for name, known in ((name, tables[name]) for name in TABLES if name in tables):
        if name in missing:
            if known.deleted_at is None:
                changes.append(
                    SchemaChange(
                        name,
                        f"The table {known.current_name!r} is gone from the base of client {client.key}; its records "
                        "stay as they were last read. Restore it in Airtable if that was not meant.",
                    )
                )
        elif found[name].table.id != known.table_id:
            changes.append(_other_table(found[name], known.current_name))
        else:
            changes += _table_changes(found[name], known.current_name, known.deleted_at)
            for field_id, change in _all_field_changes(found[name], _known_fields(connection, found[name])):
                changes.append(change)
                if change.whole_read:
                    differing.add(field_id)
    changes += _changes_by_computation(found, differing, {each.source_table for each in changes if each.whole_read})
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


def _known_fields(connection: Connection, source: SourceTable) -> dict[str, _Known]:
    rows = connection.execute(
        text("""
            select field_id, current_name, canonical_name, type, options, deleted_at
            from raw.airtable_fields where client = :client and source_table = :source_table
            order by first_seen, field_id
        """),
        {"client": source.client, "source_table": source.source_table},
    )
    return {
        row.field_id: _Known(row.current_name, row.canonical_name, row.type, row.options or {}, row.deleted_at is None)
        for row in rows
    }


def _other_table(source: SourceTable, known_name: str) -> SchemaChange:
    return SchemaChange(
        source.source_table,
        f"The table {known_name!r} is gone, and another one that is called {source.table.name!r} is read in its place; "
        "the records of the old one count as deleted. If they are many, they are kept until somebody confirms that.",
        whole_read=True,
    )


def _table_changes(source: SourceTable, known_name: str, deleted_at: datetime | None) -> Iterator[SchemaChange]:
    if deleted_at is not None:
        yield SchemaChange(source.source_table, f"The table {source.table.name!r} is back.", whole_read=True)
    if source.table.name != known_name:
        yield SchemaChange(
            source.source_table,
            f"The table {known_name!r} is called {source.table.name!r} now; it is read as before, even if another one "
            "takes its old name.",
        )


def _all_field_changes(source: SourceTable, known: Mapping[str, _Known]) -> Iterator[tuple[str, SchemaChange]]:
    """Yield what happened to fields, each with the field's id."""
    present = {item.id for item in source.table.fields}
    gone = {each.canonical_name for field_id, each in known.items() if field_id not in present}
    for item in source.table.fields:
        canonical = source.names[item.id]
        kept = "" if canonical == item.name else f", kept as {canonical!r}, {_why_kept(source, item)}"
        for said, whole_read in _field_changes(item, canonical, kept, known.get(item.id), gone):
            yield item.id, SchemaChange(source.source_table, said, whole_read)
    for field_id, each in known.items():
        if each.exists and field_id not in present:
            yield field_id, SchemaChange(source.source_table, _said_of_gone(source, each), whole_read=True)


def _said_of_gone(source: SourceTable, each: _Known) -> str:
    said = f"The field {each.name!r} is gone; its values remain in the history."
    if each.canonical_name in source.names.values() or each.canonical_name not in EXPECTED_FIELDS[source.source_table]:
        return said
    return (
        f"{said} What depends on it stays empty until it is restored in Airtable, or another field is named for "
        f"{each.canonical_name!r} in the clients file."
    )


def _why_kept(source: SourceTable, item: Field) -> str:
    """Return why a field has another name here than in Airtable."""
    if item.id in source.own_names:
        return "as the clients file says"
    holder = next((each for each in source.table.fields if source.names[each.id] == item.name), None)
    if holder is None:
        return "the name that it had before"
    if holder.name == item.name:
        return "because another field is called so too"
    return f"because the field that is called {holder.name!r} now keeps the name {item.name!r} here"


def _field_changes(
    item: Field, canonical: str, kept: str, known: _Known | None, gone: set[str]
) -> Iterator[tuple[str, bool]]:
    """Yield what happened to one field: what to say, and whether records have to be read for it."""
    if known is None:
        successor = " It takes the place of the one that is gone." if canonical in gone else ""
        yield f"The field {item.name!r} is new{kept}.{successor}", True
        return
    if not known.exists:
        yield f"The field {item.name!r} is back{kept}.", True
        return
    if item.name != known.name:
        here = f"; here it keeps the name {canonical!r}" if canonical == known.canonical_name else ""
        yield f"The field {known.name!r} is called {item.name!r} now{here}.", False
    if canonical != known.canonical_name:
        yield (
            f"The field {item.name!r} is read as {canonical!r} from now on, no longer as {known.canonical_name!r}.",
            True,
        )
    options = item.options or {}
    if item.type != known.type:
        yield f"The field {item.name!r} was of the type {known.type} and is of the type {item.type}.", True
    if item.type in SELECTS and known.type in SELECTS:
        yield from _option_changes(item.name, _choices(known.options), _choices(options))
    elif item.type == known.type and _is_computed_otherwise(known.options, options):
        how = "cannot be computed any more" if options.get("isValid") is False else "is computed in another way"
        yield f"The field {item.name!r} {how}.", True


def _option_changes(name: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
    gone = [option for option_id, option in old.items() if option_id not in new]
    for option_id, option in new.items():
        if option_id not in old:
            if option in gone:
                gone.remove(option)
                yield f"The option {option!r} of {name!r} was deleted and made anew.", True
            else:
                yield f"The field {name!r} has the new option {option!r}.", False
        elif old[option_id] != option:
            yield f"The option {old[option_id]!r} of {name!r} is called {option!r} now, in older versions too.", True
    for option in gone:
        yield f"The option {option!r} of {name!r} is gone.", True


def _choices(options: Mapping[str, Any]) -> dict[str, str]:
    return {str(choice["id"]): str(choice["name"]) for choice in options.get("choices") or ()}


def _is_computed_otherwise(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Compare what of a field's options decides on its values; precision, formats and colours only show them."""
    if any(old.get(part) != new.get(part) for part in _COMPUTATION):
        return True
    if set(old.get("referencedFieldIds") or ()) != set(new.get("referencedFieldIds") or ()):
        return True
    if not _choices(old).items() <= _choices(new).items():  # a lookup of a select has the select's options
        return True
    old_result, new_result = old.get("result") or {}, new.get("result") or {}
    return old_result.get("type") != new_result.get("type") or (
        bool(old_result) and _is_computed_otherwise(old_result.get("options") or {}, new_result.get("options") or {})
    )


def _changes_by_computation(
    found: Mapping[str, SourceTable], differing: set[str], read_whole: set[str]
) -> Iterator[SchemaChange]:
    """Yield the tables whose formulas, lookups and rollups lead, over any number of steps, to fields that differ."""
    origins = {item.id: _origins(item.options or {}) for source in found.values() for item in source.table.fields}
    reached = set(differing)
    while more := {field_id for field_id, from_ids in origins.items() if from_ids & reached} - reached:
        reached |= more
    for name, source in found.items():
        names = [repr(item.name) for item in source.table.fields if item.id in reached]
        if names and name not in read_whole:
            yield SchemaChange(name, f"What is computed from other tables' fields changed: {', '.join(names)}.", True)


def _origins(options: Mapping[str, Any]) -> set[str]:
    single = {options.get("recordLinkFieldId"), options.get("fieldIdInLinkedTable")}
    return {str(field_id) for field_id in {*single, *(options.get("referencedFieldIds") or ())} if field_id}
