"""Slack's limits, and cutting text and rows so that they keep to them.

Source: Slack's Block Kit reference, 2026. Where two captures of it differ the smaller figure is used.
"""

from collections.abc import Iterator, Sequence

MOST_BLOCKS = 50
MOST_HEADER = 150
MOST_SECTION_TEXT = 3000
MOST_FIELDS = 10
MOST_FIELD_TEXT = 2000
MOST_CONTEXT_ELEMENTS = 10
MOST_TEXT = 4000  # of the message's own text, beyond which Slack advises against
MOST_COLUMNS = 20
MOST_DATA_TABLE_ROWS = 101  # with the header
MOST_DATA_TABLE_CHARACTERS = 20_000  # over all tables of a message
MOST_TABLE_ROWS = 100  # with the header
MOST_TABLE_CHARACTERS = 10_000

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
