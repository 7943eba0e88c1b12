"""Writes from Slack, from the click to Airtable's cells: forms, buttons, the shortcut, what is told and when."""

import functools
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import text

from playground.slack.limits.blocks import block_faults
from slackbot import telling, writing
from slackbot.answers import ask, own
from slackbot.answers.model import Section
from slackbot.answers.own import own_requests
from slackbot.blocks.actions import ALSO, CONFIRM, LEAD, NOTE_SHORTCUT, NOTE_TEXT, NOTE_TYPE, REASON, STATUS, UNDO
from slackbot.blocks.views import Home, home_view
from tests.slackbot import marts
from tests.slackbot.office import ADA, Office, airtable, office, open_office
from tests.slackbot.test_bot import shown
from tests.waiting import eventually
from uysp.actions import requests
from uysp.actions.requests import utc_now
from uysp.actions.rights import Person
from uysp.actions.watch import prune

__all__ = ["airtable", "office", "open_office"]  # fixtures


def test_a_note_is_written_from_its_form_and_taken_out_by_its_undo_button(office: Office) -> None:
    office.world.edit(office.world.ids[1], Notes="before")
    view = office.form("ada", f"note {office.lead(1)}")
    assert "In Sequence" in str(view.blocks)
    office.slack.submit("ada", **{NOTE_TYPE: "Call", NOTE_TEXT: "AT&T said 5 < 6 <b>now</b>"})
    ended = office.ended("ada", "Note added to Lea Number1.")
    first, _, last = office.notes(1).partition("\n\n")
    assert (first, last.startswith("[Call] ")) == ("before", True)
    assert " - Ada Member:\n" in last
    assert last.endswith(":\nAT&T said 5 < 6 now")
    office.slack.press("ada", ended, UNDO)
    office.ended("ada", "taken out again")
    assert office.notes(1) == "before"


def test_what_is_stored_is_carried_out_at_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("uysp.actions.worker.IDLE_SECONDS", 30.0)
    office.form("ada", f"note {office.lead(0)}")
    office.slack.submit("ada", **{NOTE_TEXT: "first"})  # until here the writers may wait as long as before
    office.ended("ada", "Note added")
    for number in range(3):
        time.sleep(0.3)  # all writers wait again, for half a minute if nobody wakes them
        office.slack.close("ada")
        office.form("ada", f"note {office.lead(0)}")
        office.slack.submit("ada", **{NOTE_TEXT: f"note {number}"})
        office.ended("ada", "Note added")  # within ten seconds


def test_a_form_that_is_delivered_twice_is_stored_once(office: Office) -> None:
    office.form("ada", f"note {office.lead(0)}")
    sent = office.slack.submit("ada", **{NOTE_TEXT: "once"})
    office.slack.redeliver(sent)
    office.slack.redeliver(sent, new_envelope=True)
    office.ended("ada", "Note added")
    assert office.notes(0).count("once") == 1
    assert office.world.count("app.write_requests") == 1


def test_a_message_becomes_a_note_with_its_link(office: Office) -> None:
    office.slack.say("ben", "Call <them> back & ask", "general")
    message = office.slack.workspace.screen("ada", "general")[-1]
    office.slack.shortcut("ada", message, NOTE_SHORTCUT)
    view = office.opened("ada")
    (offered,) = office.slack.search("ada", view, LEAD, "number2").options
    office.slack.choose("ada", view, LEAD, offered["value"])
    view = office.ended("ada", "Lea Number2")
    assert "Call <them> back & ask" in str(view.blocks)
    office.slack.submit("ada")
    office.ended("ada", "Note added to Lea Number2.")
    assert "Call <them> back & ask\nhttps://" in office.notes(2)


def test_a_message_too_long_for_the_form_is_added_whole(office: Office) -> None:
    long = "word " * 800
    office.slack.say("ben", long, "general")
    office.slack.shortcut("ada", office.slack.workspace.screen("ada", "general")[-1], NOTE_SHORTCUT)
    view = office.opened("ada")
    office.slack.search("ada", view, LEAD, "number2")
    office.slack.choose("ada", view, LEAD, office.lead(2))
    assert "characters are added" in str(office.ended("ada", "Shown shortened").blocks)
    office.slack.submit("ada", **{NOTE_TYPE: "Meeting"})
    office.ended("ada", "Note added to Lea Number2.")
    assert long.strip() in office.notes(2)


