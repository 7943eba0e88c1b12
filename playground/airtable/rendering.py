"""Records as they are answered: stored cells, computed cells, and the bytes that are kept of them."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from playground.airtable.cells import is_empty
from playground.airtable.formula_functions import constant
from playground.airtable.formula_parser import FormulaSyntaxError
from playground.airtable.formula_values import FormulaError, Value
from playground.airtable.formulas import Formula, UnknownFieldsError, compile_formula
from playground.airtable.moments import read_time, whole_second
from playground.airtable.schema import Base, Field, Record, Table, kept_json

_TIME_TYPES = frozenset({"date", "dateTime", "createdTime", "lastModifiedTime"})
_ERROR = {"error": "#ERROR!"}


class Renderer:
    """Renders the records of one table; made anew when the schema changes.

    Attributes:
        table: the table.
        now: gives the present moment.
        names: field names by id.
        result_types: the type of each field's cells by field id.
        linked: the table that each link field leads to, by field id.
        computations: for each computed field that can be computed, how.
        is_cacheable: whether a record's cells change only with the record.
    """

    def __init__(self, base: Base, table: Table, now: Callable[[], datetime]) -> None:
        self.table = table
        self.now = now
        self.names = {field.id: field.name for field in table.fields}
        self._keys = (self.names, {field_id: field_id for field_id in self.names})
        self.result_types = {field.id: field.result_type for field in table.fields}
        self.linked = {
            field.id: linked
            for field in table.fields
            if field.type == "multipleRecordLinks"
            and (linked := base.table_named(field.options.get("linkedTableId", ""))) is not None
        }
        self.is_cacheable = True
        self.computations = {
            field.id: compute
            for field in table.fields
            if field.is_computed and (compute := self._computation(field)) is not None
        }

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
        if wanted is not None:
            cells = {field_id: cells[field_id] for field_id in wanted if field_id in cells}
        keys = self._keys[by_id]
        answer: dict[str, Any] = {"id": record.id, "createdTime": record.created}
        if comments:
            answer["commentCount"] = 0
        answer["fields"] = {keys[field_id]: cell for field_id, cell in cells.items()}
        return kept_json(answer)

    def cells(self, record: Record) -> dict[str, Any]:
        """Return all filled cells of a record by field id, the computed ones too."""
        cells = record.cells()
        row = RecordRow(self, record, cells)
        for field_id in self.computations:
            if is_empty(row.cell(field_id)):
                del cells[field_id]
        return cells

    def row(self, record: Record) -> "RecordRow":
        """Return what a formula reads of a record."""
        return RecordRow(self, record, None)

    def compile(self, text: str) -> Formula:
        """Return a formula over this table; see `compile_formula` for what it raises."""
        ids = {name.lower(): field_id for field_id, name in self.names.items()}
        ids |= {name: field_id for field_id, name in self.names.items()}
        ids |= self._keys[True]
        return compile_formula(text, lambda name: ids.get(name) or ids.get(name.lower()))

    def _computation(self, field: Field) -> "Callable[[RecordRow], Any] | None":
        match field.type:
            case "createdTime":
                return lambda row: row.record.created
            case "lastModifiedTime":
                watched = tuple(field.options.get("referencedFieldIds") or ())
                return lambda row: row.last_touched(watched) if watched else row.record.modified
            case "count":
                link_id = field.options.get("recordLinkFieldId", "")
                return lambda row: len(row.cell(link_id) or ())
            case "formula":
                return self._formula(field)
        return None

    def _formula(self, field: Field) -> "Callable[[RecordRow], Any]":
        try:
            formula = self.compile(field.options["formula"])
        except (KeyError, FormulaSyntaxError, UnknownFieldsError):
            return constant(_ERROR)
        # A formula over other records' names or the clock changes while this record does not.
        if formula.is_volatile or not formula.field_ids.isdisjoint(self.linked):
            self.is_cacheable = False
        result_type = field.result_type

        def compute(row: RecordRow) -> Any:
            try:
                return _as_cell(formula.evaluate(row), result_type)
            except FormulaError:
                return _ERROR

        return compute


class RecordRow:
    """One record as formulas see it; cells are decoded when first asked for, as many filters read none."""

    __slots__ = ("_cells", "_renderer", "record")

    def __init__(self, renderer: Renderer, record: Record, cells: dict[str, Any] | None) -> None:
        self.record = record
        self._renderer = renderer
        self._cells = cells

    @property
    def record_id(self) -> str:
        """The record's id."""
        return self.record.id

    @property
    def now(self) -> datetime:
        """The present moment."""
        return self._renderer.now()

    def created(self) -> datetime:
        """Return when the record was created."""
        return datetime.fromisoformat(self.record.created)  # ends with Z, as all times of ours

    def modified(self, field_ids: tuple[str, ...]) -> datetime | None:
        """Return when one of these fields (none named: any) was last changed."""
        latest = self.last_touched(field_ids) if field_ids else self.record.modified
        return None if latest is None else read_time(latest)

    def last_touched(self, field_ids: tuple[str, ...]) -> str | None:
        """Return when one of these fields was last changed, as records carry it; None: they were always empty."""
        touched = self.record.touched or {}
        # A cell that was never rewritten is as old as the record, if it is filled at all.
        times = [touched.get(i) or (self.record.created if self.cell(i) is not None else None) for i in field_ids]
        return max((time for time in times if time is not None), default=None)

    def cell(self, field_id: str) -> Any:
        """Return a cell as it is answered; None where it is empty."""
        cells = self._cells
        if cells is None:
            cells = self._cells = self.record.cells()
        if field_id in cells:
            return cells[field_id]
        compute = self._renderer.computations.get(field_id)
        if compute is None:
            return None
        cells[field_id] = _ERROR  # what a formula finds that reads itself
        value = cells[field_id] = compute(self)
        return value

    def value(self, field_id: str) -> Value:
        """Return a field's value."""
        cell = self.cell(field_id)
        result_type = self._renderer.result_types[field_id]
        if cell is None:
            return False if result_type == "checkbox" else None
        if isinstance(cell, dict):
            return _special_value(cell)
        if result_type in _TIME_TYPES:
            try:
                return read_time(cell)
            except ValueError as error:
                raise FormulaError from error
        if isinstance(cell, list) and field_id in self._renderer.linked:
            return self._linked_names(field_id, cell)
        return cell

    def _linked_names(self, field_id: str, record_ids: list[str]) -> list[Any]:
        table = self._renderer.linked[field_id]
        records = [table.records[i] for i in record_ids if i in table.records]
        return [record.cells().get(table.primary_field_id, "") for record in records]


def _special_value(cell: dict[str, Any]) -> Value:
    if "error" in cell:
        raise FormulaError
    if "specialValue" in cell:
        return float(cell["specialValue"])
    return cell.get("name") or cell.get("text")


def _as_cell(value: Value, result_type: str) -> Any:
    if result_type == "checkbox":
        return bool(value)
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        if math.isnan(value):
            return {"specialValue": "NaN"}
        if math.isinf(value):
            return {"specialValue": "Infinity" if value > 0 else "-Infinity"}
        return int(value) if value.is_integer() else value
    if isinstance(value, datetime):
        return whole_second(value.astimezone(UTC))
    return value
