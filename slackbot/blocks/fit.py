"""Slack's limits, and cutting text, rows and blocks so that they keep to them.

Source: Slack's Block Kit reference, 2026. Where two captures of it differ the smaller figure is used.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

MOST_BLOCKS = 50
MOST_VIEW_BLOCKS = 100  # of a modal or App Home
MOST_VIEW_BYTES = 200_000  # Slack refuses a view of more than 250 kB, and does not say how it counts
MOST_HEADER = 150
MOST_SECTION_TEXT = 3000
MOST_FIELDS = 10
MOST_FIELD_TEXT = 2000
MOST_CONTEXT_ELEMENTS = 10
MOST_ACTIONS = 25  # elements of an actions block
MOST_OPTIONS = 100  # of a select
MOST_LABEL = 75  # of a button or an option
MOST_PLACEHOLDER = 150
MOST_VIEW_TITLE = 24
MOST_TEXT = 4000  # of the message's own text, beyond which Slack advises against
MOST_COLUMNS = 20
MOST_DATA_TABLE_ROWS = 101  # with the header
MOST_DATA_TABLE_CHARACTERS = 20_000  # over all tables of a message
MOST_TABLE_ROWS = 100  # with the header
MOST_TABLE_CHARACTERS = 10_000
MOST_CHARTS = 2
MOST_CHART_TITLE = 50
MOST_SERIES = 6
MOST_POINTS = 20
MOST_POINT_LABEL = 20
LARGEST_NUMBER = 2**53  # ours: beyond it, JSON readers round

LONGEST_CELL = 120  # ours: one long value must not cost the other rows their place


def clipped(value: str, longest: int) -> str:
    """Return a text of at most so many characters, with … where something was cut."""
    return value if len(value) <= longest else f"{value[: longest - 1].rstrip()}…"


def rows_that_fit(rows: Sequence[Sequence[str]], most_rows: int, most_characters: int) -> Sequence[Sequence[str]]:
    """Return the first rows (the header among them) that keep to both limits."""
    characters = 0
    for number, row in enumerate(rows):
        characters += sum(len(cell) for cell in row)
        if number >= most_rows or characters > most_characters:
            return rows[:number]
    return rows


def paragraphs(lines: Sequence[str]) -> Iterator[str]:
    """Join lines to texts that each fit into a section."""
    gathered = ""
    for line in lines:
        fitting = clipped(line, MOST_SECTION_TEXT)
        if gathered and len(gathered) + 1 + len(fitting) > MOST_SECTION_TEXT:
            yield gathered
            gathered = fitting
        else:
            gathered = f"{gathered}\n{fitting}" if gathered else fitting
    if gathered:
        yield gathered


def shares(wanted: Sequence[int], total: int) -> list[int]:
    """Divide room: each gets what it wants or an equal part, and what the small leave goes to the large."""
    given = [0] * len(wanted)
    smallest_first = sorted(range(len(wanted)), key=wanted.__getitem__)
    for served, number in enumerate(smallest_first):
        given[number] = min(wanted[number], total // (len(wanted) - served))
        total -= given[number]
    return given


def distinct(labels: Sequence[str], longest: int) -> list[str]:
    """Return labels of at most so many characters, numbered where cutting them would make two the same."""
    cut: list[str] = []
    taken: set[str] = set()
    for label in labels:
        fitting, number = clipped(label, longest), 1
        while fitting in taken:
            number += 1
            mark = f" ({number})"
            fitting = clipped(label, longest - len(mark)) + mark
        taken.add(fitting)
        cut.append(fitting)
    return cut


def blocks_of_size(blocks: Sequence[Any], most_bytes: int) -> Sequence[Any]:
    """Return the first blocks that take at most so many bytes as the SDK sends them."""
    size = 0
    for number, block in enumerate(blocks):
        size += len(json.dumps(block)) + len(", ")
        if size > most_bytes:
            return blocks[:number]
    return blocks
