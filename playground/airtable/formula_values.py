"""The values that formulas work on: blank, truth, numbers, texts, times and lists of these."""

import math
from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol

Value = Any  # None (blank), bool, int, float, str, datetime (aware) or a list of these


class FormulaError(Exception):
    """A computation that ends in `#ERROR!`."""


class Row(Protocol):
    """What a formula reads."""

    @property
    def now(self) -> datetime:
        """The present moment."""

    @property
    def record_id(self) -> str:
        """The record's id."""

    def value(self, field_id: str) -> Value:
        """Return a field's value."""

    def created(self) -> datetime:
        """Return when the record was created."""

    def modified(self, field_ids: tuple[str, ...]) -> datetime | None:
        """Return when one of these fields (none named: any) was last changed."""


Evaluate = Callable[[Row], Value]


def is_true(value: Value) -> bool:
    """Tell whether a filter with this result keeps the record: all but blank, 0, false, "", NaN and []."""
    if isinstance(value, float) and math.isnan(value):
        return False
    return bool(value)


def number(value: Value) -> float:
    """Return a value as a number; blank counts as 0.

    Raises:
        FormulaError: it is none.
    """
    if value is None:
        return 0
    if isinstance(value, int | float):
        return int(value) if isinstance(value, bool) else value
    if isinstance(value, list) and len(value) == 1:
        return number(value[0])
    raise FormulaError


def text(value: Value) -> str:
    """Return a value as text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(text(item) for item in value)
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    plain = number(value)
    return str(int(plain) if float(plain).is_integer() else plain)
