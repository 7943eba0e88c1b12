"""List requests: which records, in which order, page by page (research/airtable.md section 1.2)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from playground.airtable import errors
from playground.airtable.formula_parser import FormulaSyntaxError
from playground.airtable.formula_values import FormulaError, is_true
from playground.airtable.formulas import Formula, UnknownFieldsError
from playground.airtable.parameters import ListParameters
from playground.airtable.rendering import Renderer
from playground.airtable.schema import Base, Field, Record, Table

if TYPE_CHECKING:
    from playground.airtable.emulation import Emulation
    from playground.airtable.store import Edit, Store

_MANY = 10_000  # records that a filter goes through for tenths of a second
_OFFSET = re.compile(r"(itr[0-9A-Za-z]{14})/(rec[0-9A-Za-z]{14})")


@dataclass
class OpenList:
    """A list that a client reads page by page: the ids are fixed when it starts.

    Attributes:
        table: whose records these are.
        ids: all records of the list, in order.
        places: for each offset given out, by the record it names: where that page starts, and its number.
        used: when a page was last asked for.
    """

    table: Table
    ids: list[str]
    places: dict[str, tuple[int, int]]
    used: float


class Iterators:
    """The lists that clients are in the middle of."""

    def __init__(self) -> None:
        self._open: dict[str, OpenList] = {}

    def kill(self) -> None:
        """Forget every list, as a restart of Airtable's servers does."""
        self._open.clear()

    def add(self, iterator_id: str, opened: OpenList, now: float, lifetime: float) -> None:
        """Keep a list; forget those that nobody came back to."""
        self._open = {key: kept for key, kept in self._open.items() if now - kept.used < lifetime}
        self._open[iterator_id] = opened

    def page_number(self, offset: str | None) -> int | None:
        """Return the number of the page that an offset leads to; None: no offset of ours."""
        if offset is None:
            return 1
        iterator_id, _, record_id = offset.partition("/")
        opened = self._open.get(iterator_id)
        place = opened.places.get(record_id) if opened else None
        return place[1] if place else None

    def resume(self, offset: str, table: Table, now: float, lifetime: float) -> tuple[str, OpenList, int, int]:
        """Return the list that an offset continues, with its id, where the page starts, and the page's number.

        Raises:
            Refusal: the offset is none of ours, or no longer known.
        """
        match = _OFFSET.fullmatch(offset)
        if match is None:
            raise errors.invalid_offset(offset)
        opened = self._open.get(match[1])
        if opened is None or now - opened.used >= lifetime:
            raise errors.iterator_not_available()
        place = opened.places.get(match[2])
        if place is None or opened.table is not table:
            raise errors.invalid_offset(offset)
        opened.used = now
        return match[1], opened, *place


@dataclass
class Delays:
    """Records that lists still show as they were before a write."""

    _hidden: dict[tuple[str, str], tuple[float, Record | None]] = field(default_factory=dict)

    def hide(self, edit: "Edit", until: float) -> None:
        """Show a record as it was before an edit until then."""
        known = edit.before or edit.after
        if known is not None:
            self._hidden.setdefault((edit.table.id, known.id), (until, edit.before))

    def as_listed(self, table: Table, now: float) -> Mapping[str, Record]:
        """Return the records of a table as lists show them now."""
        self._hidden = {key: kept for key, kept in self._hidden.items() if kept[0] > now}
        if not self._hidden:
            return table.records
        listed = dict(table.records)
        for (table_id, record_id), (_, before) in self._hidden.items():
            if table_id == table.id:
                if before is None:
                    listed.pop(record_id, None)
                else:
                    listed[record_id] = before
        return listed


