"""Values as people read them, and what makes a value harmless wherever it is shown."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from slackbot.answers.model import Answer, Column, Kind

NOTHING = "–"
LATE_AFTER = timedelta(minutes=15)

_FORMATTED = re.compile(r"(?<!\S)(?P<mark>[*_~`])(?=\S)(?P<text>[^\n]*?\S)(?P=mark)(?!\S)")
_ENTITIES = {"&amp;": "&", "&lt;": "<", "&gt;": ">"}


def escaped(value: str) -> str:
    """Return a value for Slack's mrkdwn and `text`: nothing in it is a mention, a link or a date.

    Slack's documentation names exactly these three characters (formatting message text).
    """
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def unescaped(typed: str) -> str:
    """Return what a person typed, from the text of a slash command."""
    return re.sub("|".join(_ENTITIES), lambda entity: _ENTITIES[entity.group()], typed)


def unformatted(typed: str) -> str:
    """Return what a person typed without the marks of bold, italic, struck out and code around whole words."""
    while (plain := _FORMATTED.sub(lambda found: found["text"], typed)) != typed:
        typed = plain
    return plain


def clean(value: str) -> str:
    """Return a value on one line, without what steers a terminal or turns the direction of the text around it."""
    if value.isprintable():  # nothing of that kind in it: most values, and much faster
        return " ".join(value.split())
    kinds = ((each, unicodedata.category(each)) for each in value)
    kept = "".join(" " if kind in ("Cc", "Zl", "Zp") else each for each, kind in kinds if kind not in ("Cf", "Cs"))
    return " ".join(kept.split())


def shown(column: Column, row: object, zone: tzinfo = UTC) -> str:
    """Return a row's value of this column as people read it; never empty."""
    value = column.value(row)
    if value is None:
        return NOTHING
    return clean(_worded(column.kind, value, zone)) or NOTHING


def _worded(kind: Kind, value: object, zone: tzinfo) -> str:
    match kind, value:
        case Kind.FLAG, _:
            return "yes" if value else "no"
        case Kind.RATE, int() | float():
            return f"{value:,.1%}"
        case Kind.NUMBER, int() | float():
            return f"{value:,.1f}".removesuffix(".0")
        case Kind.COUNT, int() | float():
            return f"{value:,}"
        case Kind.TIME, datetime():
            return moment(value, zone)
    return str(value)


def time_zone(name: str | None) -> tzinfo:
    """Return a time zone by its name, as Slack has one for each person; UTC where there is no such zone."""
    try:
        return ZoneInfo(name or "")
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError; a folder's name is an OSError
        return UTC


def moment(at: datetime, zone: tzinfo = UTC) -> str:
    """Return a time to the minute, and of which zone it is; a time that names no zone is of the database, in UTC."""
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    try:
        aware = aware.astimezone(zone)
    except OverflowError:  # at either end of the calendar
        aware = aware.astimezone(UTC)
    return f"{aware:%Y-%m-%d %H:%M %Z}"


def age(passed: timedelta) -> str:
    """Return a length of time in the words people use: 'less than a minute', '3 minutes', '2 hours', '5 days'."""
    minutes = int(passed.total_seconds() // 60)
    if minutes < 1:
        return "less than a minute"
    for unit, length in (("day", 1440), ("hour", 60), ("minute", 1)):
        if minutes >= length * (2 if unit != "minute" else 1):
            count = minutes // length
            return f"{count:,} {unit}{'' if count == 1 else 's'}"
    raise AssertionError("unreachable: a minute has been counted")


def is_late(answer: Answer) -> bool:
    """Return whether the data is so old, or missing, that people must be told before they trust it."""
    if not answer.rests_on_data:
        return False
    return answer.data_as_of is None or answer.as_of - answer.data_as_of > LATE_AFTER


def freshness(answer: Answer, zone: tzinfo = UTC) -> str:
    """Return how old the data is, in a sentence; '' where that says nothing about the answer."""
    if not answer.rests_on_data:
        return ""
    if answer.is_unbuilt:
        return (
            "Airtable has been read and the marts are being built for the first time: ask again in some minutes; "
            "if this stays, “uysp doctor” tells what is missing."
        )
    if answer.data_as_of is None:
        return "Nothing has been read from Airtable yet: run “uysp sync”, or “uysp doctor” to see what is missing."
    passed = max(answer.as_of - answer.data_as_of, timedelta(0))
    if is_late(answer):
        return (
            f"Careful, data {age(passed)} old: Airtable was last read at {moment(answer.data_as_of, zone)}, "
            "later changes are missing; “uysp doctor” tells why."
        )
    return f"Data {age(passed)} old."


def remarks(answer: Answer, zone: tzinfo = UTC) -> Sequence[str]:
    """Return what stands below the rows, a sentence each: the age of the data first."""
    return [remark for remark in map(clean, (freshness(answer, zone), *answer.findings.notes)) if remark]


def plain_text(answer: Answer, zone: tzinfo = UTC) -> str:
    """Return an answer as one line, unescaped: for screen readers, notifications and logs of a terminal."""
    return " ".join([clean(answer.findings.summary), *remarks(answer, zone)])
