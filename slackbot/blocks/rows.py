"""The rows of an answer as blocks: tables, cards, what leads on from a row, and what there was no room for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from enum import Enum

from slackbot.answers.model import Column, Kind, Layout, Link, Page, Section
from slackbot.blocks.actions import ask_id, csv_id, open_id
from slackbot.blocks.elements import (
    Block,
    actions,
    bold,
    button,
    context,
    plain,
    raw_text,
    section,
    select,
    time_cell,
    time_text,
)
from slackbot.blocks.fit import (
    LARGEST_NUMBER,
    LONGEST_CELL,
    MOST_COLUMNS,
    MOST_DATA_TABLE_CHARACTERS,
    MOST_DATA_TABLE_ROWS,
    MOST_FIELD_TEXT,
    MOST_FIELDS,
    MOST_TABLE_CHARACTERS,
    MOST_TABLE_ROWS,
    clipped,
    paragraphs,
    rows_that_fit,
    shares,
)
from slackbot.blocks.text import NOTHING, clean, shown

_NUMBERS = (Kind.COUNT, Kind.NUMBER, Kind.RATE)
_PAGE_SIZE = 25
_MOST_LINES = 1000  # ours: more than anybody reads as text; a file has them all
_BLOCKS_BESIDES = 4  # at most, of a section: heading, what was cut, which page it is, what leads on


class Form(Enum):
    """How charts and tables are sent, best first: not every workspace and client has the newer blocks."""

    DATA_TABLE = "data_table"  # and charts as `data_visualization`
    TABLE = "table"
    SECTIONS = "sections"  # what every surface takes, modals among them


@dataclass(frozen=True)
class Reader:
    """Who reads an answer.

    Attributes:
        zone: their time zone, for what Slack does not show in it by itself.
        may_press: whether buttons and selects stand below the rows.
        line: what would be typed for the answer, for the buttons that need it; '' for none of them.
    """

    zone: tzinfo = UTC
    may_press: bool = True
    line: str = ""


def rows_blocks(
    sections: Mapping[str, Section],
    form: Form,
    reader: Reader,
    ids: Iterator[int],
    most_blocks: int,
    most_characters: int = MOST_DATA_TABLE_CHARACTERS,
) -> list[Block]:
    """Return the rows of all sections as blocks.

    Args:
        sections: by name, in the order in which people see them.
        form: how tables are sent; several `table` blocks are no message, so that they become sections.
        reader: who reads it.
        ids: numbers that tell the buttons of a surface apart.
        most_blocks: how many blocks there is room for.
        most_characters: how many characters the tables may have together.
    """
    tables = [each for each in sections.values() if each.rows and each.columns and each.layout is Layout.TABLE]
    cards = {name: list(_card(each, reader.zone)) for name, each in sections.items() if each.layout is Layout.CARD}
    if form is Form.TABLE and len(tables) > 1:  # Slack allows one in a message
        form = Form.SECTIONS
    if form is Form.SECTIONS:
        besides = sum(map(len, cards.values())) + _BLOCKS_BESIDES * len(sections)
        made = iter(_as_text(tables, reader.zone, max(0, most_blocks - besides)))
    else:
        made = iter(_as_tables(tables, form, reader.zone, most_characters))
    blocks: list[Block] = []
    for name, each in sections.items():
        if not each.rows or not each.columns:
            blocks += [section(clean(each.empty))] if each.empty and not each.rows else []
            continue
        # Of a data_table, the heading is its caption; of a lone section, the title says it all.
        heading = clean(each.heading)
        has_caption = each.layout is Layout.TABLE and form is Form.DATA_TABLE
        blocks += [bold(heading)] if heading and len(sections) > 1 and not has_caption else []
        body, rows_shown = (cards[name], len(each.rows)) if name in cards else next(made)
        blocks += [*body, *_below(each, name, rows_shown, reader, ids)]
    return blocks[:most_blocks]


def _as_text(tables: Sequence[Section], zone: tzinfo, most_blocks: int) -> list[tuple[list[Block], int]]:
    """Return each table as sections with a line for each row, and how many rows there was room for."""
    written = [list(paragraphs(_lines(table, zone))) for table in tables]
    rooms = shares([len(texts) for texts in written], most_blocks)
    return [_sections(texts[: max(1, room)]) for texts, room in zip(written, rooms, strict=True)]


def _sections(texts: Sequence[str]) -> tuple[list[Block], int]:
    return [section(text) for text in texts], sum(text.count("\n") + 1 for text in texts)


def _as_tables(
    tables: Sequence[Section], form: Form, zone: tzinfo, most_characters: int
) -> list[tuple[list[Block], int]]:
    """Return each table as one, and how many rows there was room for."""
    most = min(most_characters, MOST_TABLE_CHARACTERS) if form is Form.TABLE else most_characters
    cells = [_cells(table, zone) for table in tables]
    rooms = shares([sum(map(_length, rows)) for rows in cells], most)
    return [_table(table, rows, form, room, zone) for table, rows, room in zip(tables, cells, rooms, strict=True)]


def _length(row: Sequence[str]) -> int:
    return sum(map(len, row))


def _cells(table: Section, zone: tzinfo) -> list[list[str]]:
    """Return the header and as many rows as any table takes, each value as people read it."""
    columns = table.columns[:MOST_COLUMNS]
    return [
        [clipped(clean(column.label), LONGEST_CELL) or NOTHING for column in columns],
        *(
            [clipped(shown(column, row, zone), LONGEST_CELL) for column in columns]
            for row in table.rows[:MOST_DATA_TABLE_ROWS]
        ),
    ]


def _table(
    table: Section, cells: Sequence[Sequence[str]], form: Form, room: int, zone: tzinfo
) -> tuple[list[Block], int]:
    """Return the rows as a table of so many characters, and how many rows it holds."""
    most_rows = MOST_TABLE_ROWS if form is Form.TABLE else MOST_DATA_TABLE_ROWS
    header, *fitting = rows_that_fit(cells, most_rows, room) or [[]]
    if not fitting:  # not even one, of a table among very many
        return _as_text([table], zone, 1)[0]
    columns = table.columns[: len(header)]
    rows = [[raw_text(label) for label in header]]
    for row, texts in zip(table.rows, fitting, strict=False):  # of the rows as many as fit
        rows.append([_cell(column, row, text, form, zone) for column, text in zip(columns, texts, strict=True)])
    if form is Form.TABLE:
        alignment = [{"align": "right" if column.kind in _NUMBERS else "left"} for column in columns]
        return [{"type": "table", "column_settings": alignment, "rows": rows}], len(fitting)
    caption = clipped(clean(table.heading), MOST_FIELD_TEXT) or "Rows"
    return [{"type": "data_table", "caption": caption, "page_size": _PAGE_SIZE, "rows": rows}], len(fitting)


def _cell(column: Column, row: object, text: str, form: Form, zone: tzinfo) -> Block:
    """Return a time for its reader, and a number as one, so that Slack sorts its column by size."""
    value = column.value(row)
    if column.kind is Kind.TIME and isinstance(value, datetime):
        return time_cell(value, zone)
    if form is not Form.TABLE and column.kind in _NUMBERS and _is_number(value):
        return {"type": "raw_number", "value": value, "text": text}
    return raw_text(text)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST_NUMBER


def _lines(table: Section, zone: tzinfo) -> list[str]:
    columns = [column for column in table.columns if column.main] or table.columns[:1]
    return [" · ".join(_labelled(column, row, zone) for column in columns) for row in table.rows[:_MOST_LINES]]


def _labelled(column: Column, row: object, zone: tzinfo) -> str:
    value = clipped(shown(column, row, zone), LONGEST_CELL)
    return value if column.kind is Kind.TEXT else f"{clean(column.label)} {value}"


def _card(card: Section, zone: tzinfo) -> Iterator[Block]:
    """Yield the values there are, ten to a block."""
    for row in card.rows:
        present = [column for column in card.columns if column.value(row) is not None]
        fields = [_field(column, row, zone) for column in present]
        for start in range(0, len(fields), MOST_FIELDS):
            yield {"type": "section", "fields": fields[start : start + MOST_FIELDS]}


def _field(column: Column, row: object, zone: tzinfo) -> Block:
    value = column.value(row)
    if column.kind is Kind.TIME and isinstance(value, datetime):
        return time_text(f"{clean(column.label)}:", value, zone)
    return plain(clipped(f"{clean(column.label)}: {shown(column, row, zone)}", MOST_FIELD_TEXT))


def _below(each: Section, name: str, rows_shown: int, reader: Reader, ids: Iterator[int]) -> Iterator[Block]:
    """Yield what was cut, which page it is, and what leads on from here."""
    notes = []
    if rows_shown < len(each.rows):
        notes.append(f"The first {rows_shown:,} of {len(each.rows):,} are shown: there is no room for more.")
    if each.page is not None:
        notes.append(f"Rows {each.page.first:,} to {each.page.first + len(each.rows) - 1:,} of {each.page.total:,}.")
    yield from context(notes)
    if not reader.may_press:
        return
    elements = [
        _open(each, rows_shown, ids),
        *(_paging(each.page, ids) if each.page is not None else ()),
        _file(name, reader.line) if rows_shown < len(each.rows) or _file_has_more(each) else None,
    ]
    yield from actions([element for element in elements if element is not None])


def _open(each: Section, rows_shown: int, ids: Iterator[int]) -> Block | None:
    """Return what leads on from the rows that are shown: a button for one, a select for several."""
    if each.link is None:
        return None
    links: list[Link] = [each.link(row) for row in each.rows[:rows_shown]]
    if len(links) == 1:
        return button(f"Open {clean(links[0].label)}", links[0].line, ask_id(next(ids)))
    return select("Open…", links, open_id(next(ids)))


def _paging(page: Page, ids: Iterator[int]) -> Iterator[Block | None]:
    if page.before is not None:
        yield button("← Previous", page.before, ask_id(next(ids)))
    if page.after is not None:
        yield button("Next →", page.after, ask_id(next(ids)))


def _file(name: str, line: str) -> Block | None:
    return button("Send as CSV", line, csv_id(name))


def _file_has_more(each: Section) -> bool:
    """Return whether a file has more than the answer: other rows, or other columns."""
    is_part = each.page is not None and each.page.total > len(each.rows)
    return is_part or (bool(each.file_columns) and bool(each.rows))
