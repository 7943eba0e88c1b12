"""Create, update, upsert and delete requests (research/airtable.md section 1.3)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from playground.airtable import errors
from playground.airtable.behaviour import Behaviour
from playground.airtable.cells import RECORD_ID, Writing, accepted
from playground.airtable.parameters import flag
from playground.airtable.schema import Base, Field, Table
from playground.airtable.store import Change, Store

_MOST_PER_REQUEST = 10
_MERGE_TYPES = frozenset(["number", "singleLineText", "multilineText", "singleSelect", "multipleSelects", "date"])


@dataclass
class _Draft:
    """A write request in the making: nothing is applied until all of it has been accepted."""

    store: Store
    base: Base
    table: Table
    behaviour: Behaviour
    typecast: bool
    may_create_options: bool
    changes: list[Change] = field(default_factory=list)
    new_options: dict[tuple[str, str], Field] = field(default_factory=dict)
    new_linked: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, record_id: str, cells: Any, *, replace: bool = False) -> None:
        """Take in the cells of one record; `replace` empties what is not among them."""
        if not isinstance(cells, dict):
            raise errors.missing_fields()
        before = self.table.records.get(record_id)
        present = before.cells() if before else {}
        writing = Writing(
            self.behaviour, self.typecast, self._create_option if self.may_create_options else None, self._link
        )
        written: dict[str, Any] = {}
        if replace:
            written = {f.id: None for f in self.table.fields if f.id in present and not f.is_computed}
        for name, value in cells.items():
            target = self.table.field_named(name)
            if target is None:
                raise errors.unknown_field(name)
            written[target.id] = accepted(target, value, writing, was_filled=target.id in present)
        self.changes.append(Change(self.table, record_id, written))

    def apply(self) -> None:
        """Apply what was accepted."""
        if self.new_options:
            for (_, name), select in self.new_options.items():
                select.choices.append({"id": self.store.new_id("sel"), "name": name})
            self.store.schema_changed(self.base)
        self.store.commit(self.base, self.changes)

    def _create_option(self, select: Field, name: str) -> None:
        self.new_options[select.id, name] = select

    def _link(self, link: Field, text: str) -> str:
        linked = self.base.table_named(link.options.get("linkedTableId", ""))
        if linked is None:
            raise errors.invalid_value(link.name)
        if RECORD_ID.fullmatch(text):
            if text not in linked.records:
                raise errors.row_does_not_exist(text)
            return text
        for record in linked.records.values():
            if record.cells().get(linked.primary_field_id) == text:
                return record.id
        if (linked.id, text) not in self.new_linked:
            self.new_linked[linked.id, text] = created = self.store.new_id("rec")
            self.changes.append(Change(linked, created, {linked.primary_field_id: text}))
        return self.new_linked[linked.id, text]


@dataclass(frozen=True)
class WriteRequest:
    """A write on a table: where, under which switches, what, and whether the user may create select options."""

    store: Store
    base: Base
    table: Table
    behaviour: Behaviour
    body: Mapping[str, Any]
    may_create_options: bool

    def create(self) -> bytes:
        """Create one record or up to ten.

        Raises:
            Refusal: something in it is not accepted; nothing was changed.
        """
        single = "records" not in self.body
        given = [self.body] if single else self._records()
        ids = [self.store.new_id("rec") for _ in given]
        self._write([(record_id, raw.get("fields"), False) for record_id, raw in zip(ids, given, strict=True)])
        return self._one(ids[0]) if single else self._answer(ids)

    def update_one(self, record_id: str, *, replace: bool) -> bytes:
        """Update one record; `replace` (PUT) empties the cells that are not sent."""
        self._must_exist(record_id)
        self._write([(record_id, self.body.get("fields"), replace)])
        return self._one(record_id)

    def update_many(self, *, replace: bool) -> bytes:
        """Update up to ten records, or with `performUpsert` create those that match none."""
        if "performUpsert" in self.body:
            return self._upsert(replace=replace)
        given = self._records()
        for raw in given:
            if not isinstance(raw.get("id"), str):
                raise errors.invalid_records()
            self._must_exist(raw["id"])
        self._write([(raw["id"], raw.get("fields"), replace) for raw in given])
        return self._answer([raw["id"] for raw in given])

    def _upsert(self, *, replace: bool) -> bytes:
        merge_on = self._merge_fields()
        given = self._records()
        index: dict[bytes, list[str]] = {}
        for record in self.table.records.values():
            cells = record.cells()
            index.setdefault(orjson.dumps([cells.get(f.id) for f in merge_on]), []).append(record.id)
        writes: list[tuple[str, Any, bool]] = []
        created: list[str] = []
        updated: list[str] = []
        for raw in given:
            sent = raw.get("fields")
            if not isinstance(sent, dict):
                raise errors.missing_fields()
            if raw.get("id") is not None:
                self._must_exist(raw["id"])
                matches = [raw["id"]]
            else:
                by_id = {f.id: value for name, value in sent.items() if (f := self.table.field_named(name))}
                if any(f.id not in by_id for f in merge_on):
                    raise errors.invalid_request()
                matches = index.get(orjson.dumps([by_id[f.id] for f in merge_on]), [])
            if len(matches) > 1:
                raise errors.invalid_request()
            record_id = matches[0] if matches else self.store.new_id("rec")
            (updated if matches else created).append(record_id)
            writes.append((record_id, sent, replace))
        self._write(writes)
        ids = [record_id for record_id, _, _ in writes]
        lists = orjson.dumps({"createdRecords": created, "updatedRecords": updated})
        return self._answer(ids)[:-1] + b"," + lists[1:]

    def _merge_fields(self) -> list[Field]:
        upsert = self.body["performUpsert"]
        names = upsert.get("fieldsToMergeOn") if isinstance(upsert, dict) else None
        if not isinstance(names, list) or not 1 <= len(names) <= 3:
            raise errors.invalid_request()
        fields = []
        for name in names:
            found = self.table.field_named(str(name))
            if found is None:
                raise errors.unknown_field(str(name))
            if found.type not in _MERGE_TYPES:
                raise errors.invalid_request()
            fields.append(found)
        return fields

    def _records(self) -> list[dict[str, Any]]:
        records = self.body.get("records")
        if not isinstance(records, list) or not 1 <= len(records) <= _MOST_PER_REQUEST:
            raise errors.invalid_records()
        if not all(isinstance(raw, dict) for raw in records):
            raise errors.invalid_records()
        return records

    def _must_exist(self, record_id: str) -> None:
        if record_id not in self.table.records:
            raise errors.row_does_not_exist(record_id)

    def _write(self, writes: list[tuple[str, Any, bool]]) -> None:
        draft = _Draft(
            self.store,
            self.base,
            self.table,
            self.behaviour,
            flag(dict(self.body), "typecast"),
            self.may_create_options,
        )
        try:
            for record_id, cells, replace in writes:
                draft.add(record_id, cells, replace=replace)
        except errors.Refusal:
            if not self.behaviour.atomic_batches:
                draft.apply()
            raise
        draft.apply()

    def _one(self, record_id: str) -> bytes:
        by_id = flag(dict(self.body), "returnFieldsByFieldId")
        return self.store.renderer(self.base, self.table).answer(self.table.records[record_id], by_id=by_id)

    def _answer(self, record_ids: list[str]) -> bytes:
        return b'{"records":[' + b",".join(self._one(record_id) for record_id in record_ids) + b"]}"


def delete(store: Store, base: Base, table: Table, record_ids: Any) -> list[dict[str, Any]]:
    """Delete up to ten records, or none of them.

    Raises:
        Refusal: too many or none, or one that is not there.
    """
    if not isinstance(record_ids, list) or not 1 <= len(record_ids) <= _MOST_PER_REQUEST:
        raise errors.invalid_records()
    for record_id in record_ids:
        if record_id not in table.records:
            raise errors.row_does_not_exist(record_id)
    store.commit(base, [Change(table, record_id, None) for record_id in record_ids])
    return [{"deleted": True, "id": record_id} for record_id in record_ids]
