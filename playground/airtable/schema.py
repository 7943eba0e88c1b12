"""Bases, tables, fields and views as the schema API describes them."""

from dataclasses import dataclass, field
from typing import Any

import orjson

COMPUTED_TYPES = frozenset(
    {
        "aiText",
        "autoNumber",
        "button",
        "count",
        "createdBy",
        "createdTime",
        "externalSyncSource",
        "formula",
        "lastModifiedBy",
        "lastModifiedTime",
        "multipleLookupValues",
        "rollup",
    }
)
TEXT_TYPES = frozenset({"singleLineText", "multilineText", "richText", "email", "url", "phoneNumber"})
NUMBER_TYPES = frozenset({"number", "currency", "percent", "rating", "duration"})


@dataclass
class Field:
    """A field; `options` are Airtable's own (choices with ids, formula with field ids, ...)."""

    id: str
    name: str
    type: str
    options: dict[str, Any] = field(default_factory=dict)
    description: str | None = None

    @property
    def is_computed(self) -> bool:
        """Whether Airtable fills it, so that no write may."""
        return self.type in COMPUTED_TYPES

    @property
    def result_type(self) -> str:
        """The type of the cell: for a formula, that of its result."""
        result = self.options.get("result") if self.is_computed else None
        return str(result["type"]) if result else self.type

    @property
    def choices(self) -> list[dict[str, Any]]:
        """The options of a select field: id, name, perhaps color."""
        choices: list[dict[str, Any]] = self.options.setdefault("choices", [])
        return choices

    def described(self) -> dict[str, Any]:
        """Return the field as the schema API answers it."""
        described: dict[str, Any] = {"id": self.id, "name": self.name, "type": self.type}
        if self.description:
            described["description"] = self.description
        if self.options:
            described["options"] = self.options
        return described


class Record:
    """One version of a record; a write replaces it, so that whoever holds it keeps what was.

    250,000 of these must fit, which is why cells are kept as JSON bytes.

    Attributes:
        id: `rec...`.
        created: creation time as Airtable writes it, whole seconds.
        modified: last change of any cell that is not computed.
        stored: JSON object of the cells that are kept, by field id: all that are not computed, and those of computed
            fields that the base file gives verbatim.
        touched: when each field was last written, for `lastModifiedTime`; None: nothing since creation.
        answers: the record as serialised for answers, by names and by field ids, each with the table's revision it
            holds for.
    """

    __slots__ = ("answers", "created", "id", "modified", "stored", "touched")

    def __init__(
        self, record_id: str, created: str, modified: str, stored: bytes, touched: dict[str, str] | None = None
    ) -> None:
        self.id = record_id
        self.created = created
        self.modified = modified
        self.stored = stored
        self.touched = touched
        self.answers: list[tuple[int, bytes] | None] = [None, None]

    def cells(self) -> dict[str, Any]:
        """Return the stored cells by field id, a copy."""
        cells: dict[str, Any] = orjson.loads(self.stored)
        return cells


def kept_json(value: Any) -> bytes:
    """Return JSON that is kept for long: orjson's own bytes hold on to the buffer they grew in, often 8 kB."""
    return bytes(memoryview(orjson.dumps(value)))


@dataclass(eq=False)
class Table:
    """A table with its fields, views and records (in the order of creation).

    Attributes:
        revision: counts changes of the schema; what was serialised under an older one holds no longer.
    """

    id: str
    name: str
    primary_field_id: str
    fields: list[Field]
    views: list[dict[str, Any]] = field(default_factory=list)
    description: str | None = None
    records: dict[str, Record] = field(default_factory=dict)
    revision: int = 0

    def __post_init__(self) -> None:
        if not self.views:
            self.views.append({"id": "viw" + self.id[3:], "name": "Grid view", "type": "grid"})

    def field_named(self, name_or_id: str) -> Field | None:
        """Return the field with this id or name, or None."""
        return next((f for f in self.fields if name_or_id in (f.id, f.name)), None)

    def has_view(self, name_or_id: str) -> bool:
        """Tell whether there is a view with this id or name."""
        return any(name_or_id in (view["id"], view["name"]) for view in self.views)

    def described(self, *, visible_field_ids: bool = False) -> dict[str, Any]:
        """Return the table as the schema API answers it."""
        extra = {"visibleFieldIds": [f.id for f in self.fields]} if visible_field_ids else {}
        described: dict[str, Any] = {"id": self.id, "name": self.name, "primaryFieldId": self.primary_field_id}
        if self.description:
            described["description"] = self.description
        described["fields"] = [f.described() for f in self.fields]
        described["views"] = [{**view, **(extra if view["type"] == "grid" else {})} for view in self.views]
        return described


@dataclass(eq=False)
class Base:
    """A base with its tables."""

    id: str
    name: str
    tables: list[Table]

    def table_named(self, name_or_id: str) -> Table | None:
        """Return the table with this id or name, or None."""
        return next((t for t in self.tables if name_or_id in (t.id, t.name)), None)
