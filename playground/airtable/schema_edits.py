"""Edits of a schema that people make in Airtable's own pages: fields, options and tables come, go and are renamed.

None of them moves a record's last modified time (research/airtable.md section 1.7).
"""

from collections.abc import Callable
from typing import Any

import orjson

from playground.airtable.schema import Base, Field, Table
from playground.airtable.store import Store


def edit(store: Store, base: str, edit: str, **arguments: Any) -> dict[str, Any]:
    """Carry out the edit with this name on a base, and return the base's tables as they are then.

    Raises:
        KeyError: there is no such edit, base, table, field or option.
        TypeError: arguments are missing or too many.
    """
    with store.lock:
        found = store.bases[base]
        _EDITS[edit](store, found, **arguments)
        store.schema_changed(found)
        return {"tables": [table.described() for table in found.tables]}


def _rename_table(_: Store, base: Base, table: str, name: str) -> None:
    _table(base, table).name = name


def _delete_table(_: Store, base: Base, table: str) -> None:
    base.tables.remove(_table(base, table))


def _rename_field(_: Store, base: Base, table: str, field: str, name: str) -> None:
    _field(_table(base, table), field).name = name


def _add_field(
    store: Store, base: Base, table: str, name: str, type: str, options: dict[str, Any] | None = None
) -> None:
    added = Field(store.new_id("fld"), name, type, options or {})
    for choice in added.options.get("choices", ()):
        choice.setdefault("id", store.new_id("sel"))
    _table(base, table).fields.append(added)


def _delete_field(_: Store, base: Base, table: str, field: str) -> None:
    found = _table(base, table)
    deleted = _field(found, field)
    found.fields.remove(deleted)
    _rewrite(found, lambda cells: cells.pop(deleted.id, None) is not None)


def _change_field(
    _: Store, base: Base, table: str, field: str, type: str | None = None, options: dict[str, Any] | None = None
) -> None:
    changed = _field(_table(base, table), field)
    changed.type = type or changed.type
    changed.options = changed.options if options is None else options


def _add_option(store: Store, base: Base, table: str, field: str, name: str) -> None:
    _field(_table(base, table), field).choices.append({"id": store.new_id("sel"), "name": name})


def _rename_option(_: Store, base: Base, table: str, field: str, option: str, name: str) -> None:
    found = _table(base, table)
    select = _field(found, field)
    next(choice for choice in select.choices if choice["name"] == option)["name"] = name

    def renamed(cells: dict[str, Any]) -> bool:
        value = cells.get(select.id)
        if value == option:
            cells[select.id] = name
        elif isinstance(value, list) and option in value:
            cells[select.id] = [name if item == option else item for item in value]
        else:
            return False
        return True

    _rewrite(found, renamed)


_EDITS: dict[str, Callable[..., None]] = {
    "rename_table": _rename_table,
    "delete_table": _delete_table,
    "rename_field": _rename_field,
    "add_field": _add_field,
    "delete_field": _delete_field,
    "change_field": _change_field,
    "add_option": _add_option,
    "rename_option": _rename_option,
}


def _rewrite(table: Table, change: Callable[[dict[str, Any]], bool]) -> None:
    for record in table.records.values():
        cells = record.cells()
        if change(cells):
            record.stored = orjson.dumps(cells)


def _table(base: Base, name: str) -> Table:
    found = base.table_named(name)
    if found is None:
        raise KeyError(name)
    return found


def _field(table: Table, name: str) -> Field:
    found = table.field_named(name)
    if found is None:
        raise KeyError(name)
    return found