def test_a_message_longer_than_a_note_may_be_is_told_at_once(office: Office) -> None:
    office.slack.say("ben", "word " * 990, "general")  # with its link too long
    office.slack.say("ben", "word " * 1100, "general")
    for message in office.slack.workspace.screen("ada", "general")[-2:]:
        office.slack.shortcut("ada", message, NOTE_SHORTCUT)
        assert "a note may have 5,000" in str(office.ended("ada", "Nothing was stored").blocks)
    assert office.world.count("app.write_drafts") == 0


def test_a_long_message_outlives_a_restart_of_the_bot(open_office: Callable[..., Office]) -> None:
    office = open_office()
    long = "word " * 800
    office.slack.say("ben", long, "general")
    office.slack.shortcut("ada", office.slack.workspace.screen("ada", "general")[-1], NOTE_SHORTCUT)
    view = office.opened("ada")
    office.slack.search("ada", view, LEAD, "number2")
    office.slack.choose("ada", view, LEAD, office.lead(2))
    office.ended("ada", "Shown shortened")
    office = open_office()  # Slack delivers to this one from now on
    office.slack.submit("ada", **{NOTE_TYPE: "Meeting"})
    office.ended("ada", "Note added to Lea Number2.")
    assert long.strip() in office.notes(2)
    prune(office.world.engine, utc_now())
    assert office.world.count("app.write_drafts") == 1
    prune(office.world.engine, utc_now() + timedelta(days=1))
    assert office.world.count("app.write_drafts") == 0


def test_a_message_where_the_bot_is_not_becomes_a_note_with_its_link_too(office: Office) -> None:
    office.slack.say("grace", "Call them back", "no-bots")
    message = office.slack.workspace.screen("ada", "no-bots")[-1]
    office.slack.shortcut("ada", message, NOTE_SHORTCUT)
    view = office.opened("ada")
    office.slack.search("ada", view, LEAD, "number2")
    office.slack.choose("ada", view, LEAD, office.lead(2))
    link = f"https://playground.slack.com/archives/{message.channel}/p{message.ts.replace('.', '')}"
    assert f"Call them back\n{link}" in office.ended("ada", "Lea Number2").blocks[-1]["element"]["initial_value"]


def test_a_lead_is_removed_with_those_of_its_phone_and_the_removal_undone(office: Office) -> None:
    office.world.edit(office.world.ids[2], Phone=office.cells(1)["Phone"], Last_Name="Number1")
    office.world.edit(office.world.ids[3], Phone=office.cells(1)["Phone"], Last_Name="Else")
    office.world.sync()
    view = office.form("ada", f"remove {office.lead(1)}")
    assert "not stopped" in str(view.blocks)
    office.slack.submit("ada", **{REASON: "Not a fit"})
    ended = office.ended("ada", "is removed from the campaign")
    removed = {
        "SMS Stop": True,
        "Processing Status": "Stopped",
        "SMS Stop Reason": "Not a fit",
        "HRQ Status": "Completed",
    }
    for number in (1, 2):
        assert {name: office.cells(number).get(name) for name in removed} == removed
    assert "SMS Stop" not in office.cells(3)
    office.slack.press("ada", ended, UNDO)
    office.ended("ada", "Undone for")
    assert office.cells(1)["Processing Status"] == office.cells(2)["Processing Status"] == "In Sequence"
    assert not office.cells(1).get("SMS Stop")


def test_who_is_not_chosen_stays(office: Office) -> None:
    office.world.edit(office.world.ids[2], Phone=office.cells(1)["Phone"], Last_Name="Number1")
    office.world.sync()
    office.form("ada", f"remove {office.lead(1)}")
    office.slack.submit("ada", **{REASON: "Not a fit", ALSO: []})
    office.ended("ada", "is removed from the campaign")
    assert "SMS Stop" not in office.cells(2)


