"""The emulated bases in memory: reading, one way to write, and the schema edits that people make in Airtable."""

import random
import string
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from playground.airtable import base_file
from playground.airtable.cells import is_empty
from playground.airtable.clock import Clock
from playground.airtable.moments import whole_second
from playground.airtable.rendering import Renderer
from playground.airtable.schema import Base, Field, Record, Table, kept_json
from playground.airtable.tokens import Token

_random = random.SystemRandom()  # ids never come again, whoever seeds the global generator
_ID_CHARACTERS = string.ascii_letters + string.digits


@dataclass(frozen=True)
class Change:
    """What a write asks of one record.

    Attributes:
        table: the record's table.
        record_id: the record; one that is not there is created.
        cells: new cells by field id, None for an empty one; None: the record is deleted.
    """

    table: Table
    record_id: str
    cells: Mapping[str, Any] | None


@dataclass(frozen=True)
class Edit:
    """What a write did to one record; `before` None: created (or brought back), `after` None: deleted."""

    table: Table
    before: Record | None
    after: Record | None
    restored: bool = False


@dataclass(frozen=True)
class Commit:
    """A write that was applied, with the records that moved along through links; `source` as webhooks name it."""

    base: Base
    at: str
    edits: tuple[Edit, ...]
    source: str = "client"


