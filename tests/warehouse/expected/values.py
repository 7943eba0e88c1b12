"""Value rules of metrics.md section 1: from what Airtable sent to clean values."""

import math
import re
import unicodedata
from datetime import UTC, datetime, timedelta
from decimal import ROUND_FLOOR, Decimal, InvalidOperation

from tests.warehouse.expected.base import Base, Json, Version, json_text, number_text

# The property White_Space of the Unicode character database. Not what str.strip() takes: that also has U+001C-1F.
WHITE_SPACE = "\t\n\v\f\r \x85\xa0\u1680" + "".join(map(chr, range(0x2000, 0x200B))) + "\u2028\u2029\u202f\u205f\u3000"
REPLACEMENT = "\ufffd"
MAX_POSITION = 100
MAX_COUNT = 1_000_000
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
_EXTENSION = re.compile(r"(?:;?\s*(?:extension|extn|ext|x)|#)[\s.:=#]*\d+\s*$", re.IGNORECASE | re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DATE_TIME = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)"
    r"([T ](?P<hour>\d\d):(?P<minute>\d\d)(:(?P<second>\d\d)([.,](?P<fraction>\d+))?)?"
    r"(Z|(?P<sign>[+-])(?P<offset_hours>\d\d):(?P<offset_minutes>\d\d))?)?",
    re.ASCII,
)


def clean_text(value: Json) -> str | None:
    """Return the text of a value, trimmed and in NFC; None where nothing is left."""
    raw = _raw_text(value)
    return None if raw is None else unicodedata.normalize("NFC", raw.strip(WHITE_SPACE)) or None


def _raw_text(value: Json) -> str | None:
    if value is None or isinstance(value, dict):
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"  # spec: metrics.md section 1 does not say; the text that JSON has
    if isinstance(value, list):
        # spec: metrics.md section 1: items are trimmed each; those without a text add nothing, not even a comma
        return ", ".join(text for text in map(clean_text, value) if text is not None)
    return number_text(value)


def read_text(base: Base, source_table: str, version: Version, field: str) -> str | None:
    """Return a field's clean text, select options under their present names."""
    value = version.fields.get(field)
    if isinstance(value, list):
        return clean_text([_present_name(base, source_table, version, field, item) for item in value])
    return clean_text(_present_name(base, source_table, version, field, value))


def _present_name(base: Base, source_table: str, version: Version, field: str, value: Json) -> Json:
    names = base.names_by_field.get((source_table, field), [])
    # Records show a name before the registry does, so who has it next has it already.
    holders = [
        name for name in names if name.name == value and (name.seen_to is None or version.observed_at < name.seen_to)
    ]
    if not holders:
        return value
    holder = min(holders, key=lambda name: name.seen_from)
    same_option = [other for other in names if other.option_id == holder.option_id]
    return max(same_option, key=lambda other: (other.seen_to is None, other.seen_from)).name


def ten_digits(phone: str | None) -> str | None:
    """Return the last ten digits of a phone number without its extension, or None if there are fewer."""
    digits = re.sub(r"[^0-9]", "", _EXTENSION.sub("", phone or ""))
    return digits[-10:] if len(digits) >= 10 else None


def value_text(value: Json) -> str | None:
    """Return a value as it came: text as it is, anything else as JSON."""
    return value if value is None or isinstance(value, str) else json_text(value)


def is_absent(value: Json) -> bool:
    """Return whether a cell is empty: left out, null, or (spec: metrics.md section 1, text) blank text."""
    return value is None or (isinstance(value, str) and not value.strip(WHITE_SPACE))


def _is_error_object(value: Json) -> bool:
    return isinstance(value, dict) and ("specialValue" in value or "error" in value)


def clean_number(value: Json) -> tuple[Decimal | None, bool]:
    """Return a number, or None, and whether the value was readable."""
    if is_absent(value) or _is_error_object(value):
        return None, True
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return _in_double_precision(Decimal(value))
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip(WHITE_SPACE)):
        try:
            return _in_double_precision(Decimal(value.strip(WHITE_SPACE)))
        except InvalidOperation:  # an exponent that even decimal cannot hold
            return None, False
    return None, False


def _in_double_precision(number: Decimal) -> tuple[Decimal | None, bool]:
    # spec: metrics.md section 1: "no value may overflow"; JSON numbers and the marts are double precision, so what
    # that cannot hold is unreadable, and what it cannot tell from 0 is 0
    double = float(number)
    if math.isinf(double):
        return None, False
    return Decimal(0) if double == 0 else number, True


def clean_count(value: Json, maximum: int = MAX_COUNT) -> tuple[int, bool]:
    """Return a count and whether it was good; `maximum` is MAX_POSITION for SMS Sequence Position."""
    number, readable = clean_number(value)
    if number is None:
        return 0, readable
    if number < 0 or number > maximum:
        return 0, False
    whole = int(number.to_integral_value(ROUND_FLOOR))
    return whole, whole == number


def clean_checkbox(value: Json) -> bool:
    """Return whether a checkbox is checked."""
    return value is True


def clean_date(value: Json, observed_at: datetime) -> tuple[datetime | None, bool]:
    """Return an instant, or None, and whether the value was good."""
    if is_absent(value):
        return None, True
    # spec: metrics.md section 1: "anything else" takes in error objects here, unlike numbers
    match = _DATE_TIME.fullmatch(value.strip(WHITE_SPACE)) if isinstance(value, str) else None
    instant = None if match is None else _instant(match)
    if instant is None or not EARLIEST <= instant <= two_years_after(observed_at):
        return None, False
    return instant, True


def _instant(match: re.Match[str]) -> datetime | None:
    part = {name: int(match[name] or 0) for name in ("year", "month", "day", "hour", "minute", "second")}
    microsecond = int((match["fraction"] or "")[:6].ljust(6, "0"))
    offset_hours, offset_minutes = int(match["offset_hours"] or 0), int(match["offset_minutes"] or 0)
    if offset_hours > 23 or offset_minutes > 59:
        return None
    offset = timedelta(hours=offset_hours, minutes=offset_minutes) * (-1 if match["sign"] == "-" else 1)
    try:
        local = datetime(**part, microsecond=microsecond, tzinfo=UTC)
        return local - offset
    except (ValueError, OverflowError):
        # no such day or time, or beyond the calendar
        # spec: metrics.md section 1: 24:00 and a second 60 are no time of a day (ISO 8601-1:2019)
        return None


def two_years_after(instant: datetime) -> datetime:
    """Return the same day and time two calendar years later; 29 February becomes 28."""
    utc = instant.astimezone(UTC)
    day = 28 if (utc.month, utc.day) == (2, 29) else utc.day
    return utc.replace(year=utc.year + 2, day=day)
