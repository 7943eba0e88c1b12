"""An answer on a terminal: rich tables, as wide as there is room for."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from slackbot.answers.model import Answer, Column, Kind, Layout, Page, Section
from slackbot.blocks.text import clean, remarks, shown

_NUMBERS = (Kind.COUNT, Kind.NUMBER, Kind.RATE)
_ALL_COLUMNS_FROM = 200  # characters of width


def render(answer: Answer, console: Console) -> None:
    """Print an answer; nothing in its values is taken for markup."""
    console.print(Text(clean(answer.findings.title), style="bold"))
    console.print(Text(clean(answer.findings.summary)))
    with_headings = sum(bool(section.rows) for section in answer.sections.values()) > 1
    for section in answer.sections.values():
        if with_headings and section.rows and section.heading:
            console.print(Text(f"\n{clean(section.heading)}", style="bold"))
        _print_section(section, console)
    for remark in remarks(answer):
        console.print(Text(remark, style="dim"))
    if answer.findings.links:
        lines = " · ".join(clean(link.line) for link in answer.findings.links)
        console.print(Text(f"Ask next: {lines}", style="dim"))


def _print_section(section: Section, console: Console) -> None:
    if not section.rows:
        if section.empty:
            console.print(Text(clean(section.empty)))
    elif section.layout is Layout.CARD:
        for row in section.rows:
            console.print(_card(section.columns, row))
    else:
        columns = [column for column in section.columns if column.main or console.width >= _ALL_COLUMNS_FROM]
        console.print(_table(section, columns, console.width))
        hidden = ", ".join(clean(column.label) for column in section.columns if column not in columns)
        if hidden:
            said = f"Left out for want of width: {hidden}; --json has them, or {_ALL_COLUMNS_FROM} characters of width."
            console.print(Text(said, style="dim"))
    if section.page:
        console.print(Text(_page_line(section.page, len(section.rows)), style="dim"))


def _page_line(page: Page, rows: int) -> str:
    """Say which rows these are, and what to type for others."""
    turned = [clean(line) for line in (page.before, page.after) if line]
    return f"Rows {page.first:,} to {page.first + rows - 1:,} of {page.total:,}; others: {' · '.join(turned)}"


def _table(section: Section, columns: Sequence[Column], width: int) -> Table:
    cells = [[shown(column, row) for column in columns] for row in section.rows]
    # Numbers are not broken, nor the words above them: names give way. Where even that is too wide, everything does.
    least = [_least_width(column, [row[number] for row in cells]) for number, column in enumerate(columns)]
    fits = sum(least) + len(least) - 1 <= width
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)
    for column, needed in zip(columns, least, strict=True):
        justify: JustifyMethod = "right" if column.kind in _NUMBERS else "left"
        label = Text(clean(column.label))
        table.add_column(label, justify=justify, overflow="fold", min_width=needed if fits else None)
    for row in cells:
        table.add_row(*map(Text, row))
    return table


def _least_width(column: Column, values: list[str]) -> int:
    words = column.label.split()
    return max(map(len, [*words, *values] if column.kind in _NUMBERS else words))


def _card(columns: Sequence[Column], row: object) -> Table:
    table = Table(box=None, show_header=False, show_edge=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for column in columns:
        table.add_row(Text(clean(column.label)), Text(shown(column, row)))
    return table
