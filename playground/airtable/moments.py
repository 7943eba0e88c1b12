"""Times: as Airtable writes them on the wire, and in the format language of its formulas."""

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from playground.airtable.formula_values import FormulaError

_START_OF = {
    "second": {"microsecond": 0},
    "minute": {"second": 0, "microsecond": 0},
    "hour": {"minute": 0, "second": 0, "microsecond": 0},
    "day": {"hour": 0, "minute": 0, "second": 0, "microsecond": 0},
    "month": {"day": 1, "hour": 0, "minute": 0, "second": 0, "microsecond": 0},
    "year": {"month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0, "microsecond": 0},
}
_SHORT_UNITS = {
    "ms": "millisecond",
    "s": "second",
    "m": "minute",
    "h": "hour",
    "d": "day",
    "w": "week",
    "M": "month",
    "Q": "quarter",
    "y": "year",
}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_SPECIFIER = re.compile(r"\[([^\]]*)\]|YYYY|YY|MMMM|MMM|MM|M|DD|D|dddd|ddd|HH|H|hh|h|mm|m|ss|s|SSS|A|a|ZZ|Z|X|x")
_STRFTIME = {"YYYY": "%Y", "YY": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%-m", "DD": "%d", "D": "%-d",
             "dddd": "%A", "ddd": "%a", "HH": "%H", "H": "%-H", "hh": "%I", "h": "%-I", "mm": "%M", "m": "%-M",
             "ss": "%S", "s": "%-S", "A": "%p", "ZZ": "%z"}  # fmt: skip


def whole_second(moment: datetime) -> str:
    """Return a time as records carry it: UTC, whole seconds (research/airtable.md section 1.7)."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def wire_time(moment: datetime) -> str:
    """Return a time as a date-time cell carries it: UTC, milliseconds."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def read_time(text: str, zone: str | None = None) -> datetime:
    """Return the moment of an ISO 8601 text; without an offset it is meant in `zone` (default UTC).

    Raises:
        ValueError: it is no time.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(zone) if zone and zone not in ("client", "utc") else UTC)
    return moment.astimezone(UTC)


def parse_time(value: Any) -> datetime | None:
    """Return a formula's value as a moment; blank stays blank.

    Raises:
        FormulaError: it is no time.
    """
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value
    try:
        return read_time(value)
    except (TypeError, ValueError) as error:
        raise FormulaError from error


def start_of(moment: datetime, unit: str) -> datetime:
    """Return the start of the unit (second to year, in Airtable's spellings) that a moment lies in.

    Raises:
        FormulaError: there is no such unit.
    """
    name = _unit(unit)
    if name == "week":
        return start_of(moment, "day") - timedelta(days=(moment.weekday() + 1) % 7)
    if name == "quarter":
        return start_of(moment, "year").replace(month=(moment.month - 1) // 3 * 3 + 1)
    if name == "millisecond":
        return moment
    return moment.replace(**_START_OF[name])  # type: ignore[arg-type]  # replace() takes these names


def later(moment: datetime, count: float, unit: str) -> datetime:
    """Return the moment so many units (milliseconds to years) later; a day that a month lacks becomes its last.

    Raises:
        FormulaError: there is no such unit.
    """
    name = _unit(unit)
    if name not in _MONTHS:
        return moment + timedelta(**{name + "s": count})
    years, month = divmod(moment.month - 1 + int(count) * _MONTHS[name], 12)
    year = moment.year + years
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


def _unit(unit: str) -> str:
    name = _SHORT_UNITS.get(unit) or unit.removesuffix("s")
    if name not in _SHORT_UNITS.values():
        raise FormulaError
    return name


def format_moment(moment: datetime, specifier: str) -> str:
    """Return a moment in the format language of Airtable (that of Moment.js)."""

    def part(match: re.Match[str]) -> str:
        token = match[0]
        match token[0], token:
            case "[", _:
                return match[1]
            case _, "SSS":
                return f"{moment.microsecond // 1000:03d}"
            case _, "Z":
                return f"{moment:%z}"[:3] + ":" + f"{moment:%z}"[3:]
            case _, "X":
                return str(int(moment.timestamp()))
            case _, "x":
                return str(int(moment.timestamp() * 1000))
            case _, "a":
                return f"{moment:%p}".lower()
        return moment.strftime(_STRFTIME[token])

    return _SPECIFIER.sub(part, specifier)


def parse_moment(text: str, specifier: str) -> datetime:
    """Return the moment that a text says in the format language of Airtable; without a zone, UTC.

    Raises:
        FormulaError: the text is not of this format.
    """
    pattern = _SPECIFIER.sub(
        lambda match: match[1] if match[1] is not None else _STRFTIME.get(match[0], "%z").replace("-", ""), specifier
    )
    try:
        moment = datetime.strptime(text, pattern)  # noqa: DTZ007 - the next line gives it a zone
    except ValueError as error:
        raise FormulaError from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
