"""Modals and App Home, whatever stands in the data."""

import json
from dataclasses import replace
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playground.slack.limits.views import is_too_large, view_faults
from slackbot.answers.model import Answer, Column, Kind, Link, Section
from slackbot.blocks.actions import (
    LONGEST_METADATA,
    SHARE_CHANNEL,
    SHARE_VIEW,
    Sharing,
    ask_id,
    chosen_line,
    csv_section,
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


@given(texts, texts)
def test_what_is_to_be_shared_comes_back_as_it_was(line: str, channel: str) -> None:
    sharing = Sharing(line, channel)
    assert Sharing.unpacked(sharing.packed()) == sharing
    if sharing.fits():
        assert len(Sharing(sharing.line, "C" * 30).packed()) <= LONGEST_METADATA


@pytest.mark.parametrize("metadata", ["", "{}", "[]", '["a"]', '["a", 1]', '["a", "b", "c"]', "null", "\ud800"])
def test_what_is_no_sharing_is_refused(metadata: str) -> None:
    with pytest.raises(ValueError):
        Sharing.unpacked(metadata)


def test_an_action_without_a_line_or_section_is_read_as_such() -> None:
    for action in ({}, {"value": 7}, {"selected_option": None}, {"selected_option": {"value": None}}):
        assert chosen_line(action) == ""
    for wrong in ({}, {"action_id": ask_id(1)}, {"action_id": "csv:"}, {"action_id": "csv:A B"}):
        with pytest.raises(ValueError, match="CSV"):
            csv_section(wrong)
