"""Answers as Slack, a terminal and programs get them, whatever stands in the data."""

import io
import json
import math
import re
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from playground.slack.limits.blocks import block_faults
from slackbot.answers.model import Answer, Choice, Column, Findings, Kind, Layout, Link, Page, Section
from slackbot.blocks import json_text
from slackbot.blocks.actions import ASK, CHOOSE, OPEN, chosen_line, csv_section
from slackbot.blocks.message import Form, answer_message, sentence_message, shared_message
from slackbot.blocks.terminal import render
from slackbot.blocks.text import escaped, moment, shown, time_zone, unescaped
from tests.slackbot.drawn import AS_OF, answer_of, answers, column, links, markup, parts, strings, texts

ZONES = [UTC, ZoneInfo("Asia/Kathmandu"), ZoneInfo("America/Los_Angeles")]


def check_message(message: dict[str, Any]) -> None:
    """Check that Slack takes a message, reads no mark-up in its data, and can tell its buttons apart."""
    blocks = message["blocks"]
    assert block_faults(blocks) == []
    assert markup(blocks) == []
    assert parts(blocks, "link") == parts(blocks, "user") == parts(blocks, "broadcast") == []
    assert 0 < len(message["text"]) <= 4000
    assert re.search(r"[<>]|&(?!(?:amp|lt|gt);)", message["text"]) is None
    json.dumps(message, allow_nan=False).encode()
    for shown_text in [message["text"], *strings(blocks)]:
        assert not set(shown_text.replace("\n", "")) & set("\u202e\u202a\u2066\x1b\r\t\x00\ud800\udfff")
    ids = [each["action_id"] for kind in ("button", "static_select") for each in parts(blocks, kind)]
    assert len(ids) == len(set(ids))


@settings(max_examples=150, deadline=None)
@given(answers(), st.sampled_from(list(Form)), st.sampled_from(ZONES))
def test_any_answer_is_a_message_that_slack_takes_and_reads_no_markup_in(
    answer: Answer, form: Form, zone: ZoneInfo
) -> None:
    message = answer_message(answer, form, zone)
    check_message(message)
    kinds = {block["type"] for block in message["blocks"]}
    allowed = {
        Form.DATA_TABLE: {"data_table", "data_visualization"},
        Form.TABLE: {"table"},
        Form.SECTIONS: set(),
    }
    assert kinds <= {"header", "section", "context", "actions", "rich_text"} | allowed[form]


@settings(max_examples=60, deadline=None)
@given(answers(most=20), texts, st.sampled_from(list(Form)))
def test_any_shared_answer_is_a_message_that_slack_takes(answer: Answer, by: str, form: Form) -> None:
    check_message(shared_message(answer, by, form))


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


@given(texts, st.lists(links, max_size=8))
def test_any_sentence_is_a_message_that_slack_takes(sentence: str, suggested: list[Link]) -> None:
    check_message(sentence_message(sentence, suggested))


def test_what_may_have_been_meant_is_a_button_that_asks_it() -> None:
    message = sentence_message("There is no “hott”.", [Link("hot", "hot"), Link("help", "help")])
    buttons = parts(message["blocks"], "button")
    assert [(each["text"]["text"], chosen_line(each)) for each in buttons] == [("hot", "hot"), ("help", "help")]
    assert all(ASK.fullmatch(each["action_id"]) for each in buttons)


def names() -> Section:
    """Return three rows that lead on."""
    rows = [("Anna",), ("Ben",), ("Cid",)]
    return Section(rows, [column(0, Kind.TEXT)], "Leads", link=lambda row: Link(row[0], f"lead {row[0]}"))


def test_rows_links_pages_and_choices_carry_the_lines_they_lead_to() -> None:
    page = Page(11, 37, before="hot page:1", after="hot page:3")
    section = Section(names().rows, names().columns, "Leads", link=names().link, page=page)
    periods = tuple(Link(name, f"dashboard {name}") for name in ("7d", "30d"))
    answer = answer_of(
        section,
        links=(Link("Campaigns", "campaigns"),),
        choices=(Choice("Period", periods, "dashboard 30d"),),
        line="hot page:2",
    )
    blocks = answer_message(answer)["blocks"]
    period, rows = parts(blocks, "static_select")
    assert CHOOSE.fullmatch(period["action_id"])
    assert period["initial_option"]["value"] == "dashboard 30d"
    assert [chosen_line({"selected_option": each}) for each in period["options"]] == ["dashboard 7d", "dashboard 30d"]
    assert OPEN.fullmatch(rows["action_id"])
    assert [each["value"] for each in rows["options"]] == ["lead Anna", "lead Ben", "lead Cid"]
    assert "Rows 11 to 13 of 37." in strings(blocks)
    told = {each["text"]["text"]: (each["action_id"], chosen_line(each)) for each in parts(blocks, "button")}
    assert told["← Previous"][1] == "hot page:1"
    assert told["Next →"][1] == "hot page:3"
    assert told["Send as CSV"] == ("csv:a", "hot page:2")
    assert csv_section({"action_id": told["Send as CSV"][0]}) == "a"
    assert told["Campaigns"][1] == "campaigns"
    assert told["Share…"] == ("share", "hot page:2")
    assert "What is this?" not in told  # nothing here has a definition


