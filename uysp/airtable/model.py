"""What Airtable's answers are made of, and its limits: apart from the client, whose libraries take half a second."""

from dataclasses import dataclass
from typing import Any, TypedDict

PAGE_SIZE = 100  # records in one answer, Airtable's maximum
WRITE_SIZE = 10  # records in one write, Airtable's maximum


class Record(TypedDict):
    """A record as Airtable gives it, its fields keyed by field id."""

    id: str
    createdTime: str
    fields: dict[str, Any]


@dataclass(frozen=True)
class Field:
    """A field of a table's schema; `options` as the schema API gives them."""

    id: str
    name: str
    type: str
    options: dict[str, Any] | None


@dataclass(frozen=True)
class Table:
    """A table of a base's schema."""

    id: str
    name: str
    fields: tuple[Field, ...]
