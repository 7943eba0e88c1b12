"""A section as a CSV file, safe to open in a spreadsheet.

Numbers and times are written for programs (0.125, 2026-05-04 12:00:00), text on one line as people read it. A text that
a spreadsheet would run as a formula is made one that it shows (`uysp.spreadsheets`).
"""

import csv
import io
import math
from datetime import UTC, datetime, tzinfo

from slackbot.answers.model import Answer, Column, Kind, Section
from slackbot.blocks.text import clean
from uysp.spreadsheets import defused


def csv_file(section: Section, *, personal: bool = False, zone: tzinfo = UTC) -> bytes:
    """Return all rows of a section, with a header: UTF-8 with a byte order mark, so that Excel reads it as such.

    Args:
        section: the section.
        personal: whether email, phone and notes are among the columns.
        zone: of the times; the header names it.
    """
    columns = [column for column in section.file_columns or section.columns if personal or not column.is_personal]
    written = io.StringIO()
    table = csv.writer(written, quoting=csv.QUOTE_NONNUMERIC)
    table.writerow([_label(column, zone) for column in columns])
    table.writerows([_cell(column, row, zone) for column in columns] for row in section.rows)
    return written.getvalue().encode("utf-8-sig")


def csv_name(answer: Answer, section_name: str) -> str:
    """Return what the file of an answer's section is called: what it is, and the day (UTC) of the answer."""
    return f"uysp-{answer.verb}-{section_name}-{answer.as_of.astimezone(UTC):%Y-%m-%d}.csv"


def _label(column: Column, zone: tzinfo) -> str:
    label = defused(clean(column.label))
    return f"{label} ({zone})" if column.kind is Kind.TIME else label


def _cell(column: Column, row: object, zone: tzinfo) -> str | int | float:
    value = column.value(row)
    if isinstance(value, datetime) and column.kind is Kind.TIME:
        return _time(value, zone)
    if column.kind is Kind.FLAG and value is not None:
        return "yes" if value else "no"
    if isinstance(value, float):
        return value if math.isfinite(value) else ""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return "" if value is None else defused(clean(str(value)))


def _time(at: datetime, zone: tzinfo) -> str:
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    try:
        return f"{aware.astimezone(zone):%Y-%m-%d %H:%M:%S}"
    except OverflowError:  # at either end of the calendar
        return f"{aware.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