def test_until_airtable_confirms_a_removal_is_not_stopped_yet_and_the_end_comes_by_direct_message(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "submit", functools.partial(requests.submit, wait=1.5))
    monkeypatch.setattr(writing, "WAIT_SECONDS", 0.5)
    monkeypatch.setattr("slackbot.listeners.writes.WAIT_SECONDS", 0.5)
    monkeypatch.setattr(telling, "IDLE_SECONDS", 0.1)
    office.form("ada", f"remove {office.lead(1)}")
    office.world.emulator.fail(latency=1.5, times=None)
    office.slack.submit("ada", **{REASON: "Not a fit"})
    view = office.ended("ada", "NOT stopped yet")
    assert "tick SMS Stop by hand" in str(view.blocks)
    assert f"https://airtable.com/{office.world.client.base_id}" in str(view.blocks)
    message = office.told("ada", "is removed from the campaign", 30)
    assert message.only_for is None
    assert block_faults(list(message.blocks)) == []
    assert office.cells(1)["SMS Stop"] is True
    time.sleep(0.5)
    direct = office.slack.workspace.direct_message(ADA)
    said = [each for each in office.slack.workspace.screen("ada", direct.id) if "is removed" in shown(each)]
    assert len(said) == 1
    office.slack.press("ada", message, UNDO)
    office.told("ada", "Undone for")


def test_a_card_tells_of_a_removal_that_airtable_has_not_confirmed(office: Office) -> None:
    office.world.emulator.fail(status=500, times=None)
    reference = office.world.ask(office.world.removal(office.world.ids[1])).reference
    card = office.slack.command("ben", f"lead {office.lead(1)}", "general").wait_for_answer()
    assert f"Asked for: removal, NOT stopped yet ({reference})." in shown(card)


