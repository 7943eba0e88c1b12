"""The functions that formulas may call."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

from playground.airtable.formula_parser import FormulaSyntaxError
from playground.airtable.formula_values import Evaluate, FormulaError, Row, Value, is_true, number, text
from playground.airtable.moments import format_moment, later, parse_moment, parse_time, start_of

_ANY = 1_000


def build_call(function: str, arguments: list[Evaluate]) -> Evaluate:
    """Return the evaluation of a function call.

    Raises:
        FormulaSyntaxError: there is no such function, or not with so many arguments.
    """
    if function in _LAZY:
        build, fewest, most = _LAZY[function]
        _check_count(function, arguments, fewest, most)
        return build(arguments)
    if function not in _PLAIN:
        raise FormulaSyntaxError(f"unknown function {function}")
    call, fewest, most = _PLAIN[function]
    _check_count(function, arguments, fewest, most)
    if len(arguments) == 1:
        (only,) = arguments
        return lambda row: call(only(row))
    return lambda row: call(*[argument(row) for argument in arguments])


def constant(value: Value) -> Evaluate:
    """Return the evaluation of a value that stands in the formula itself."""

    def evaluate(_: Row) -> Value:
        return value

    return evaluate


def _check_count(function: str, arguments: list[Evaluate], fewest: int, most: int) -> None:
    if not fewest <= len(arguments) <= most:
        raise FormulaSyntaxError(f"{function} takes {fewest} to {most} arguments")


def _and(arguments: list[Evaluate]) -> Evaluate:
    return lambda row: all(is_true(argument(row)) for argument in arguments)


def _or(arguments: list[Evaluate]) -> Evaluate:
    return lambda row: any(is_true(argument(row)) for argument in arguments)


def _if(arguments: list[Evaluate]) -> Evaluate:
    condition, then, *rest = arguments
    otherwise = rest[0] if rest else constant(None)
    return lambda row: then(row) if is_true(condition(row)) else otherwise(row)


def _is_error(arguments: list[Evaluate]) -> Evaluate:
    def evaluate(row: Row) -> Value:
        try:
            arguments[0](row)
        except FormulaError:
            return True
        return False

    return evaluate


_LAZY: dict[str, tuple[Callable[[list[Evaluate]], Evaluate], int, int]] = {
    "AND": (_and, 1, _ANY),
    "OR": (_or, 1, _ANY),
    "IF": (_if, 2, 3),
    "ISERROR": (_is_error, 1, 1),
    "RECORD_ID": (lambda _: lambda row: row.record_id, 0, 0),
    "CREATED_TIME": (lambda _: lambda row: row.created(), 0, 0),
    "NOW": (lambda _: lambda row: row.now, 0, 0),
    "TODAY": (lambda _: lambda row: start_of(row.now, "day"), 0, 0),
}


def _find(needle: Value, haystack: Value, start: Value = 1) -> int:
    return text(haystack).find(text(needle), max(int(number(start)) - 1, 0)) + 1


def _search(needle: Value, haystack: Value, start: Value = 1) -> int | None:
    return _find(text(needle).lower(), text(haystack).lower(), start) or None


_REGEXES: dict[str, re.Pattern[str]] = {}


def _regex_match(subject: Value, pattern: Value) -> bool:
    source = text(pattern)
    compiled = _REGEXES.get(source)
    if compiled is None:
        try:
            compiled = _REGEXES[source] = re.compile(source)
        except re.error as error:
            raise FormulaError from error
    return compiled.search(text(subject)) is not None


def _value(value: Value) -> float:
    if not isinstance(value, str):
        return number(value)
    match = re.fullmatch(r"\s*[$€£]?\s*(-?[\d,]*\.?\d+)\s*(%?)\s*", value)
    if match is None:
        raise FormulaError
    result = float(match[1].replace(",", "")) / (100 if match[2] else 1)
    return int(result) if result.is_integer() else result


def _round(value: Value, digits: Value = 0) -> float:
    shift = 10.0 ** int(number(digits))
    scaled = number(value) * shift
    return (int(scaled + 0.5) if scaled >= 0 else -int(-scaled + 0.5)) / shift


def _compare_dates(left: Value, right: Value, unit: Value, holds: Callable[[datetime, datetime], bool]) -> bool:
    first, second = parse_time(left), parse_time(right)
    if first is None or second is None:
        return False
    if unit is not None:
        first, second = start_of(first, text(unit)), start_of(second, text(unit))
    return holds(first, second)


def _date_add(date: Value, count: Value, unit: Value) -> datetime | None:
    start = parse_time(date)
    return None if start is None else later(start, number(count), text(unit))


def _date_format(date: Value, specifier: Value = None) -> str | None:
    moment = parse_time(date)
    if moment is None:
        return None
    return format_moment(moment, text(specifier)) if specifier is not None else moment.isoformat()


def _date_parse(value: Value, specifier: Value = None) -> datetime | None:
    if specifier is None or isinstance(value, datetime):
        return parse_time(value)
    return parse_moment(text(value), text(specifier)).astimezone(UTC)


_PLAIN: dict[str, tuple[Callable[..., Value], int, int]] = {
    "NOT": (lambda value: not is_true(value), 1, 1),
    "XOR": (lambda *values: sum(map(is_true, values)) % 2 == 1, 1, _ANY),
    "BLANK": (lambda: None, 0, 0),
    "TRUE": (lambda: True, 0, 0),
    "FALSE": (lambda: False, 0, 0),
    "LEN": (lambda value: len(text(value)), 1, 1),
    "LOWER": (lambda value: text(value).lower(), 1, 1),
    "UPPER": (lambda value: text(value).upper(), 1, 1),
    "TRIM": (lambda value: text(value).strip(), 1, 1),
    "FIND": (_find, 2, 3),
    "SEARCH": (_search, 2, 3),
    "REGEX_MATCH": (_regex_match, 2, 2),
    "CONCATENATE": (lambda *values: "".join(map(text, values)), 1, _ANY),
    "VALUE": (_value, 1, 1),
    "EXACT": (lambda left, right: text(left) == text(right), 2, 2),
    "SUM": (lambda *values: sum(map(number, values)), 1, _ANY),
    "MIN": (lambda *values: min(map(number, values)), 1, _ANY),
    "MAX": (lambda *values: max(map(number, values)), 1, _ANY),
    "ROUND": (_round, 1, 2),
    "IS_AFTER": (lambda a, b, unit=None: _compare_dates(a, b, unit, lambda x, y: x > y), 2, 3),
    "IS_BEFORE": (lambda a, b, unit=None: _compare_dates(a, b, unit, lambda x, y: x < y), 2, 3),
    "IS_SAME": (lambda a, b, unit=None: _compare_dates(a, b, unit, lambda x, y: x == y), 2, 3),
    "DATEADD": (_date_add, 3, 3),
    "DATETIME_FORMAT": (_date_format, 1, 2),
    "DATETIME_PARSE": (_date_parse, 1, 3),
}