def test_what_is_this_is_asked_where_a_number_has_a_definition() -> None:
    defined = Section([(1,)], [column(0, Kind.COUNT, definition="leads.booked")])
    told = parts(answer_message(answer_of(defined, line="hot"))["blocks"], "button")
    assert [(each["action_id"], each["value"]) for each in told] == [("explain", "hot"), ("share", "hot")]
    assert parts(answer_message(answer_of(defined))["blocks"], "button") == []  # no line, nothing to ask again


def test_a_line_too_long_for_an_option_is_a_button_and_one_too_long_for_a_button_is_left_out() -> None:
    long, longer = f"campaign {'x' * 160}", f"campaign {'x' * 2000}"
    answer = answer_of(
        links=(Link("Long", long), Link("Longer", longer)),
        choices=(Choice("Period", (Link("a", long), Link("b", longer), Link("c", "hot")), long),),
        line=longer,
    )
    blocks = answer_message(answer)["blocks"]
    assert parts(blocks, "static_select") == []
    assert [each["value"] for each in parts(blocks, "button")] == [long, "hot", long]


def test_one_row_leads_on_by_a_button() -> None:
    one = Section([("Anna",)], [column(0, Kind.TEXT)], layout=Layout.CARD, link=lambda row: Link(row[0], "lead uysp/1"))
    (button,) = parts(answer_message(answer_of(one))["blocks"], "button")
    assert (button["text"]["text"], button["value"]) == ("Open Anna", "lead uysp/1")


def test_small_tables_leave_their_room_to_large_ones() -> None:
    small = Section([("a",)], [column(0, Kind.TEXT)], "Small")
    large = Section([("x" * 100, "y" * 70)] * 100, [column(0, Kind.TEXT), column(1, Kind.TEXT)], "Large")
    tables = parts(answer_message(answer_of(small, large))["blocks"], "data_table")
    assert [len(table["rows"]) for table in tables] == [2, 101]


def test_times_are_shown_in_the_zone_of_whoever_reads_them() -> None:
    columns = [Column("Sent", Kind.TIME, lambda row: row[0])]
    section = Section([(AS_OF,), (None,)], columns, "Rows")
    card = Section([(AS_OF,)], columns, "Card", Layout.CARD)
    blocks = answer_message(answer_of(section, card), zone=ZoneInfo("America/New_York"))["blocks"]
    assert parts(blocks, "date") == [
        {"type": "date", "timestamp": 1777896000, "format": "{date_num} {time}", "fallback": "2026-05-04 08:00 EDT"}
    ]
    assert "Sent: <!date^1777896000^{date_short_pretty} at {time}|2026-05-04 08:00 EDT>" in strings(blocks)
    assert "Data as of <!date^1777896000^{date_short_pretty} at {time}|2026-05-04 08:00 EDT>" in strings(blocks)
    lines = answer_message(answer_of(section), Form.SECTIONS, ZoneInfo("Asia/Kathmandu"))["blocks"]
    assert "Sent 2026-05-04 17:45 +0545\nSent –" in strings(lines)


@pytest.mark.parametrize("name", [None, "", "Nowhere/Land", "Europe", "../../etc/passwd", "\0", "x" * 5000])
def test_a_zone_that_there_is_not_is_utc(name: str | None) -> None:
    assert moment(AS_OF, time_zone(name)) == "2026-05-04 12:00 UTC"
    assert moment(AS_OF.replace(tzinfo=None), time_zone("Europe/Amsterdam")) == "2026-05-04 14:00 CEST"


@pytest.mark.parametrize("zone", ZONES)
def test_the_ends_of_the_calendar_are_shown_too(zone: ZoneInfo) -> None:
    for at in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        assert moment(at, zone)


@settings(max_examples=40, deadline=None)
@given(answers(most=5, stored=True))
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