def test_all_own_requests_are_listed_pending_ones_first_with_the_total(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = Person(ADA, "Ada")
    world = office.world
    world.settings = world.settings.model_copy(update={"uysp_writes_per_minute": 100})
    office.world.emulator.fail(status=500, times=None)
    first = world.ask(world.removal(world.ids[1]), ada).reference
    with world.engine.begin() as connection:
        for number in range(12):
            world.ask(world.note(world.ids[0], f"note {number}"), ada)
        connection.execute(text("update app.write_requests set state = 'done' where kind = 'note'"))
    with world.engine.connect() as connection:
        listed = own_requests(connection, (world.client.key,), ADA)
        monkeypatch.setattr("slackbot.answers.own._REQUESTS", text(f"{own._REQUESTS.text} offset 3"))
        part = own_requests(connection, (world.client.key,), ADA)
    assert (len(listed.rows), listed.rows[0].reference, listed.page) == (13, first, None)
    assert (len(part.rows), part.page and part.page.total) == (10, 13)
    assert "13 in all, pending ones first." in str(home_view(Home(None, "", Section([]), part, utc_now())))


def test_what_an_earlier_bot_had_stored_is_carried_out_and_told_by_the_next(
    open_office: Callable[..., Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "IDLE_SECONDS", 0.1)
    first = open_office()
    reference = first.world.ask(first.world.note(first.world.ids[1], "kept"), Person(ADA, "Ada"), wait=0).reference
    second = open_office()
    message = second.told("ada", f"Note added to Lea Number1. Reference {reference}.")
    assert second.notes(1).count("kept") == 1
    direct = second.slack.workspace.direct_message(ADA)
    time.sleep(0.5)  # two tellers, one answer
    assert [shown(each) for each in second.slack.workspace.screen("ada", direct.id)] == [shown(message)]


def test_a_window_that_was_closed_is_answered_by_a_message(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.world.emulator.fail(latency=0.5, times=None)
    office.form("ada", f"note {office.lead(1)}")
    office.slack.submit("ada", **{NOTE_TEXT: "later"})
    office.slack.close("ada")

    def answered() -> bool:
        return any("Note added" in shown(each) for each in office.slack.workspace.screen("ada", "general"))

    assert eventually(answered)
    assert office.notes(1).count("later") == 1


def test_an_answer_that_slack_did_not_take_is_told_later(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "LONGER_SECONDS", 0.2)
    office.world.emulator.fail(latency=0.5, times=None)
    office.form("ada", f"note {office.lead(1)}")
    office.slack.fail("chat.postEphemeral", status=503)
    office.slack.fail("chat.postMessage", status=503)
    office.slack.submit("ada", **{NOTE_TEXT: "later"})
    office.slack.close("ada")
    assert eventually(lambda: office.notes(1).count("later") == 1)
    assert eventually(
        lambda: any(call.method == "chat.postEphemeral" for call in office.slack.calls), 15
    )  # after the window was looked for in vain
    time.sleep(1)  # it is done, and nobody could be told
    office.slack.recover()
    office.told("ada", "Note added to Lea Number1.", 30)


def test_a_lead_is_marked_with_the_status_that_was_typed(office: Office) -> None:
    office.form("ada", f"mark {office.lead(1)} manual process")
    office.slack.submit("ada", **{REASON: "asks a lot"})
    office.ended("ada", "is marked Manual Process")
    cells = office.cells(1)
    assert (cells["HRQ Status"], cells["HRQ Reason"]) == ("Manual Process", "asks a lot")
    assert cells["Processing Status"] == "Stopped"
    office.slack.close("ada")
    office.form("ada", f"mark {office.lead(0)}")
    office.slack.submit("ada", **{STATUS: "Qualified"})
    office.ended("ada", "is marked Qualified")
    assert office.cells(0)["HRQ Status"] == "Qualified"


def test_a_lead_is_claimed_and_given_up_from_its_card(office: Office) -> None:
    card = office.slack.command("ada", f"lead {office.lead(1)}", "general").wait_for_answer()
    claimed = office.slack.press("ada", card, "Claim").wait_for_answer()
    assert "is yours" in claimed.text
    assert office.cells(1)["Claimed By"] == "ada@example.invalid"
    refused = office.slack.command("ben", f"claim {office.lead(1)}", "general").wait_for_answer()
    assert "is claimed by ada@example.invalid" in refused.text
    undone = office.slack.press("ada", claimed, UNDO).wait_for_answer()
    assert "Undone for" in undone.text
    assert "Claimed By" not in office.cells(1)


def test_admins_set_a_claim_aside_and_nobody_else(open_office: Callable[..., Office]) -> None:
    office = open_office(uysp_admins=[ADA])
    office.world.edit(office.world.ids[1], Claimed_By="carl@example.com")
    ask = functools.partial(office.slack.command, channel="general")
    assert "is claimed by carl" in ask("ada", f"claim {office.lead(1)}").wait_for_answer().text
    assert "Only admins" in ask("ben", f"claim {office.lead(1)} override:yes").wait_for_answer().text
    assert "takes yes alone" in ask("ada", f"claim {office.lead(1)} override:no").wait_for_answer().text
    assert office.cells(1)["Claimed By"] == "carl@example.com"
    assert "is yours" in ask("ada", f"claim {office.lead(1)} override:yes").wait_for_answer().text
    assert office.cells(1)["Claimed By"] == "ada@example.invalid"


def test_home_has_a_claim_as_soon_as_it_is_done_and_not_after_it_is_given_up(office: Office) -> None:
    office.slack.open_home("ada")
    assert "You have claimed no leads" in str(office.slack.wait_for_home("ada").blocks)
    told = office.slack.command("ada", f"claim {office.lead(1)}", "general").wait_for_answer()
    assert "is yours" in told.text

    def home() -> str:
        return str(office.slack.wait_for_home("ada").blocks)

    assert eventually(lambda: "Lea Number1" in home() and "You have claimed no leads" not in home())
    office.slack.command("ada", f"unclaim {office.lead(1)}", "general").wait_for_answer()
    assert eventually(lambda: "You have claimed no leads" in home())


def test_home_has_what_ended_later_as_soon_as_that_is_told(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "submit", functools.partial(requests.submit, wait=1.5))
    monkeypatch.setattr(writing, "WAIT_SECONDS", 0.5)
    monkeypatch.setattr(telling, "IDLE_SECONDS", 0.1)
    office.slack.open_home("ada")
    office.slack.wait_for_home("ada")
    office.world.emulator.fail(latency=1.5, times=None)
    office.slack.command("ada", f"claim {office.lead(1)}", "general")

    def home() -> str:
        return str(office.slack.wait_for_home("ada").blocks)

    assert eventually(lambda: "pending" in home())
    office.told("ada", "is yours", 30)
    assert eventually(lambda: "You have claimed no leads" not in home())


def test_the_next_answer_has_what_was_written_marked_just_now(office: Office) -> None:
    before = shown(office.slack.command("ada", f"lead {office.lead(1)}", "general").wait_for_answer())
    assert "just now" not in before
    office.world.edit(office.world.ids[1], Notes="old")
    office.form("ada", f"note {office.lead(1)}")
    office.slack.submit("ada", **{NOTE_TEXT: "liked the demo"})
    office.ended("ada", "Note added")
    office.form("ada", f"remove {office.lead(1)}")
    office.slack.submit("ada", **{REASON: "Not a fit"})
    office.ended("ada", "is removed")
    after = shown(office.slack.command("ada", f"lead {office.lead(1)}", "general").wait_for_answer())
    assert all(words in after for words in ("liked the demo", "Stop reason: Not a fit", "Written just now to Lea"))


def test_lists_have_what_was_written_marked_just_now_too(office: Office) -> None:
    with office.world.engine.begin() as connection:
        connection.execute(text("update marts.leads set is_hot = true, clicked = true, step = 1"))
    office.slack.command("ada", f"claim {office.lead(1)}", "general").wait_for_answer()
    office.form("ada", f"mark {office.lead(1)} manual process")
    office.slack.submit("ada")
    office.ended("ada", "is marked Manual Process")
    for line, words in (("hot", "Lea"), ("dashboard", "Lea"), ("campaign webinar step:1", "Stopped")):
        answer = shown(office.slack.command("ada", line, "general").wait_for_answer())
        assert "Written just now to Lea Number1: " in answer, line
        assert words in answer
    rows = ask("hot", office.world.engine, office.settings, lambda _key: True).sections["leads"].rows
    assert {row.lead_id: row.claimed_by for row in rows}[office.world.ids[1]] == "ada@example.invalid"


def test_a_lead_with_the_phone_of_a_removed_one_is_shown_with_a_button_that_removes_it(office: Office) -> None:
    issue = {"client": office.world.client.key, "source_table": "leads", "record_id": office.world.ids[1]}
    marts.add(office.world.engine, "data_quality_issues", {**issue, "rule": "same_phone_as_stopped"})
    card = office.slack.command("ada", f"lead {office.lead(1)}", "general").wait_for_answer()
    assert "Another record with this phone is removed" in shown(card)
    office.slack.press("ada", card, "Remove from campaign…")
    assert "Reason" in str(office.opened("ada").blocks)


def test_the_buttons_of_a_card_open_the_forms(office: Office) -> None:
    card = office.slack.command("ada", "lead number1", "general").wait_for_answer()
    for what, words in (("Add note…", "Note"), ("Mark…", "Status"), ("Remove from campaign…", "Reason")):
        office.slack.press("ada", card, what)
        assert words in str(office.opened("ada").blocks)
        office.slack.close("ada")


def test_a_lead_that_is_not_named_for_sure_is_looked_for_in_the_form(office: Office) -> None:
    for line in ("note", "note lea", "note nobody at all"):
        view = office.form("ada", line)
        found = office.slack.search("ada", view, LEAD, "number3").options
        office.slack.choose("ada", view, LEAD, found[0]["value"])
        office.ended("ada", "Lea Number3")
        office.slack.close("ada")


def test_lead_without_text_opens_the_search_and_shows_what_is_chosen(office: Office) -> None:
    view = office.form("ada", "lead")
    (found,) = office.slack.search("ada", view, LEAD, "number3").options
    office.slack.submit("ada", **{LEAD: found["value"]})

    def answered() -> bool:
        return any("Lea Number3" in shown(each) for each in office.slack.workspace.screen("ada", "general"))

    assert eventually(answered)
    assert office.slack.modal("ada") is None
    (answer,) = office.slack.workspace.screen("ada", "general")
    assert answer.only_for == ADA


def test_a_message_that_asks_to_write_is_answered_with_a_button(office: Office) -> None:
    asked = office.slack.say("ada", f"note {office.lead(1)}")
    assert asked is not None
    office.slack.press("ada", asked.wait_for_answer(), "Add note…")
    assert "Lea Number1" in str(office.opened("ada").blocks)


@pytest.mark.parametrize(
    ("who", "words"), [("gus", "full members"), ("ben", "not among those who may write")], ids=["guest", "no writer"]
)
def test_who_may_not_write_gets_no_form(open_office: Callable[..., Office], who: str, words: str) -> None:
    office = open_office(uysp_writers=[ADA])
    asked = office.slack.command(who, f"note {office.lead(1)}", "general")
    if who == "gus":
        assert words in asked.wait_for_answer().text
    else:
        assert words in str(office.opened(who).blocks)
    claimed = office.slack.command(who, f"claim {office.lead(1)}", "general").wait_for_answer()
    assert words in claimed.text or "Only full members" in claimed.text
    assert office.world.count("app.write_requests") == 0
    assert office.world.log("action = 'ACCESS_DENIED'")


def test_who_may_not_write_gets_no_search_either(open_office: Callable[..., Office]) -> None:
    office = open_office(uysp_writers=[ADA])
    for line in ("note", "remove", "mark", "note nobody at all"):
        assert "not among those who may write" in str(office.form("ben", line).blocks)
        office.slack.close("ben")
    office.slack.say("ada", "Call them back", "general")
    office.slack.shortcut("ben", office.slack.workspace.screen("ben", "general")[-1], NOTE_SHORTCUT)
    assert "not among those who may write" in str(office.opened("ben").blocks)
    assert office.world.count("app.write_drafts") == 0


def test_the_log_goes_out_as_a_file_to_admins_alone(open_office: Callable[..., Office]) -> None:
    office = open_office(uysp_admins=[ADA])
    office.world.do(office.world.note(office.world.ids[1], "hello"), Person(ADA, "Ada"))
    for who, words in (("ben", "Only admins"), ("ada", "Making uysp-history")):
        answer = office.slack.command(who, "history", "general").wait_for_answer()
        assert words in office.slack.press(who, answer, "Send as CSV").wait_for_answer().text


def test_what_came_of_a_form_may_reach_slack_before_its_acknowledgement(
    open_office: Callable[..., Office], slow_submissions: Callable[[], None]
) -> None:
    office = open_office(uysp_admins=[ADA])
    slow_submissions()
    office.form("ada", f"note {office.lead(1)}")
    office.slack.submit("ada", **{NOTE_TEXT: "hello"})
    office.ended("ada", "Note added")
    office.form("ada", "remove campaign:webinar")
    office.slack.submit("ada", **{REASON: "Campaign over", CONFIRM: "REMOVE 4"})
    office.ended("ada", "of 4 leads are finished")


def test_rights_are_checked_again_when_a_form_is_handed_in(office: Office) -> None:
    office.form("ada", f"note {office.lead(1)}")
    for _ in range(office.settings.uysp_writes_per_minute):
        office.world.ask(office.world.note(office.world.ids[0], "x"), person=Person(ADA, "Ada"))
    sent = office.slack.submit("ada", **{NOTE_TEXT: "one too many"})
    assert "more than 10 writes in a minute" in str(sent.ack)
    assert office.notes(1) == ""


def test_a_text_that_cannot_be_taken_is_said_below_its_input(office: Office) -> None:
    office.form("ada", f"note {office.lead(1)}")
    sent = office.slack.submit("ada", **{NOTE_TEXT: "<script></script>"})
    assert "nothing but mark-up" in str(sent.ack)
    assert office.world.count("app.write_requests") == 0
