"""Edits of a schema that people make in Airtable's own pages: fields, options and tables come, go and are renamed.

None of them moves a record's last modified time (research/airtable.md section 1.7).
"""

from collections.abc import Callable
from typing import Any

from playground.airtable.cells import is_empty
from playground.airtable.schema import Base, Field, Table, kept_json
from playground.airtable.store import Store


def edit(store: Store, base: str, edit: str, **arguments: Any) -> dict[str, Any]:
    """Carry out the edit with this name on a base, and return the base's tables as they are then.

    Raises:
        KeyError: there is no such edit, base, table, field or option.
        TypeError: arguments are missing or too many.
        ValueError: a field with the new name is there already.
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


def _add_table(store: Store, base: Base, name: str, fields: list[dict[str, Any]]) -> None:
    """The first field becomes the primary one."""
    added = [Field(store.new_id("fld"), f["name"], f["type"], f.get("options") or {}) for f in fields]
    base.tables.append(Table(store.new_id("tbl"), name, added[0].id, added))


def _rename_field(_: Store, base: Base, table: str, field: str, name: str) -> None:
    found = _table(base, table)
    if found.field_named(name) is not None:
        raise ValueError(f"{found.name} has a field {name} already")
    _field(found, field).name = name


def _add_field(store: Store, base: Base, table: str, name: str, **described: Any) -> None:
    """`described`: type and, where it has any, options, as in the schema API."""
    added = Field(store.new_id("fld"), name, described["type"], described.get("options") or {})
    for choice in added.options.get("choices", ()):
        choice.setdefault("id", store.new_id("sel"))
    _table(base, table).fields.append(added)


def _delete_field(_: Store, base: Base, table: str, field: str) -> None:
    found = _table(base, table)
    deleted = _field(found, field)
    found.fields.remove(deleted)
    _rewrite(found, lambda cells: cells.pop(deleted.id, None) is not None)


def _change_field(_: Store, base: Base, table: str, field: str, **described: Any) -> None:
    """`described`: type, options or both; cells stay as they are."""
    changed = _field(_table(base, table), field)
    changed.type = described.get("type", changed.type)
    changed.options = described.get("options", changed.options)


def _add_option(store: Store, base: Base, table: str, field: str, name: str) -> None:
    _field(_table(base, table), field).choices.append({"id": store.new_id("sel"), "name": name})


def _rename_option(_: Store, base: Base, table: str, field: str, option: str, name: str) -> None:
    found = _table(base, table)
    select = _field(found, field)
    _choice(select, option)["name"] = name
    _replace_option(found, select, option, [name])


def _delete_option(_: Store, base: Base, table: str, field: str, option: str) -> None:
    found = _table(base, table)
    select = _field(found, field)
    select.choices.remove(_choice(select, option))
    _replace_option(found, select, option, [])


def _replace_option(table: Table, select: Field, option: str, replacement: list[str]) -> None:
    def replaced(cells: dict[str, Any]) -> bool:
        value = cells.get(select.id)
        if value == option:
            cells[select.id] = replacement[0] if replacement else None
        elif isinstance(value, list) and option in value:
            cells[select.id] = [kept for item in value for kept in (replacement if item == option else [item])]
        else:
            return False
        if is_empty(cells[select.id]):
            del cells[select.id]
        return True

    _rewrite(table, replaced)


def _choice(select: Field, option: str) -> dict[str, Any]:
    for choice in select.choices:
        if choice["name"] == option:
            return choice
    raise KeyError(option)


_EDITS: dict[str, Callable[..., None]] = {
    "add_table": _add_table,
    "rename_table": _rename_table,
    "delete_table": _delete_table,
    "rename_field": _rename_field,
    "add_field": _add_field,
    "delete_field": _delete_field,
    "change_field": _change_field,
    "add_option": _add_option,
    "rename_option": _rename_option,
    "delete_option": _delete_option,
}


def _rewrite(table: Table, change: Callable[[dict[str, Any]], bool]) -> None:
    for record in table.records.values():
        cells = record.cells()
        if change(cells):
            record.stored = kept_json(cells)


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
