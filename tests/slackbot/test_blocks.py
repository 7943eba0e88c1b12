"""Answers as Slack, a terminal and programs get them, whatever stands in the data."""

import io
import json
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from playground.slack.limits.blocks import block_faults
from slackbot.answers.model import Answer, Column, Findings, Kind, Layout, Section
from slackbot.blocks import json_text
from slackbot.blocks.message import Form, answer_message, sentence_message
from slackbot.blocks.terminal import render
from slackbot.blocks.text import clean, escaped, shown, unescaped

HOSTILE = [
    "<!channel>",
    "<@U0ADA00001>",
    "<https://evil.example|click>",
    "*bold* _it_ ~x~ `code`",
    "&lt;!here&gt; & <b>",
    "@everyone",
    "[red]rich[/red] [bold",
    "=HYPERLINK(1)",
    "\u202eevil\u202c",
    "שלום עולם",
    "\x1b[31mred\x1b[0m",
    "line\nbreak\ttab\r",
    "\u200b\u2060",
    "x" * 3000,
    "🇳🇱👩‍👩‍👧",
    "",
]
AS_OF = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)

texts = st.sampled_from(HOSTILE) | st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
values = {
    Kind.TEXT: texts,
    Kind.COUNT: st.integers(-(10**15), 10**15),
    Kind.NUMBER: st.integers(0, 100) | st.floats(allow_nan=True, allow_infinity=True),
    Kind.RATE: st.floats(0, 1),
    Kind.TIME: st.datetimes(timezones=st.just(UTC)),
    Kind.FLAG: st.booleans(),
}


def column(number: int, kind: Kind, main: bool) -> Column:
    """Return a column that shows the value at this place of a row."""
    return Column(f"Column {number}", kind, lambda row: row[number], main)


@st.composite
def sections(draw: st.DrawFn, most: int) -> Section:
    """Draw a section of any size and shape."""
    kinds = draw(st.lists(st.sampled_from(list(Kind)), min_size=1, max_size=24))
    columns = [column(number, kind, draw(st.booleans()) or number == 0) for number, kind in enumerate(kinds)]
    some = draw(st.lists(st.tuples(*(st.none() | values[kind] for kind in kinds)), max_size=4))
    rows = some * draw(st.sampled_from([1, 3, most]))
    layout = Layout.CARD if len(rows) == 1 and draw(st.booleans()) else Layout.TABLE
    return Section(rows, columns, draw(texts.map(clean)), layout, empty=draw(st.sampled_from(["", "Nothing."])))


@st.composite
def answers(draw: st.DrawFn, most: int = 200) -> Answer:
    """Draw an answer."""
    findings = Findings(
        title=f"Title {draw(texts)}",
        summary=f"Summary {draw(texts)}",
        sections={name: draw(sections(most)) for name in draw(st.sets(st.sampled_from("abc"), max_size=2))},
        notes=tuple(draw(st.lists(texts, max_size=12))),
    )
    seen = draw(st.none() | st.just(AS_OF - timedelta(minutes=draw(st.integers(-5, 10**6)))))
    return Answer("campaigns", {"client": draw(texts)}, AS_OF, seen, draw(st.booleans()), ("uysp",), findings)


def strings(thing: object) -> list[str]:
    """Return every text that a block shows."""
    if isinstance(thing, dict):
        return [text for key, value in thing.items() if key != "type" for text in strings(value)]
    if isinstance(thing, list):
        return [text for value in thing for text in strings(value)]
    return [thing] if isinstance(thing, str) else []


def text_types(thing: object) -> set[str]:
    """Return the types of all text objects and cells."""
    if isinstance(thing, dict):
        own = {thing["type"]} if "text" in thing and isinstance(thing["text"], str) else set()
        return own.union(*(text_types(value) for value in thing.values()))
    if isinstance(thing, list):
        return set().union(*(text_types(value) for value in thing))
    return set()


@settings(max_examples=100, deadline=None)
@given(answers(), st.sampled_from(list(Form)))
def test_any_answer_is_a_message_that_slack_takes_and_reads_no_markup_in(answer: Answer, form: Form) -> None:
    message = answer_message(answer, form)
    assert block_faults(message["blocks"]) == []
    assert text_types(message["blocks"]) <= {"plain_text", "raw_text", "raw_number"}
    assert 0 < len(message["text"]) <= 4000
    assert re.search(r"[<>]|&(?!(?:amp|lt|gt);)", message["text"]) is None
    json.dumps(message, allow_nan=False)
    for shown_text in strings(message["blocks"]):
        assert not set(shown_text) & set("\u202e\u202a\u2066\x1b\r\t")


