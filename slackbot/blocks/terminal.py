"""An answer on a terminal: rich tables, as wide as there is room for."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from slackbot.answers.model import Answer, Column, Kind, Layout, Section
from slackbot.blocks.text import clean, remarks, shown

_NUMBERS = (Kind.COUNT, Kind.NUMBER, Kind.RATE)
_ALL_COLUMNS_FROM = 200  # characters of width


def render(answer: Answer, console: Console) -> None:
    """Print an answer; nothing in its values is taken for markup."""
    console.print(Text(clean(answer.findings.title), style="bold"))
    console.print(Text(clean(answer.findings.summary)))
    for section in answer.sections.values():
        _print_section(section, console)
    for remark in remarks(answer):
        console.print(Text(remark, style="dim"))


def _print_section(section: Section, console: Console) -> None:
    if not section.rows:
        if section.empty:
            console.print(Text(section.empty))
    elif section.layout is Layout.CARD:
        for row in section.rows:
            console.print(_card(section.columns, row))
    else:
        console.print(_table(section, console.width))


def _table(section: Section, width: int) -> Table:
    columns = [column for column in section.columns if column.main or width >= _ALL_COLUMNS_FROM]
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(Text(column.label), justify="right" if column.kind in _NUMBERS else "left", overflow="fold")
    for row in section.rows:
        table.add_row(*(Text(shown(column, row)) for column in columns))
    return table


def _card(columns: Sequence[Column], row: object) -> Table:
    table = Table(box=None, show_header=False, show_edge=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for column in columns:
        table.add_row(column.label, Text(shown(column, row)))
    return table
