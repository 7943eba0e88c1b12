"""Notes: appended to what is there, once each, by any number of people; nothing that is there changes by a byte."""

from dataclasses import replace

import pytest

from tests.actions.world import ANNA, BEN, Make, World
from uysp.actions.model import State
from uysp.actions.notes import MOST_IN_FIELD
from uysp.actions.text import TextError


def test_a_note_goes_to_airtable_in_its_format_and_is_read_at_once(world: World) -> None:
    lead = world.ids[0]
    receipt = world.do(world.note(lead, "Spoke to her.\nCalls back on Monday.", "call"))
    assert receipt.state is State.DONE
    expected = "[Call] 2026-11-25T12:00:00.000Z - Anna Adams:\nSpoke to her.\nCalls back on Monday."
    assert world.lead(lead)["Notes"] == expected
    assert world.count(f"raw.leads where record_id = '{lead}' and fields ->> 'Notes' like '[Call]%'") == 1
    (line,) = world.log()
    assert (line.action, line.actor_id, line.actor_name, line.outcome) == ("NOTE_ADDED", ANNA.id, ANNA.name, "done")
    assert line.details["reference"] == receipt.reference
    assert line.details["after"] == {"Notes": expected}
    assert line.details["version"] == 2
    assert world.messages() == [("result", ANNA.id, receipt.said)]


@pytest.mark.parametrize(
    "there", ["old", "old\n", "old\n\n", " ", "\n\nold", "a\r\nb", "<airtable:mention id='x'>@A</airtable:mention>"]
)
def test_what_is_there_stays_to_the_byte(world: World, there: str) -> None:
    lead = world.ids[0]
    world.edit(lead, Notes=there)
    world.do(world.note(lead, "new"))
    assert world.lead(lead)["Notes"] == there + "\n\n[General] 2026-11-25T12:00:00.000Z - Anna Adams:\nnew"


def test_two_notes_of_the_same_moment_have_times_of_their_own(world: World) -> None:
    lead = world.ids[0]
    world.ask(world.note(lead, "first"))
    world.ask(world.note(lead, "second"), BEN)
    world.work()
    assert world.lead(lead)["Notes"] == (
        "[General] 2026-11-25T12:00:00.000Z - Anna Adams:\nfirst\n\n"
        "[General] 2026-11-25T12:00:00.001Z - Ben Brown:\nsecond"
    )
    assert len(world.writes("Notes")) == 1, "what waits together is written together"
    assert [message[1] for message in world.messages()] == [ANNA.id, BEN.id]


def test_a_persons_name_is_no_markup_either(world: World) -> None:
    hostile = replace(ANNA, name="<img src=x>Eve\n[Call]")
    world.do(world.note(world.ids[0], "hi"), hostile)
    assert world.lead(world.ids[0])["Notes"] == "[General] 2026-11-25T12:00:00.000Z - Eve [Call]:\nhi"


def test_a_repeated_delivery_is_one_note(world: World) -> None:
    lead = world.ids[0]
    first = world.ask(world.note(lead, "once"), key="view V1")
    again = world.ask(world.note(lead, "once"), key="view V1")
    assert (first.is_new, again.is_new) == (True, False)
    assert first.reference == again.reference
    world.work()
    late = world.ask(world.note(lead, "once"), key="view V1")
    assert late.state is State.DONE
    assert world.work() == 0
    assert world.lead(lead)["Notes"].count("once") == 1


@pytest.mark.parametrize("body", ["", " \n ", "<b></b>", "x" * 5001])
def test_a_text_that_cannot_be_taken_is_refused_before_anything_is_stored(world: World, body: str) -> None:
    with pytest.raises(TextError):
        world.note(world.ids[0], body)


def test_five_thousand_characters_are_taken(world: World) -> None:
    world.do(world.note(world.ids[0], "x" * 5000))
    assert world.lead(world.ids[0])["Notes"].endswith("x" * 5000)


def test_a_full_field_is_a_clear_error_and_stays(world: World) -> None:
    lead = world.ids[0]
    head = len("\n\n[General] 2026-11-25T12:00:00.000Z - Anna Adams:\n")
    world.edit(lead, Notes="x" * (MOST_IN_FIELD - head - 2))
    receipt = world.do(world.note(lead, "new"))
    assert receipt.state is State.FAILED
    assert "100,000 characters" in receipt.said
    assert world.do(world.note(lead, "ne")).state is State.DONE
    assert len(world.lead(lead)["Notes"]) == MOST_IN_FIELD


def test_a_base_without_notes_is_a_clear_error(make: Make) -> None:
    world = make(lacking="Notes")
    receipt = world.do(world.note(world.ids[0], "lost?"))
    assert receipt.state is State.FAILED
    assert "doctor --fix" in receipt.said


def test_a_lead_that_is_gone_is_a_clear_error(world: World) -> None:
    lead = world.ids[0]
    world.emulator.store.delete(world.base.id, "Leads", [lead])
    receipt = world.do(world.note(lead, "too late"))
    assert receipt.state is State.FAILED
    assert "no longer in Airtable" in receipt.said


def test_undoing_a_note_takes_out_its_own_text_and_nothing_else(world: World) -> None:
    lead = world.ids[0]
    world.edit(lead, Notes="by hand ")
    receipt = world.do(world.note(lead, "mistaken"))
    world.do(world.note(lead, "Ben's"), BEN)
    world.edit(lead, Notes=world.lead(lead)["Notes"] + "\nmore by hand")
    undone = world.undo(receipt.reference)
    assert undone.state is State.DONE
    assert world.lead(lead)["Notes"] == (
        "by hand \n\n[General] 2026-11-25T12:00:00.001Z - Ben Brown:\nBen's\nmore by hand"
    )
    line = world.log()[-1]
    assert line.action == "CHANGE_UNDONE"
    taken_out = "[General] 2026-11-25T12:00:00.000Z - Anna Adams:\nmistaken"
    assert (line.details["before"], line.details["after"]) == ({"Notes": taken_out}, {}), "other notes stand"


def test_a_note_that_somebody_changed_is_not_undone(world: World) -> None:
    lead = world.ids[0]
    receipt = world.do(world.note(lead, "mistaken"))
    edited = world.lead(lead)["Notes"].replace("mistaken", "corrected")
    world.edit(lead, Notes=edited)
    undone = world.undo(receipt.reference)
    assert undone.state is State.NOT_DONE
    assert world.lead(lead)["Notes"] == edited
