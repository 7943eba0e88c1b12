"""Modals and App Home, whatever stands in the data."""

import json
from dataclasses import replace
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.slack.limits.blocks import block_faults
from playground.slack.limits.views import is_too_large, view_faults
from slackbot.answers.model import Answer, Column, Kind, Link, Section
from slackbot.blocks.actions import (
    LONGEST_METADATA,
    SHARE_CHANNEL,
    SHARE_VIEW,
    Sharing,
    Writing,
    ask_id,
    chosen_line,
    csv_section,
)
from slackbot.blocks.forms import (
    bulk_view,
    choose_view,
    mark_view,
    note_view,
    receipt_message,
    receipt_view,
    removal_view,
)
from slackbot.blocks.message import Form
from slackbot.blocks.views import Home, explain_view, home_view, loading_view, notice_view, share_view
from tests.slackbot.drawn import (
    AS_OF,
    EMAIL,
    answer_of,
    answers,
    column,
    lines,
    markup,
    parts,
    sections,
    strings,
    texts,
)
from uysp.actions.model import Kind as WriteKind
from uysp.actions.model import State
from uysp.actions.removal import SamePhone
from uysp.actions.requests import Receipt
from uysp.actions.sentences import Result


def check_view(view: dict[str, Any], kind: Literal["modal", "home"]) -> None:
    """Check that Slack takes a view and reads no mark-up in its data."""
    assert view_faults(view, kind) == []
    assert not is_too_large(view)
    assert markup(view["blocks"]) == []
    json.dumps(view, allow_nan=False)
    for text in strings([view["blocks"], view.get("title", "")]):
        assert not set(text.replace("\n", "")) & set("\u202e\x1b\r\t\x00\ud800")
    ids = [each["action_id"] for name in ("button", "static_select") for each in parts(view["blocks"], name)]
    assert len(ids) == len(set(ids))


@settings(max_examples=60, deadline=None)
@given(answers(), st.builds(Sharing, lines, st.sampled_from(["", "C0GENERAL1"])).filter(Sharing.fits), texts)
def test_any_answer_can_be_shown_before_it_is_shared(answer: Answer, sharing: Sharing, audience: str) -> None:
    view = share_view(answer, sharing, audience)
    check_view(view, "modal")
    assert ("submit" in view) == bool(sharing.channel_id)
    assert Sharing.unpacked(view["private_metadata"]) == sharing


homes = st.builds(
    Home,
    st.none() | answers(),
    texts,
    sections(50, stored=False),
    sections(50, stored=False),
    st.just(AS_OF),
)


@settings(max_examples=60, deadline=None)
@given(homes, st.sampled_from(list(Form)))
def test_any_home_is_one_that_slack_takes(home: Home, form: Form) -> None:
    check_view(home_view(home, form), "home")


@settings(max_examples=60, deadline=None)
@given(texts, st.lists(st.tuples(texts, texts), max_size=5), st.sampled_from([1, 40]))
def test_any_explanation_and_notice_is_one_that_slack_takes(
    title: str, meanings: list[tuple[str, str]], times: int
) -> None:
    check_view(explain_view(title, meanings * times), "modal")
    check_view(notice_view(title, title), "modal")
    check_view(loading_view(title), "modal")


def test_what_a_number_means_is_told_below_its_name() -> None:
    view = explain_view("Campaigns", [("Booked", "Leads whose `Booked` is set.\nOnce each.")])
    assert strings(view["blocks"]) == ["Booked", "\nLeads whose Booked is set. Once each."]


CONTACTS = (
    Column("Lead", Kind.TEXT, lambda row: row[0]),
    Column("Email", Kind.TEXT, lambda row: row[1], is_personal=True),
)


def test_the_preview_has_what_will_be_posted_and_says_who_will_see_it_and_what_is_left_out() -> None:
    answer = answer_of(Section([("Anna", EMAIL)], CONTACTS), line="hot")
    view = share_view(answer, Sharing("hot", "C0GENERAL1"), "All 12 members of #sales will see this.")
    shown = strings(view["blocks"])
    assert "All 12 members of #sales will see this." in shown
    assert "Left out, because it is personal: Email." in shown
    assert "Anna" in shown
    assert not [text for text in shown if EMAIL in text]
    (where,) = parts(view["blocks"], "conversations_select")
    assert (where["action_id"], where["initial_conversation"]) == (SHARE_CHANNEL, "C0GENERAL1")
    assert view["callback_id"] == SHARE_VIEW
    assert parts(view["blocks"], "button") == []