@dataclass
class Store:
    """Bases, tokens and their state; methods may be called from any thread.

    Attributes:
        bases: by id.
        tokens: by token; None: any token opens everything.
        clock: what the emulated Airtable takes for now.
        path: the base file that is kept up to date; None: edits end with the process.
        listeners: called with every commit, after it was applied and kept.
        schema_listeners: called with the base after every edit of its schema.
        source: who is writing, as webhooks name it.
    """

    bases: dict[str, Base]
    tokens: dict[str, Token] | None = None
    clock: Clock = field(default_factory=Clock)
    path: Path | None = None
    listeners: list[Callable[[Commit], None]] = field(default_factory=list)
    schema_listeners: list[Callable[[Base], None]] = field(default_factory=list)
    source: str = "client"
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    _renderers: dict[str, Renderer] = field(default_factory=dict, repr=False)
    _journal: base_file.Journal | None = field(default=None, repr=False)
    _trash: dict[tuple[str, str], Record] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, path: Path | str, *, persist: bool = False, clock: Clock | None = None) -> Self:
        """Return the store of a base file.

        Args:
            path: the base file.
            persist: keep edits: each is appended to a journal beside the file, from which a later load takes it, and
                the file is rewritten on `close` and when the journal has grown big.
            clock: what the emulated Airtable takes for now.

        Raises:
            ConfigurationError: the file cannot be read or is no base file.
        """
        path = Path(path)
        bases, tokens = base_file.read(path)
        store = cls(bases, tokens, clock or Clock(), path if persist else None)
        if persist:
            for entry in base_file.journalled(path):
                store._replay(entry)
            store._journal = base_file.Journal(path)
        return store

    def close(self) -> None:
        """Bring the base file up to date, if this store keeps one."""
        with self.lock:
            if self._journal is not None:
                self.save()
                self._journal.close()
                self._journal = None

    def save(self) -> None:
        """Rewrite the base file with the present state, if this store keeps one."""
        with self.lock:
            if self.path is not None and self._journal is not None:
                base_file.write(self.path, self.bases.values(), self.tokens)
                self._journal.clear()

    def new_id(self, prefix: str) -> str:
        """Return an id as Airtable makes them: a prefix of three letters and 14 characters."""
        return prefix + "".join(_random.choices(_ID_CHARACTERS, k=14))

    def renderer(self, base: Base, table: Table) -> Renderer:
        """Return what renders the records of a table under the present schema."""
        renderer = self._renderers.get(table.id)
        if renderer is None:
            renderer = self._renderers[table.id] = Renderer(base, table, self.clock.now)
        return renderer

    def commit(self, base: Base, changes: Iterable[Change]) -> Commit:
        """Apply a write: all its changes at one moment, with the other side of every link.

        The caller has checked the changes; what does not differ changes nothing, as in Airtable.
        """
        with self.lock:
            at = whole_second(self.clock.now())
            changes = list(changes)
            commit = self._apply(base, at, changes)
            if self._journal is not None and commit.edits:
                entry = [[c.table.id, c.record_id, c.cells] for c in changes]
                self._journal.append({"base": base.id, "at": at, "changes": entry})
                if self._journal.is_big:
                    self.save()
            self._tell(commit)
            return commit

    def _tell(self, commit: Commit) -> None:
        for listener in self.listeners:
            listener(commit)

    # For what acts on the base from outside its API: automations of the sample, tests.

    def table(self, base_id: str, table: str) -> tuple[Base, Table]:
        """Return a base and its table by name or id.

        Raises:
            KeyError: there is none.
        """
        base = self.bases[base_id]
        found = base.table_named(table)
        if found is None:
            raise KeyError(table)
        return base, found

    def read(self, base_id: str, table: str, record_id: str) -> dict[str, Any]:
        """Return the filled cells of a record by field name, computed ones included.

        Raises:
            KeyError: there is no such record.
        """
        with self.lock:
            base, found = self.table(base_id, table)
            renderer = self.renderer(base, found)
            return {renderer.names[i]: v for i, v in renderer.cells(found.records[record_id]).items()}

    def read_all(self, base_id: str, table: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the id and the filled cells by field name of every record that is there now."""
        for record_id in list(self.table(base_id, table)[1].records):
            yield record_id, self.read(base_id, table, record_id)

    def create(self, base_id: str, table: str, records: Iterable[Mapping[str, Any]]) -> list[str]:
        """Create records from cells by field name or id, unchecked, and return their ids."""
        with self.lock:
            base, found = self.table(base_id, table)
            changes = [Change(found, self.new_id("rec"), _by_id(found, cells)) for cells in records]
            self.commit(base, changes)
            return [change.record_id for change in changes]

    def update(self, base_id: str, table: str, records: Mapping[str, Mapping[str, Any]]) -> None:
        """Write cells by field name or id, unchecked, to records by id; None empties a cell.

        Raises:
            KeyError: there is no such record, or no such field; nothing was changed.
        """
        with self.lock:
            base, found = self.table(base_id, table)
            for record_id in records:
                found.records[record_id]
            self.commit(base, [Change(found, i, _by_id(found, cells)) for i, cells in records.items()])

    def delete(self, base_id: str, table: str, record_ids: Iterable[str]) -> None:
        """Delete records by id; those that are not there stay so."""
        with self.lock:
            base, found = self.table(base_id, table)
            self.commit(base, [Change(found, i, None) for i in record_ids])

    def restore(self, base_id: str, table: str, record_ids: Iterable[str]) -> None:
        """Bring deleted records back from the trash, as they were; the journal of a kept base file does not have it.

        Raises:
            KeyError: one of them is not in the trash.
        """
        with self.lock:
            base, found = self.table(base_id, table)
            records = [self._trash.pop((found.id, record_id)) for record_id in record_ids]
            for record in records:
                found.records[record.id] = record
            edits = tuple(Edit(found, None, record, restored=True) for record in records)
            self._tell(Commit(base, whole_second(self.clock.now()), edits, self.source))

    def drift(self, base_id: str, table: str, record_id: str, name: str, value: Any) -> None:
        """Change a computed cell without any sign of it, as a formula over the present time does."""
        with self.lock:
            _, found = self.table(base_id, table)
            record = found.records[record_id]
            cells = {**record.cells(), **_by_id(found, {name: value})}
            drifted = Record(record.id, record.created, record.modified, kept_json(cells), record.touched)
            found.records[record_id] = drifted

    def schema_changed(self, base: Base) -> None:
        """Take note of an edit of the schema of a base: nothing rendered before holds any longer."""
        with self.lock:
            for table in base.tables:
                table.revision += 1
                self._renderers.pop(table.id, None)
            for listener in self.schema_listeners:
                listener(base)
            self.save()

    def _replay(self, entry: dict[str, Any]) -> None:
        base = self.bases.get(entry["base"])
        if base is not None:
            changes = [
                Change(table, record_id, cells)
                for table_id, record_id, cells in entry["changes"]
                if (table := base.table_named(table_id)) is not None
            ]
            self._apply(base, entry["at"], changes)

    def _apply(self, base: Base, at: str, changes: list[Change]) -> Commit:
        edits: dict[str, Edit] = {}
        for change in changes:
            self._write(base, at, change, edits)
        return Commit(base, at, tuple(edits.values()), self.source)

    def _write(self, base: Base, at: str, change: Change, edits: dict[str, Edit], *, follow_links: bool = True) -> None:
        table = change.table
        before = table.records.get(change.record_id)
        after = _deleted_or_changed(table, before, change, at)
        if after is before:
            return
        if after is None:
            self._trash[table.id, change.record_id] = table.records.pop(change.record_id)
        else:
            table.records[change.record_id] = after
        first = edits.get(change.record_id)
        edits[change.record_id] = Edit(table, first.before if first else before, after)
        if follow_links:
            for other, record_id, cells in _other_sides(base, table, change.record_id, before, after):
                self._write(base, at, Change(other, record_id, cells), edits, follow_links=False)


def _by_id(table: Table, cells: Mapping[str, Any]) -> dict[str, Any]:
    by_id = {}
    for name, value in cells.items():
        found = table.field_named(name)
        if found is None:
            raise KeyError(name)
        by_id[found.id] = value
    return by_id


def _deleted_or_changed(table: Table, before: Record | None, change: Change, at: str) -> Record | None:
    if change.cells is None:
        return None
    cells = before.cells() if before else {}
    written = {}
    for field_id, value in change.cells.items():
        value = None if is_empty(value) else value
        if cells.get(field_id) != value:
            written[field_id] = at
        if value is None:
            cells.pop(field_id, None)
        else:
            cells[field_id] = value
    if before is None:
        return Record(change.record_id, at, at, kept_json(cells))
    if not written:
        return before
    for computed in table.fields:
        # A computed cell given verbatim stands until something changes that it depends on.
        if computed.is_computed and computed.id in cells and computed.id not in change.cells:
            watched = computed.options.get("referencedFieldIds")
            if not watched or not written.keys().isdisjoint(watched):
                del cells[computed.id]
    return Record(before.id, before.created, at, kept_json(cells), {**(before.touched or {}), **written})


def _other_sides(
    base: Base, table: Table, record_id: str, before: Record | None, after: Record | None
) -> Iterator[tuple[Table, str, dict[str, Any]]]:
    """Yield what the inverse link fields of other records must hold after this record changed."""
    for link in table.fields:
        inverse_id = link.options.get("inverseLinkFieldId") if link.type == "multipleRecordLinks" else None
        other = base.table_named(link.options.get("linkedTableId", "")) if inverse_id else None
        if inverse_id is None or other is None:
            continue
        old = _links(before, link)
        new = _links(after, link)
        for linked_id in [*(i for i in old if i not in new), *(i for i in new if i not in old)]:
            if linked_id in other.records:
                present = other.records[linked_id].cells().get(inverse_id, [])
                rest = [i for i in present if i != record_id]
                yield other, linked_id, {inverse_id: [*rest, record_id] if linked_id in new else rest}


def _links(record: Record | None, link: Field) -> dict[str, None]:
    # Records without this link are most of them, and decoding them is what costs.
    if record is None or link.id.encode() not in record.stored:
        return {}
    return dict.fromkeys(record.cells().get(link.id, ()))
