"""What an answer is made of, whoever shows it: typed rows by section, and which of their values people see.

No look lives here: `slackbot.blocks` turns an answer into blocks, text or JSON.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, RowMapping

from slackbot.grammar import Question, Verb
from uysp.settings import Settings

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Row = TypeVar("Row", bound="DataclassInstance")


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
        definition: the column of a mart that says what it means, as `leads.booked`; "What is this?" shows dbt's
            description of it. None: it needs no words.
        is_personal: email, phone, notes: shown to the person alone, and left out of what is shared in a channel.
    """

    label: str
    kind: Kind
    value: Callable[[Any], object]
    main: bool = True
    definition: str | None = None
    is_personal: bool = False


@dataclass(frozen=True)
class Link:
    """Another question that an answer leads to.

    Attributes:
        label: a few words, such as a campaign's name.
        line: what would be typed for it, as `campaign "ChatGPT" step:2`.
    """

    label: str
    line: str


@dataclass(frozen=True)
class Choice:
    """The same question asked differently, such as over another period.

    Attributes:
        label: what is chosen, as `Period`.
        chosen: the line of the option that holds now.
    """

    label: str
    options: tuple[Link, ...]
    chosen: str


@dataclass(frozen=True)
class Page:
    """Which part of a longer list a section has.

    Attributes:
        first: number of its first row, from 1.
        total: rows in all.
        before: the line that shows the rows before these; None at the start.
        after: the line that shows the rows after these; None at the end.
    """

    first: int
    total: int
    before: str | None = None
    after: str | None = None


MOST_POINTS = 20  # along a chart's axis: Slack draws no more, and nobody reads more


class Shape(Enum):
    """What a chart looks like."""

    LINE = auto()
    BAR = auto()


@dataclass(frozen=True)
class Chart:
    """Numbers that people see as a picture, with at most MOST_POINTS categories.

    Attributes:
        title: a few words.
        categories: what stands along the horizontal axis, in order, such as days.
        series: by name, a number for each category; None where there is none.
        kind: how the numbers are written.
        summary: one sentence that says what is to be seen, for those who do not see it.
    """

    title: str
    shape: Shape
    categories: Sequence[str]
    series: Mapping[str, Sequence[float | None]]
    kind: Kind = Kind.COUNT
    summary: str = ""


@dataclass(frozen=True)
class Section:
    """Rows of one kind, in the order in which people see them.

    Attributes:
        rows: dataclass instances whose fields are named as in spec/metrics.md.
        columns: what people see of them.
        heading: a few words above the rows.
        empty: what people read where there are no rows; '' to show nothing.
        link: where a row leads; None: nowhere.
        page: where the rows are part of a longer list.
        file_columns: what a file has of them; (): what people see.
    """

    rows: Sequence[Any]
    columns: Sequence[Column] = ()
    heading: str = ""
    layout: Layout = Layout.TABLE
    empty: str = ""
    link: Callable[[Any], Link] | None = None
    page: Page | None = None
    file_columns: Sequence[Column] = ()


@dataclass(frozen=True)
class Findings:
    """What a verb found.

    Attributes:
        title: a few words.
        summary: one sentence with the numbers that matter, for those who read nothing else.
        sections: by the names of spec/interface.md (`uysp ask ... --json`).
        notes: what must be known to read the numbers right, a sentence each.
        charts: pictures of the numbers, the most telling first.
        links: where people go from here, the likeliest first; also back.
        choices: the same question asked differently.
        line: what would be typed for this very answer, so that it can be asked again or shared.
        writes: lines that write to what the answer is about; for the person who asked alone.
    """

    title: str
    summary: str
    sections: Mapping[str, Section]
    notes: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    links: tuple[Link, ...] = ()
    choices: tuple[Choice, ...] = ()
    line: str = ""
    writes: tuple[Link, ...] = ()


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
        is_unbuilt: whether records were read from Airtable, but no marts are built of them yet.
    """

    verb: str
    filters: Mapping[str, str]
    as_of: datetime
    data_as_of: datetime | None
    rests_on_data: bool
    clients: tuple[str, ...]
    findings: Findings
    is_unbuilt: bool = False

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
        sorts: the orders that `sort:` names; the first is the usual one.
    """

    verb: Verb
    answer: Callable[[Question, Connection, tuple[str, ...], Settings], Findings]
    sources: tuple[str, ...]
    marts: tuple[str, ...]
    section_names: tuple[str, ...]
    sorts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """A verb whose answer rests on no data, so that it is given also while the database is away."""

    verb: Verb
    answer: Callable[[Question], Findings]


def column_list(row_type: type) -> str:
    """Return the columns of a select that fills this dataclass."""
    return ", ".join(each.name for each in fields(row_type))


def read_row(row_type: type[Row], found: RowMapping) -> Row:
    """Return a row of the database as this dataclass; exact decimals become numbers that JSON knows."""
    return row_type(**{each.name: _number(found[each.name]) for each in fields(row_type)})


def _number(value: object) -> object:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