def test_a_home_has_the_dashboard_ones_leads_and_ones_requests() -> None:
    dashboard = answer_of(Section([(5,)], [column(0, Kind.COUNT)]), links=(Link("Campaigns", "campaigns"),))
    rows = [("Anna",), ("Ben",)]
    leads = Section(rows, [column(0, Kind.TEXT)], link=lambda row: Link(row[0], f"lead {row[0]}"))
    requests = Section([], [column(0, Kind.TEXT)], empty="You have asked for nothing yet.")
    view = home_view(Home(dashboard, "", leads, requests, AS_OF), zone=ZoneInfo("Europe/Amsterdam"))
    headers = [block["text"]["text"] for block in parts(view["blocks"], "header")]
    assert headers == ["T", "Your leads", "Your requests"]
    shown = strings(view["blocks"])
    assert "You have asked for nothing yet." in shown
    assert "As of <!date^1777896000^{date_short_pretty} at {time}|2026-05-04 14:00 CEST>" in shown
    assert "lead Ben" in shown
    away = home_view(Home(None, "The database cannot be reached. Reference U7K.", leads, requests, AS_OF))
    assert "The database cannot be reached. Reference U7K." in strings(away["blocks"])


def test_a_home_beyond_its_room_says_that_it_was_cut() -> None:
    wide = Section([("\N{PILE OF POO}" * 3000,) * 24] * 400, [column(number, Kind.TEXT) for number in range(24)])
    card = answer_of(*[replace(wide, rows=wide.rows[:1], layout=wide.layout.CARD)] * 4)
    view = home_view(Home(card, "", wide, wide, AS_OF), Form.SECTIONS)
    check_view(view, "home")
    assert "There is no room for more here." in strings(view["blocks"])


@given(texts, texts, texts, texts)
def test_what_is_to_be_shared_comes_back_as_it_was(line: str, channel: str, origin: str, seen: str) -> None:
    sharing = Sharing(line, channel, origin, seen)
    assert Sharing.unpacked(sharing.packed()) == sharing
    if sharing.fits():
        assert len(Sharing(sharing.line, "C" * 30, "C" * 30, "0" * 64).packed()) <= LONGEST_METADATA


@pytest.mark.parametrize("metadata", ["", "{}", "[]", '["a"]', '["a", "b"]', '["a", "b", "c", 1]', "null", "\ud800"])
def test_what_is_no_sharing_is_refused(metadata: str) -> None:
    with pytest.raises(ValueError):
        Sharing.unpacked(metadata)


def test_an_action_without_a_line_or_section_is_read_as_such() -> None:
    for action in ({}, {"value": 7}, {"selected_option": None}, {"selected_option": {"value": None}}):
        assert chosen_line(action) == ""
    for wrong in ({}, {"action_id": ask_id(1)}, {"action_id": "csv:"}, {"action_id": "csv:A B"}):
        with pytest.raises(ValueError, match="CSV"):
            csv_section(wrong)


ids_of_leads = st.from_regex(r"[a-z]{1,8}/rec[A-Za-z0-9]{14}", fullmatch=True)
others = st.builds(
    SamePhone, st.just("c"), st.uuids().map(str), texts, st.none() | texts, st.none() | texts, st.booleans()
)
written = st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=200)  # stands in the form as it is


@settings(max_examples=60, deadline=None)
@given(ids_of_leads, texts, written, st.lists(others, max_size=12), st.sampled_from([1, 300]))
def test_any_form_is_one_that_slack_takes(
    lead: str, present: str, typed: str, same: list[SamePhone], times: int
) -> None:
    long, writing = present * times, Writing("note", "C0GENERAL1", lead)
    shown = [
        note_view(writing, long, typed[:3000]),
        note_view(replace(writing, draft="d"), long, typed * times),
        removal_view(replace(writing, kind="remove"), long, same),
        mark_view(replace(writing, kind="mark", status="Review"), long),
        bulk_view(replace(writing, kind="remove", line="remove step:1"), long, "REMOVE 5", typed),
        choose_view(writing, long),
        choose_view(replace(writing, kind="lead"), ""),
    ]
    for view in shown:
        check_view(view, "modal")
        assert Writing.unpacked(view["private_metadata"]).lead == lead


states = st.sampled_from([State.PENDING, State.DONE, State.FAILED, State.UNCHANGED, State.STOPPED])
results = st.builds(Result, st.uuids().map(str), texts, states, st.none() | texts, st.none() | texts)
receipts = st.builds(
    Receipt,
    st.just("7F3A91C2"),
    st.just("c"),
    st.sampled_from(list(WriteKind)),
    states,
    texts,
    st.just(AS_OF),
    st.lists(results, min_size=1, max_size=3).map(tuple),
    st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(receipts, st.sampled_from(["", "https://airtable.com/app/tbl/rec"]), st.sampled_from([1, 500]))
def test_any_result_of_a_write_is_one_that_slack_takes(receipt: Receipt, url: str, times: int) -> None:
    receipt = replace(receipt, said=receipt.said * times)
    check_view(receipt_view("Add note", receipt, url), "modal")
    message = receipt_message(receipt, url)
    assert block_faults(list(message["blocks"])) == []
    assert markup(message["blocks"]) == []
    assert len(message["text"]) <= 4000
