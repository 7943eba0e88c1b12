"""What formulas mean: operators, and compiling a tree to a Python function over a row.

Follows Airtable's formula reference for what the playground's base and the filters of its readers use.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from playground.airtable.formula_functions import build_call, constant
from playground.airtable.formula_parser import (
    Binary,
    Call,
    FieldReference,
    FormulaSyntaxError,
    Literal,
    Negation,
    Node,
    parse,
)
from playground.airtable.formula_values import Evaluate, Row, Value, is_true, number, text


class UnknownFieldsError(Exception):
    """The formula names fields that the table does not have; `args` are the names."""


@dataclass(frozen=True)
class Formula:
    """A formula ready to run.

    Attributes:
        evaluate: computes the value for a row; raises FormulaError.
        field_ids: the fields it reads.
        is_volatile: whether the value changes without a change in the record.
        record_ids: the only records that can fulfil it as a filter, or None where it does not say.
    """

    evaluate: Evaluate
    field_ids: frozenset[str]
    is_volatile: bool
    record_ids: frozenset[str] | None


def compile_formula(text: str, find_field: Callable[[str], str | None]) -> Formula:
    """Return a formula ready to run.

    Args:
        text: the formula.
        find_field: gives the id of the field with a name or id, or None.

    Raises:
        FormulaSyntaxError: it cannot be read, or calls a function that is not there, or with too few or too many
            arguments.
        UnknownFieldsError: it names unknown fields.
    """
    tree = parse(text)
    nodes = list(_walk(tree))
    names = {node.name: find_field(node.name) for node in nodes if isinstance(node, FieldReference)}
    unknown = [name for name, field_id in names.items() if field_id is None]
    field_ids = {name: field_id for name, field_id in names.items() if field_id is not None}
    evaluate = _compile(tree, field_ids)  # first, because what cannot be read is refused before what is unknown
    if unknown:
        raise UnknownFieldsError(*unknown)
    volatile = any(isinstance(node, Call) and node.function in ("NOW", "TODAY") for node in nodes)
    return Formula(evaluate, frozenset(field_ids.values()), volatile, _record_ids(tree))


def _walk(tree: Node) -> list[Node]:
    nodes: list[Node] = [tree]
    for node in nodes:
        if isinstance(node, Call):
            nodes.extend(node.arguments)
        elif isinstance(node, Binary):
            nodes.extend((node.left, node.right))
        elif isinstance(node, Negation):
            nodes.append(node.operand)
    return nodes


def _compile(tree: Node, field_ids: dict[str, str]) -> Evaluate:
    def build(node: Node) -> Evaluate:
        match node:
            case Literal(value):
                return constant(value)
            case FieldReference(name):
                field_id = field_ids.get(name)
                return constant(None) if field_id is None else lambda row: row.value(field_id)
            case Negation(operand):
                inner = build(operand)
                return lambda row: -number(inner(row))
            case Binary(operator, left, right):
                operate, first, second = _OPERATORS[operator], build(left), build(right)
                return lambda row: operate(first(row), second(row))
            case Call("LAST_MODIFIED_TIME", arguments):
                watched = tuple(field_ids.get(a.name, "") for a in arguments if isinstance(a, FieldReference))
                if len(watched) != len(arguments):
                    raise FormulaSyntaxError("LAST_MODIFIED_TIME takes fields")
                return lambda row: row.modified(watched)
            case Call(function, arguments):
                call = build_call(function, [build(argument) for argument in arguments])
                # Of values in the formula itself only: computed once, not for each of 100,000 records.
                is_fixed = arguments and all(isinstance(argument, Literal) for argument in arguments)
                return _once(call) if is_fixed else call
        raise AssertionError(node)

    return build(tree)


def _once(call: Evaluate) -> Evaluate:
    results: list[Value] = []

    def evaluate(row: Row) -> Value:
        if not results:
            results.append(call(row))
        return results[0]

    return evaluate


def _quotient(dividend: float, divisor: float) -> float:
    if divisor:
        return dividend / divisor
    return math.copysign(math.inf, dividend) if dividend else math.nan


def _equal(left: Value, right: Value) -> bool:
    if left is None or right is None:
        return not is_true(left) and not is_true(right)
    if isinstance(left, list) != isinstance(right, list):
        return text(left) == text(right)
    return bool(left == right)


def _order(left: Value, right: Value) -> int:
    for kind in (str, datetime):
        if isinstance(left, kind) and isinstance(right, kind):
            return int(left > right) - int(left < right)
    first, second = number(left), number(right)
    return (first > second) - (first < second)


_OPERATORS: dict[str, Callable[[Value, Value], Value]] = {
    "&": lambda left, right: text(left) + text(right),
    "+": lambda left, right: number(left) + number(right),
    "-": lambda left, right: number(left) - number(right),
    "*": lambda left, right: number(left) * number(right),
    "/": lambda left, right: _quotient(number(left), number(right)),
    "=": _equal,
    "!=": lambda left, right: not _equal(left, right),
    "<": lambda left, right: _order(left, right) < 0,
    "<=": lambda left, right: _order(left, right) <= 0,
    ">": lambda left, right: _order(left, right) > 0,
    ">=": lambda left, right: _order(left, right) >= 0,
}


def _record_ids(tree: Node) -> frozenset[str] | None:
    """Return the records that a filter like OR(RECORD_ID()='rec1', ...) asks for, so that it need not try all."""
    match tree:
        case Binary("=", Call("RECORD_ID"), Literal(str(record_id))) | Binary(
            "=", Literal(str(record_id)), Call("RECORD_ID")
        ):
            return frozenset((record_id,))
        case Call("OR", arguments):
            parts = [_record_ids(argument) for argument in arguments]
            known = [part for part in parts if part is not None]
            return frozenset().union(*known) if known and len(known) == len(parts) else None
        case Call("AND", arguments):
            return next((ids for a in arguments if (ids := _record_ids(a)) is not None), None)
    return None
