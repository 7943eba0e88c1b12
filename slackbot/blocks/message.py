"""An answer as a Slack message: Block Kit as plain dictionaries, because the SDK's classes drop the newest blocks.

Values stand in plain_text objects and raw cells only, where Slack reads no mark-up; the message's `text` is escaped.
"""

import math
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Any

from slackbot.answers.model import Answer, Column, Kind, Layout, Section
from slackbot.blocks.fit import (
    LONGEST_CELL,
    MOST_BLOCKS,
    MOST_COLUMNS,
    MOST_CONTEXT_ELEMENTS,
    MOST_DATA_TABLE_CHARACTERS,
    MOST_DATA_TABLE_ROWS,
    MOST_FIELD_TEXT,
    MOST_FIELDS,
    MOST_HEADER,
    MOST_SECTION_TEXT,
    MOST_TABLE_CHARACTERS,
    MOST_TABLE_ROWS,
    MOST_TEXT,
    clipped,
    paragraphs,
    rows_that_fit,
)
from slackbot.blocks.text import clean, escaped, plain_text, remarks, shown

Block = dict[str, Any]
Message = dict[str, Any]

_NUMBERS = (Kind.COUNT, Kind.NUMBER, Kind.RATE)
_PAGE_SIZE = 25
_MOST_BODY_BLOCKS = MOST_BLOCKS - 4  # besides header, summary, a line on what was cut, and the remarks


class Form(Enum):
    """How a table is sent, best first: not every workspace and client has the newer blocks."""

    DATA_TABLE = "data_table"
    TABLE = "table"
    SECTIONS = "sections"


def answer_message(answer: Answer, form: Form = Form.DATA_TABLE) -> Message:
    """Return `text` (one sentence for screen readers and notifications) and `blocks` of an answer."""
    filled = [section for section in answer.sections.values() if section.rows]
    tables = sum(section.layout is Layout.TABLE for section in filled)
    if form is Form.TABLE and tables > 1:  # Slack allows one in a message
        form = Form.SECTIONS
    body: list[Block] = []
    cut: list[str] = []
    for section in answer.sections.values():
        if not section.rows:
            body += [_section(section.empty)] if section.empty else []
        elif section.layout is Layout.CARD:
            body += _card(section)
        else:
            blocks, rows_shown = _table(section, form, tables)
            body += blocks
            if rows_shown < len(section.rows):
                cut.append(f"The first {rows_shown:,} of {len(section.rows):,} are shown: there is no room for more.")
    blocks = [
        {"type": "header", "text": _plain(clipped(clean(answer.findings.title), MOST_HEADER))},
        _section(clean(answer.findings.summary)),
        *body[:_MOST_BODY_BLOCKS],
        *(_section(line) for line in cut[:1]),
        *_context(remarks(answer)),
    ]
    return {"text": clipped_text(plain_text(answer)), "blocks": blocks}


def sentence_message(sentence: str) -> Message:
    """Return a message of one sentence, such as an error."""
    return {"text": clipped_text(clean(sentence)), "blocks": [_section(clean(sentence))]}


def clipped_text(plain: str) -> str:
    """Return a line for a message's `text`, escaped; cut before that, so that no entity is torn."""
    return escaped(clipped(plain, MOST_TEXT // len("&amp;")))


def _table(section: Section, form: Form, tables: int) -> tuple[list[Block], int]:
    """Return a section's rows as blocks, and how many rows they hold; `tables` share the room of the message."""
    columns = section.columns[:MOST_COLUMNS]
    if form is Form.SECTIONS:
        return _lines(section, _MOST_BODY_BLOCKS // tables)
    cells = [[column.label for column in columns]]
    cells += [[clipped(shown(column, row), LONGEST_CELL) for column in columns] for row in section.rows]
    if form is Form.DATA_TABLE:
        fitting = rows_that_fit(cells, MOST_DATA_TABLE_ROWS, MOST_DATA_TABLE_CHARACTERS // tables)
        return [_data_table(section, columns, fitting)], len(fitting) - 1
    fitting = rows_that_fit(cells, MOST_TABLE_ROWS, MOST_TABLE_CHARACTERS // tables)
    alignment = [{"align": "right" if column.kind in _NUMBERS else "left"} for column in columns]
    rows = [[_raw_text(cell) for cell in row] for row in fitting]
    return [{"type": "table", "column_settings": alignment, "rows": rows}], len(fitting) - 1


def _data_table(section: Section, columns: Sequence[Column], cells: Sequence[Sequence[str]]) -> Block:
    header, *rows = cells
    table = [[_raw_text(label) for label in header]]
    for row, texts in zip(section.rows, rows, strict=False):  # of the rows as many as fit
        table.append([_cell(column, row, text) for column, text in zip(columns, texts, strict=True)])
    caption = clipped(section.heading or "Rows", MOST_HEADER)
    return {"type": "data_table", "caption": caption, "page_size": _PAGE_SIZE, "rows": table}


def _cell(column: Column, row: object, text: str) -> Block:
    """Return a number as one, so that Slack sorts its column by size."""
    value = column.value(row)
    if column.kind in _NUMBERS and isinstance(value, int | float) and math.isfinite(value):
        return {"type": "raw_number", "value": value, "text": text}
    return _raw_text(text)


def _lines(section: Section, most_blocks: int) -> tuple[list[Block], int]:
    """Return rows as lines of text, and how many there was room for."""
    columns = [column for column in section.columns if column.main]
    lines = [" · ".join(_labelled(column, row) for column in columns) for row in section.rows]
    texts = list(paragraphs(lines))[:most_blocks]
    return [_section(text) for text in texts], sum(text.count("\n") + 1 for text in texts)


def _labelled(column: Column, row: object) -> str:
    value = clipped(shown(column, row), LONGEST_CELL)
    return value if column.kind is Kind.TEXT else f"{column.label} {value}"


def _card(section: Section) -> Iterator[Block]:
    """Yield the values there are, ten to a block."""
    for row in section.rows:
        present = [column for column in section.columns if column.value(row) is not None]
        fields = [_plain(clipped(f"{column.label}: {shown(column, row)}", MOST_FIELD_TEXT)) for column in present]
        for start in range(0, len(fields), MOST_FIELDS):
            yield {"type": "section", "fields": fields[start : start + MOST_FIELDS]}


def _context(lines: Sequence[str]) -> Iterator[Block]:
    if lines:
        elements = [_plain(clipped(line, MOST_FIELD_TEXT)) for line in lines[:MOST_CONTEXT_ELEMENTS]]
        yield {"type": "context", "elements": elements}


def _section(text: str) -> Block:
    return {"type": "section", "text": _plain(clipped(text, MOST_SECTION_TEXT))}


def _plain(text: str) -> Block:
    return {"type": "plain_text", "text": text, "emoji": False}


def _raw_text(text: str) -> Block:
    return {"type": "raw_text", "text": text}
