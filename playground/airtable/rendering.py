"""Records as they are answered: stored cells, computed cells, and the bytes that are kept of them."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson

from playground.airtable.cells import is_empty
from playground.airtable.formula_parser import FormulaSyntaxError
from playground.airtable.formula_values import FormulaError, Value
from playground.airtable.formulas import Formula, UnknownFieldsError, compile_formula
from playground.airtable.moments import read_time, whole_second
from playground.airtable.schema import Base, Field, Record, Table

_TIME_TYPES = ("date", "dateTime", "createdTime", "lastModifiedTime")


class Renderer:
    """Renders the records of one table; made anew when the schema changes."""

    def __init__(self, base: Base, table: Table, now: Callable[[], datetime]) -> None:
        self.table = table
        self.now = now
        self.fields = {field.id: field for field in table.fields}
        self.names = {field.id: field.name for field in table.fields}
        self.computed = [field for field in table.fields if field.is_computed]
        self.stored_ids = frozenset(field.id for field in table.fields if not field.is_computed)
        self.linked = {
            field.id: linked
            for field in table.fields
            if field.type == "multipleRecordLinks"
            and (linked := base.table_named(field.options.get("linkedTableId", ""))) is not None
        }
        self.formulas = {field.id: self._formula(field) for field in self.computed if field.type == "formula"}
        # A formula over other records' names or the clock changes while this record does not: nothing can be kept.
        self.is_cacheable = not any(
            formula is not None and (formula.is_volatile or formula.field_ids & self.linked.keys())
            for formula in self.formulas.values()
        )

    def answer(self, record: Record, *, by_id: bool) -> bytes:
        """Return a record with all its cells as JSON."""
        kept = record.answers[by_id]
        if kept is not None and kept[0] == self.table.revision:
            return kept[1]
        body = self.selected(record, by_id=by_id, wanted=None)
        if self.is_cacheable:
            record.answers[by_id] = (self.table.revision, body)
        return body

    def selected(self, record: Record, *, by_id: bool, wanted: list[str] | None, comments: bool = False) -> bytes:
        """Return a record with the cells of the fields `wanted` (None: all) as JSON."""
        cells = self.cells(record)
        ids = self.fields if wanted is None else wanted
        keys = {field_id: field_id for field_id in ids} if by_id else self.names
        answer: dict[str, Any] = {"id": record.id, "createdTime": record.created}
        if comments:
            answer["commentCount"] = 0
        answer["fields"] = {keys[field_id]: cells[field_id] for field_id in ids if field_id in cells}
        return orjson.dumps(answer)

    def cells(self, record: Record) -> dict[str, Any]:
        """Return all filled cells of a record by field id, the computed ones too."""
        cells = record.cells()
        row = RecordRow(self, record, cells)
        for field in self.computed:
            value = row.cell(field)
            if not is_empty(value):
                cells[field.id] = value
        return cells

    def row(self, record: Record) -> "RecordRow":
        """Return what a formula reads of a record."""
        return RecordRow(self, record, None)

    def compile(self, text: str) -> Formula:
        """Return a formula over this table; see `compile_formula` for what it raises."""
        lower = {name.lower(): field_id for field_id, name in reversed(self.names.items())}
        exact = {name: field_id for field_id, name in reversed(self.names.items())}
        return compile_formula(
            text, lambda name: name if name in self.fields else exact.get(name) or lower.get(name.lower())
        )

    def _formula(self, field: Field) -> Formula | None:
        try:
            return self.compile(field.options["formula"])
        except (KeyError, FormulaSyntaxError, UnknownFieldsError):
            return None


class RecordRow:
    """One record as formulas see it; cells are decoded when first asked for, as many filters read none."""

    __slots__ = ("_cells", "_computing", "_renderer", "id", "now", "record")

    def __init__(self, renderer: Renderer, record: Record, cells: dict[str, Any] | None) -> None:
        self._renderer = renderer
        self._cells = cells
        self._computing: set[str] = set()
        self.record = record
        self.id = record.id
        self.now = renderer.now()

    def value(self, field_id: str) -> Value:
        """Return a field's value."""
        field = self._renderer.fields[field_id]
        cell = self.cell(field)
        if isinstance(cell, dict):
            if "error" in cell:
                raise FormulaError
            if "specialValue" in cell:
                return float(cell["specialValue"])
            return cell.get("name") or cell.get("text")
        if cell is None:
            return False if field.result_type == "checkbox" else None
        if field.result_type in _TIME_TYPES:
            try:
                return read_time(cell)
            except ValueError as error:
                raise FormulaError from error
        if field_id in self._renderer.linked:
            return self._linked_names(field_id, cell)
        return cell

    def created(self) -> datetime:
        """Return when the record was created."""
        return read_time(self.record.created)

    def modified(self, field_ids: tuple[str, ...]) -> datetime | None:
        """Return when one of these fields (none named: any) was last changed."""
        if not field_ids:
            return read_time(self.record.modified)
        latest = self._last_touched(field_ids)
        return None if latest is None else read_time(latest)

    def cell(self, field: Field) -> Any:
        """Return a cell as it is answered; None where it is empty."""
        if self._cells is None:
            self._cells = self.record.cells()
        if field.id in self._cells or not field.is_computed:
            return self._cells.get(field.id)
        match field.type:
            case "formula":
                return self._formula_cell(field)
            case "createdTime":
                return self.record.created
            case "lastModifiedTime":
                watched = tuple(field.options.get("referencedFieldIds") or ())
                return self._last_touched(watched) if watched else self.record.modified
            case "count":
                return len(self._cells.get(field.options.get("recordLinkFieldId", ""), ()))
        return None

    def _last_touched(self, field_ids: tuple[str, ...]) -> str | None:
        touched = self.record.touched or {}
        if self._cells is None:
            self._cells = self.record.cells()
        # A cell that was never rewritten is as old as the record, if it is filled at all.
        times = [touched.get(i) or (self.record.created if i in self._cells else None) for i in field_ids]
        return max((time for time in times if time is not None), default=None)

    def _formula_cell(self, field: Field) -> Any:
        formula = self._renderer.formulas[field.id]
        if formula is None or field.id in self._computing:
            return {"error": "#ERROR!"}
        self._computing.add(field.id)
        try:
            return _as_cell(formula.evaluate(self), field.result_type)
        except FormulaError:
            return {"error": "#ERROR!"}
        finally:
            self._computing.discard(field.id)

    def _linked_names(self, field_id: str, record_ids: list[str]) -> list[Any]:
        table = self._renderer.linked[field_id]
        records = [table.records[i] for i in record_ids if i in table.records]
        return [record.cells().get(table.primary_field_id, "") for record in records]


def _as_cell(value: Value, result_type: str) -> Any:
    if isinstance(value, bool):
        return value if result_type == "checkbox" else int(value)
    if isinstance(value, float):
        if math.isnan(value):
            return {"specialValue": "NaN"}
        if math.isinf(value):
            return {"specialValue": "Infinity" if value > 0 else "-Infinity"}
        return int(value) if value.is_integer() else value
    if isinstance(value, datetime):
        return whole_second(value.astimezone(UTC))
    if result_type == "checkbox":
        return bool(value)
    return value