@settings(max_examples=40, deadline=None)
@given(answers(most=5), st.sampled_from([20, 80, 250]))
def test_any_answer_is_printed_without_control_characters_or_markup(answer: Answer, width: int) -> None:
    printed = io.StringIO()
    render(answer, Console(file=printed, width=width, color_system=None))
    assert not set(printed.getvalue()) & set("\u202e\x1b\r\t\x00")


def test_markup_of_the_terminal_library_is_shown_as_text() -> None:
    section = Section([("[red]rich[/red] [bold",)], [column(0, Kind.TEXT, main=True)])
    printed = io.StringIO()
    findings = Findings("[b]T[/b]", "[i]S", {"a": section})
    render(Answer("lead", {}, AS_OF, AS_OF, True, (), findings), Console(file=printed, width=100))
    assert all(text in printed.getvalue() for text in ("[red]rich[/red] [bold", "[b]T[/b]", "[i]S"))


@given(texts)
def test_what_slack_escapes_in_a_command_is_read_as_it_was_typed(typed: str) -> None:
    assert unescaped(escaped(typed)) == typed


def test_what_does_not_fit_is_counted_and_what_fits_comes_first() -> None:
    rows = [(f"row {number}",) for number in range(500)]
    section = Section(rows, [column(0, Kind.TEXT, main=True)], "Rows")
    answer = Answer("campaigns", {}, AS_OF, AS_OF, True, ("uysp",), Findings("T", "S", {"a": section}))
    for form, most in ((Form.DATA_TABLE, 100), (Form.TABLE, 99)):
        blocks = answer_message(answer, form)["blocks"]
        table = next(block for block in blocks if block["type"] == form.value)
        assert [row[0]["text"] for row in table["rows"]] == ["Column 0", *(row[0] for row in rows[:most])]
        assert f"The first {most} of 500 are shown" in str(blocks)
    assert "are shown" not in str(answer_message(answer, Form.SECTIONS))


def value_shown(kind: Kind, value: object) -> str:
    """Return a value as people read it."""
    return shown(column(0, kind, main=True), (value,))


def test_numbers_are_written_for_people() -> None:
    assert value_shown(Kind.RATE, 0.125) == "12.5%"
    assert value_shown(Kind.RATE, 1) == "100.0%"
    assert value_shown(Kind.RATE, None) == "–"
    assert value_shown(Kind.COUNT, 1234567) == "1,234,567"
    assert value_shown(Kind.NUMBER, 2.583) == "2.6"
    assert value_shown(Kind.NUMBER, 70.0) == "70"
    assert value_shown(Kind.TEXT, " \u200b") == "–"
    assert value_shown(Kind.FLAG, False) == "no"
    assert value_shown(Kind.TIME, AS_OF) == "2026-05-04 12:00 UTC"


def test_a_number_is_sent_as_one_so_that_slack_can_sort_by_it() -> None:
    section = Section([(0.5,), (None,)], [column(0, Kind.RATE, main=True)], "Rows")
    answer = Answer("campaigns", {}, AS_OF, AS_OF, True, ("uysp",), Findings("T", "S", {"a": section}))
    table = next(block for block in answer_message(answer)["blocks"] if block["type"] == "data_table")
    assert table["rows"][1:] == [
        [{"type": "raw_number", "value": 0.5, "text": "50.0%"}],
        [{"type": "raw_text", "text": "–"}],
    ]


@given(texts.filter(lambda text: clean(text) != ""))
def test_any_sentence_is_a_message_that_slack_takes(sentence: str) -> None:
    assert block_faults(sentence_message(sentence)["blocks"]) == []


@settings(max_examples=40, deadline=None)
@given(answers(most=5))
def test_the_json_object_says_what_was_asked_and_what_was_found(answer: Answer) -> None:
    document: dict[str, Any] = json.loads(json_text(answer))
    assert list(document) == ["verb", "filters", "as_of", "data_as_of", "data"]
    assert document["as_of"] == "2026-05-04T12:00:00Z"
    assert {name: len(section.rows) for name, section in answer.sections.items()} == {
        name: len(found) for name, found in document["data"].items()
    }
    assert document["data_as_of"] is None or datetime.fromisoformat(document["data_as_of"]) == answer.data_as_of


def test_infinite_numbers_are_null_in_json() -> None:
    answer = Answer("lead", {}, AS_OF, None, True, (), Findings("T", "S", {"a": Section([(math.inf,)])}))
    assert json.loads(json_text(answer))["data"]["a"] == [[None]]
