"""Formulas by their values, without a server."""

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyairtable import formulas as written

from playground.airtable.formula_parser import FormulaSyntaxError
from playground.airtable.formula_values import FormulaError
from playground.airtable.formulas import UnknownFieldsError, compile_formula

CREATED = datetime(2025, 1, 31, 10, 0, tzinfo=UTC)
MODIFIED = datetime(2025, 6, 1, tzinfo=UTC)
NOW = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)


class Row:
    """A row of plain values; only `Text` has a change time of its own."""

    record_id = "rec00000000000001"
    now = NOW

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values

    def value(self, field_id: str) -> Any:
        return self.values.get(field_id)

    def created(self) -> datetime:
        return CREATED

    def modified(self, field_ids: tuple[str, ...]) -> datetime | None:
        return MODIFIED if not field_ids or "Text" in field_ids else None


FIELDS = {"Text": "Some Text", "Number": 3, "Blank": None, "On": True, "Date": CREATED, "List": ["a", "b"], "a}b": 1}


def evaluate(formula: str, **values: Any) -> Any:
    known = FIELDS | values
    return compile_formula(formula, lambda name: name if name in known else None).evaluate(Row(known))


@pytest.mark.parametrize(
    ("formula", "value"),
    [
        ("1 + 2 * 3 - 4 / 2", 5),
        ("(1 + 2) * 3", 9),
        ("-2 * -3", 6),
        ("10 - 3 - 2", 5),
        ("1 + 1 = 2", True),
        ("'a' & 1 + 1 & \"b\"", "a2b"),
        ("{Number} & ''", "3"),
        ("{Blank} & 'x'", "x"),
        ("{List} & ''", "a, b"),
        ("Number + 1", 4),
        ("{a\\}b}", 1),
        ("'it\\'s' & \"\\\"\"", "it's\""),
        ("{Blank} = BLANK()", True),
        ("{Blank} = ''", True),
        ("{Blank} = 0", True),
        ("{Blank} + 1", 1),
        ("{Text} != 'Some Text'", False),
        ("'b' > 'a'", True),
        ("{Date} < NOW()", True),
        ("2 >= 3", False),
        ("and(true(), {On})", True),
        ("OR(FALSE(), 0, '', {Blank})", False),
        ("NOT({Blank})", True),
        ("IF({On}, 'yes', 'no')", "yes"),
        ("IF({Blank}, 'yes')", None),
        ("IF(1, 2, {Text} + 1)", 2),
        ("RECORD_ID()", "rec00000000000001"),
        ("CREATED_TIME()", CREATED),
        ("LAST_MODIFIED_TIME()", MODIFIED),
        ("LAST_MODIFIED_TIME({Text}, {Number})", MODIFIED),
        ("LAST_MODIFIED_TIME({Number})", None),
        ("IS_AFTER(LAST_MODIFIED_TIME(), DATETIME_PARSE('2025-05-31T23:59:59Z'))", True),
        ("IS_AFTER({Date}, {Date})", False),
        ("IS_BEFORE({Blank}, NOW())", False),
        ("IS_BEFORE({Date}, '2025-02-01')", True),
        ("IS_SAME({Date}, '2025-01-31', 'day')", True),
        ("IS_SAME({Date}, '2025-01-31')", False),
        ("DATETIME_PARSE('31/01/2025 10:00', 'DD/MM/YYYY HH:mm') = {Date}", True),
        ("DATETIME_FORMAT({Date}, 'YYYY-MM-DD [at] h:mm A')", "2025-01-31 at 10:00 AM"),
        ("DATETIME_FORMAT(DATEADD({Date}, 1, 'month'), 'D MMM')", "28 Feb"),
        ("DATETIME_FORMAT(DATEADD({Date}, -1, 'years'), 'YYYY')", "2024"),
        ("DATETIME_FORMAT(DATEADD({Date}, 90, 'minutes'), 'HH:mm')", "11:30"),
        ("DATETIME_FORMAT(TODAY(), 'HH:mm')", "00:00"),
        ("LEN({Text})", 9),
        ("LOWER({Text}) & UPPER({Text})", "some textSOME TEXT"),
        ("TRIM('  a ')", "a"),
        ("FIND('Text', {Text})", 6),
        ("FIND('text', {Text})", 0),
        ("SEARCH('text', {Text})", 6),
        ("SEARCH('nope', {Text})", None),
        ("FIND('e', {Text}, 5)", 7),
        ("REGEX_MATCH({Text}, '^Some \\w+$')", True),
        ("CONCATENATE('a', 1, {Blank})", "a1"),
        ("VALUE('1,234.5')", 1234.5),
        ("VALUE('50%')", 0.5),
        ("EXACT('a', 'A')", False),
        ("ISERROR({Text} + 1)", True),
        ("1 / 0", math.inf),
    ],
)
def test_formulas_mean_what_airtable_says(formula: str, value: Any) -> None:
    result = evaluate(formula)
    assert result == value
    assert type(result) is type(value) or isinstance(value, int | float)


def test_nothing_divided_by_nothing_is_no_number() -> None:
    assert math.isnan(evaluate("0 / {Blank}"))


@pytest.mark.parametrize("formula", ["{Text} + 1", "VALUE('x')", "DATEADD('soon', 1, 'days')", "REGEX_MATCH('a', '(')"])
def test_what_cannot_be_computed_is_an_error(formula: str) -> None:
    with pytest.raises(FormulaError):
        evaluate(formula)


@pytest.mark.parametrize(
    "formula", ["", "1 +", "(1", "1)", "'open", "{open", "#", "NOPE(1)", "LEN()", "LEN(1, 2)", "1 2"]
)
def test_what_is_no_formula_is_refused(formula: str) -> None:
    with pytest.raises(FormulaSyntaxError):
        evaluate(formula)


def test_all_unknown_fields_are_named() -> None:
    with pytest.raises(UnknownFieldsError) as raised:
        evaluate("AND({X y}, {Text}, Z)")
    assert raised.value.args == ("X y", "Z")


@given(st.text(max_size=40), st.text(alphabet=st.characters(exclude_characters="\\"), min_size=1, max_size=20))
def test_whatever_pyairtable_quotes_is_read_back(value: str, name: str) -> None:
    formula = str(written.EQ(written.Field(name), value))
    assert compile_formula(formula, lambda n: n if n == name else None).evaluate(Row({name: value or None})) is True


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=8), st.data())
def test_arithmetic_agrees_with_python(numbers: list[int], data: st.DataObject) -> None:
    text = str(numbers[0])
    for number in numbers[1:]:
        text = f"{text} {data.draw(st.sampled_from('+-*'))} {number}"
        if data.draw(st.booleans()):
            text = f"({text})"
    assert evaluate(text) == eval(text)
