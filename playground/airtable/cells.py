"""What a cell may hold: checks and normalises the values of writes, by field type (research/airtable.md 1.3, 1.6)."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playground.airtable import errors
from playground.airtable.behaviour import Behaviour
from playground.airtable.moments import read_time, wire_time
from playground.airtable.schema import NUMBER_TYPES, TEXT_TYPES, Field

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
RECORD_ID = re.compile(r"rec[0-9A-Za-z]{14}")


@dataclass(frozen=True)
class Writing:
    """How values of one write request are read.

    Attributes:
        behaviour: the emulator's switches.
        typecast: convert what does not fit, and create select options that do not exist.
        create_option: creates a select option of a field; None where the user may not.
        link: returns the id of the record of a link field's table that a text means, or refuses.
    """

    behaviour: Behaviour
    typecast: bool
    create_option: Callable[[Field, str], None] | None
    link: Callable[[Field, str], str]


def is_empty(value: Any) -> bool:
    """Tell whether Airtable leaves a cell out of its answers: null, "", [] and false, but not 0."""
    return value is None or value is False or value == "" or value == []


def accepted(field: Field, value: Any, writing: Writing, *, was_filled: bool) -> Any:
    """Return what a cell holds after a value was written to it; None: it is empty.

    Args:
        field: the cell's field.
        value: the value in the request.
        writing: how to read it.
        was_filled: whether the cell held something before.

    Raises:
        Refusal: the field is computed or does not take this value.
    """
    if field.is_computed:
        raise errors.computed_field(field.name)
    if field.type == "richText" and isinstance(value, str | None):
        # A rich text ends in a line break, and one that was cleared still reads back as one.
        text = (value or "").rstrip("\n")
        return text + "\n" if text or was_filled else None
    if is_empty(value):
        return None
    read = _READERS.get(field.type)
    return value if read is None else read(field, value, writing)


def _text(field: Field, value: Any, writing: Writing) -> str:
    if not isinstance(value, str):
        if not writing.typecast or not isinstance(value, int | float):
            raise errors.invalid_value(field.name)
        value = str(value)
    if len(value) > writing.behaviour.long_text_limit:
        raise errors.invalid_value(field.name, writing.behaviour.long_text_error)
    if field.type == "email" and not _EMAIL.fullmatch(value):
        raise errors.invalid_request()
    return str(value)


def _number(field: Field, value: Any, writing: Writing) -> float:
    if writing.typecast and isinstance(value, str):
        try:
            value = float(value.replace(",", ""))
        except ValueError:
            raise errors.invalid_value(field.name) from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise errors.invalid_value(field.name)
    return int(value) if float(value).is_integer() else value


def _checkbox(field: Field, value: Any, writing: Writing) -> bool | None:
    if value is True:
        return True
    if writing.typecast and value in (1, "true", "checked", "1"):
        return True
    if writing.typecast and value in (0, "false", "0"):
        return None
    raise errors.invalid_value(field.name)


def _option(field: Field, value: Any, writing: Writing) -> str:
    if writing.typecast and isinstance(value, int | float):
        value = str(value)
    if not isinstance(value, str):
        raise errors.invalid_value(field.name)
    if all(choice["name"] != value for choice in field.choices):
        if not writing.typecast or writing.create_option is None:
            raise errors.unknown_option(value)
        writing.create_option(field, value)
    return value


def _options(field: Field, value: Any, writing: Writing) -> list[str]:
    values = value.split(",") if writing.typecast and isinstance(value, str) else _list(field, value)
    values = [item.strip() if writing.typecast and isinstance(item, str) else item for item in values]
    return list(dict.fromkeys(_option(field, item, writing) for item in values))


def _time(field: Field, value: Any, _: Writing) -> str:
    try:
        moment = read_time(value, None if field.type == "date" else field.options.get("timeZone"))
    except (TypeError, ValueError):
        raise errors.invalid_value(field.name) from None
    return f"{moment:%Y-%m-%d}" if field.type == "date" else wire_time(moment)


def _links(field: Field, value: Any, writing: Writing) -> list[str]:
    values = [value] if writing.typecast and isinstance(value, str) else _list(field, value)
    return list(dict.fromkeys(_link(field, item, writing) for item in values))


def _link(field: Field, value: Any, writing: Writing) -> str:
    if isinstance(value, dict):
        value = value.get("id")
    if not isinstance(value, str):
        raise errors.invalid_value(field.name)
    if not RECORD_ID.fullmatch(value) and not writing.typecast:
        raise errors.invalid_value(field.name)
    return writing.link(field, value)


def _list(field: Field, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise errors.invalid_value(field.name)
    return value


_READERS: dict[str, Callable[[Field, Any, Writing], Any]] = {
    **dict.fromkeys(TEXT_TYPES, _text),
    **dict.fromkeys(NUMBER_TYPES, _number),
    "checkbox": _checkbox,
    "singleSelect": _option,
    "multipleSelects": _options,
    "date": _time,
    "dateTime": _time,
    "multipleRecordLinks": _links,
}