def list_records(emulation: "Emulation", base: Base, table: Table, asked: ListParameters) -> bytes:
    """Return a page of a list as JSON.

    Raises:
        Refusal: a parameter is refused, or the offset is no longer known.
    """
    store, behaviour = emulation.store, emulation.behaviour
    now = store.clock.elapsed()
    renderer = store.renderer(base, table)
    if asked.view is not None and not table.has_view(asked.view):
        raise errors.unknown_view(asked.view)
    wanted = None if asked.fields is None else [_field(table, name).id for name in asked.fields]
    records = emulation.delays.as_listed(table, now)
    if asked.offset is None:
        ids = _matching(store, renderer, table, records, asked, emulation.hidden)
        iterator_id, opened, start, number = store.new_id("itr"), OpenList(table, ids, {}, now), 0, 1
    else:
        iterator_id, opened, start, number = emulation.iterators.resume(
            asked.offset, table, now, behaviour.iterator_seconds
        )
    page: list[Record] = []
    position = start
    while position < len(opened.ids) and len(page) < asked.page_size:
        # A record that was deleted since the list began is passed over.
        if (record := records.get(opened.ids[position])) is not None:
            page.append(record)
        position += 1
    if wanted is None and not asked.comments:
        rendered = [renderer.answer(record, by_id=asked.by_id) for record in page]
    else:
        rendered = [
            renderer.selected(record, by_id=asked.by_id, wanted=wanted, comments=asked.comments) for record in page
        ]
    body = b'{"records":[' + b",".join(rendered) + b"]"
    if position < len(opened.ids):
        next_id = opened.ids[position]
        opened.places[next_id] = (position, number + 1)
        if asked.offset is None:
            emulation.iterators.add(iterator_id, opened, now, behaviour.iterator_seconds)
        body += f',"offset":"{iterator_id}/{next_id}"'.encode()
    return body + b"}"


def _matching(
    store: "Store",
    renderer: Renderer,
    table: Table,
    records: Mapping[str, Record],
    asked: ListParameters,
    hidden: set[str],
) -> list[str]:
    sorting = [(_field(table, name), descending) for name, descending in asked.sort]
    if asked.filter is None:
        found: Iterable[Record] = [r for r in records.values() if r.id not in hidden] if hidden else records.values()
    else:
        formula = _filter(renderer, asked.filter)
        found = list(_candidates(formula, records))
        with _others_let_in(store) if len(found) > _MANY else nullcontext():
            found = [record for record in found if _keeps(formula, renderer, record)]
    if sorting:
        found = list(found)
        cells = {record.id: renderer.cells(record) for record in found}
        for by, descending in reversed(sorting):
            ranks = {choice["name"]: rank for rank, choice in enumerate(by.choices)} if "Select" in by.type else {}
            found.sort(key=lambda r: _sort_key(cells[r.id].get(by.id), ranks), reverse=descending)
    return [record.id for record in found][: asked.max_records]


@contextmanager
def _others_let_in(store: "Store") -> Iterator[None]:
    """Give the store's lock away meanwhile: Airtable answers others while a filter goes through many records."""
    store.lock.release()
    try:
        yield
    finally:
        store.lock.acquire()


def _filter(renderer: Renderer, text: str) -> Formula:
    try:
        return renderer.compile(text)
    except FormulaSyntaxError:
        raise errors.invalid_filter("Invalid formula. Please check your formula text.") from None
    except UnknownFieldsError as unknown:
        # Airtable answers with the names in lower case.
        names = ", ".join(name.lower() for name in unknown.args)
        raise errors.invalid_filter(f"Unknown field names: {names}") from None


def _candidates(formula: Formula, records: Mapping[str, Record]) -> Iterable[Record]:
    if formula.record_ids is None:
        return records.values()
    if len(formula.record_ids) * 20 > len(records):
        return [record for record in records.values() if record.id in formula.record_ids]
    return [records[record_id] for record_id in sorted(formula.record_ids) if record_id in records]


def _keeps(formula: Formula, renderer: Renderer, record: Record) -> bool:
    try:
        return is_true(formula.evaluate(renderer.row(record)))
    except FormulaError:
        return False


def _sort_key(cell: Any, ranks: dict[str, int]) -> tuple[int, Any]:
    """Order cells of one field: empty ones first, numbers, then what is no number; options in their own order."""
    if cell is None:
        return (0, 0)
    if isinstance(cell, list):
        return (2, ", ".join(str(item).lower() for item in cell))
    if isinstance(cell, str) and cell in ranks:
        return (1, ranks[cell])
    if isinstance(cell, int | float):
        return (1, cell)
    return (2, str(cell).lower())


def _field(table: Table, name: str) -> Field:
    found = table.field_named(name)
    if found is None:
        raise errors.unknown_field(name)
    return found
