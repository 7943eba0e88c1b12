"""What an answer is made of, whoever shows it: typed rows by section, and which of their values people see.

No look lives here: `slackbot.blocks` turns an answer into blocks, text or JSON.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto
from typing import Any, TypeVar

from sqlalchemy import Connection, RowMapping

from slackbot.grammar import Question, Verb
from uysp.settings import Settings

Row = TypeVar("Row")


class Kind(Enum):
    """How people see a value; NULL is “–” in all."""

    TEXT = auto()
    COUNT = auto()  # thousands separators
    NUMBER = auto()  # one decimal
    RATE = auto()  # a fraction, as a percentage with one decimal
    TIME = auto()
    FLAG = auto()  # yes or no


class Layout(Enum):
    """How people see the rows of a section."""

    TABLE = auto()
    CARD = auto()  # one row, its columns one under the other


@dataclass(frozen=True)
class Column:
    """A value of each row that people see.

    Attributes:
        value: takes it out of a row.
        main: whether it is shown where room is short.
    """

    label: str
    kind: Kind
    value: Callable[[Any], object]
    main: bool = True


@dataclass(frozen=True)
class Section:
    """Rows of one kind, in the order in which people see them.

    Attributes:
        rows: dataclass instances whose fields are named as in spec/metrics.md.
        columns: what people see of them.
        heading: a few words above the rows.
        empty: what people read where there are no rows; '' to show nothing.
    """

    rows: Sequence[Any]
    columns: Sequence[Column] = ()
    heading: str = ""
    layout: Layout = Layout.TABLE
    empty: str = ""


@dataclass(frozen=True)
class Findings:
    """What a verb found.

    Attributes:
        title: a few words.
        summary: one sentence with the numbers that matter, for those who read nothing else.
        sections: by the names of spec/interface.md (`uysp ask ... --json`).
        notes: what must be known to read the numbers right, a sentence each.
    """

    title: str
    summary: str
    sections: Mapping[str, Section]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """A complete answer.

    Attributes:
        filters: as they were understood.
        as_of: the moment of the answer.
        data_as_of: last successful look at Airtable of the oldest table that the answer rests on; None: never, or it
            rests on none.
        rests_on_data: whether the age of the data says anything about it.
        clients: keys of the clients it covers.
    """

    verb: str
    filters: Mapping[str, str]
    as_of: datetime
    data_as_of: datetime | None
    rests_on_data: bool
    clients: tuple[str, ...]
    findings: Findings

    @property
    def sections(self) -> Mapping[str, Section]:
        """Return the rows by section."""
        return self.findings.sections


@dataclass(frozen=True)
class Topic:
    """A verb with what answers it from the data.

    Attributes:
        answer: takes the question, a connection in a read-only snapshot, the keys of the clients to look at, and the
            settings.
        sources: the raw tables that its numbers come from.
        marts: the relations of schema `marts` that it cannot do without.
        section_names: the sections it has whatever is found.
    """

    verb: Verb
    answer: Callable[[Question, Connection, tuple[str, ...], Settings], Findings]
    sources: tuple[str, ...]
    marts: tuple[str, ...]
    section_names: tuple[str, ...]


@dataclass(frozen=True)
class Explanation:
    """A verb whose answer rests on no data, so that it is given also while the database is away."""

    verb: Verb
    answer: Callable[[Question], Findings]


def column_list(row_type: type) -> str:
    """Return the columns of a select that fills this dataclass."""
    return ", ".join(field.name for field in fields(row_type))


def read_row(row_type: type[Row], found: RowMapping) -> Row:
    """Return a row of the database as this dataclass; exact decimals become numbers that JSON knows."""
    return row_type(**{field.name: _number(found[field.name]) for field in fields(row_type)})  # type: ignore[arg-type]  # a dataclass


def _number(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
