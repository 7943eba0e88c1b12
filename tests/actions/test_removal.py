"""Removals: four cells in one PATCH, nothing that an automation has said is lost, and the lead stays removed."""

from typing import Any

import pytest
from sqlalchemy import text

from tests.actions.test_exactly_once import cut_off
from tests.actions.world import ADMIN, ANNA, BEN, HRQ, Make, World
from uysp.actions.attempt import ANSWERS_BELIEVED
from uysp.actions.bulk import bulk_removal, preview, progress, stop
from uysp.actions.model import State, said_time
from uysp.actions.present import present_state
from uysp.actions.queue import holding
from uysp.actions.removal import removal, same_phone
from uysp.actions.rights import DeniedError
from uysp.actions.text import TextError
from uysp.actions.watch import RESTORED
from uysp.actions.worker import IN_FLIGHT
from uysp.airtable.client import Gateway
from uysp.airtable.model import Record
from uysp.errors import UyspError
from uysp.forget import forget_lead

FOUR = {"Processing Status": "Stopped", "SMS Stop": True, "SMS Stop Reason": "Not a fit", "HRQ Status": "Completed"}


def test_a_removal_writes_four_cells_in_one_patch(world: World) -> None:
    lead = world.ids[0]
    receipt = world.do(world.removal(lead, reason=" Not a\nfit "))
    assert receipt.state is State.DONE
    assert world.writes() == [{"id": lead, **FOUR}]
    assert receipt.said == f"Lea Number0 is removed from the campaign: Not a fit. Reference {receipt.reference}."
    (line,) = world.log()
    assert (line.action, line.outcome, line.details["reason"]) == ("LEAD_REMOVED_FROM_CAMPAIGN", "done", "Not a fit")
    assert line.details["before"] == {
        "Processing Status": "In Sequence", "SMS Stop": None, "SMS Stop Reason": None, "HRQ Status": None,
    }  # fmt: skip
    assert line.details["after"] == FOUR


@pytest.mark.parametrize(("times", "state"), [(1, State.DONE), (100, State.FAILED)])
def test_an_answer_that_does_not_say_what_was_asked_is_not_believed(
    world: World, monkeypatch: pytest.MonkeyPatch, times: int, state: State
) -> None:
    """Something in Airtable unchecks SMS Stop at once, before the answer is made."""
    lead = world.ids[0]
    update = Gateway.update
    left = [times]

    def undone(gateway: Gateway, table_id: str, changes: Any, just_before: Any = None) -> list[Record]:
        answered = update(gateway, table_id, changes, just_before)
        left[0] -= 1
        if left[0] < 0:
            return answered
        world.edit(lead, SMS_Stop=False)
        found = gateway.record(table_id, lead)
        assert found is not None
        return [found]

    monkeypatch.setattr(Gateway, "update", undone)
    reference = world.do(world.removal(lead)).reference
    assert world.receipt(reference).said.startswith("NOT stopped yet")
    assert world.messages() == []
    world.settle()
    receipt = world.receipt(reference)
    assert receipt.state is state
    assert (world.lead(lead).get("SMS Stop") is True) == (state is State.DONE)
    if state is State.FAILED:
        assert "shows something else" in receipt.said
        assert left == [100 - ANSWERS_BELIEVED]


@pytest.mark.parametrize("cells", [{"Booked": True}, {"Processing_Status": "Completed"}, {"Processing_Status": None}])
def test_booked_and_finished_leads_are_removed_like_others(world: World, cells: dict[str, Any]) -> None:
    lead = world.ids[0]
    world.edit(lead, **cells)
    world.do(world.removal(lead))
    assert {name: world.lead(lead)[name] for name in FOUR} == FOUR


@pytest.mark.parametrize("status", ["Stopped", "Completed", "Complete"])
def test_a_stopped_lead_is_left_as_it_is_and_says_why(world: World, status: str) -> None:
    lead = world.ids[0]
    world.edit(lead, Processing_Status=status, SMS_Stop=True, SMS_Stop_Reason="STOP")
    world.sync()
    before = len(world.writes())
    receipt = world.do(world.removal(lead))
    assert receipt.state is State.UNCHANGED
    assert "stopped already since 20" in receipt.said
    assert "STOP" in receipt.said
    assert len(world.writes()) == before


def test_a_lead_that_the_first_load_found_stopped_is_stopped_since_an_unknown_time(world: World) -> None:
    lead = world.ids[0]
    world.edit(lead, Processing_Status="Stopped", SMS_Stop=True, SMS_Stop_Reason="STOP")
    with world.engine.begin() as connection:
        for table in ("leads", "leads_history", "loads"):
            connection.execute(text(f"delete from raw.{table} where client = :key"), {"key": world.client.key})
    world.sync(full=True)
    assert "is stopped already since before 20" in world.do(world.removal(lead)).said


def test_a_stop_with_another_status_keeps_its_reason(world: World) -> None:
    lead = world.ids[0]
    world.edit(lead, SMS_Stop=True, SMS_Stop_Reason="STOP")
    receipt = world.do(world.removal(lead))
    assert receipt.state is State.DONE
    assert "Not a fit" not in receipt.said
    assert "so the reason written there stays: STOP. Yours was not written." in receipt.said
    assert world.writes()[1:] == [{"id": lead, "Processing Status": "Stopped"}]
    assert world.lead(lead)["SMS Stop Reason"] == "STOP"


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("STOP", "Removed: STOP"),
        ("stop!", "Removed: stop!"),
        ("Un-Subscribe", "Removed: Un-Subscribe"),
        ("opt out", "Removed: opt out"),
        ("booked", "Removed: booked"),
        ("2 end 2", "Removed: 2 end 2"),
        ("Stop it", "Stop it"),
        ("wants to end", "wants to end"),
        ("<b>quit</b>", "Removed: quit"),
        ("123", "123"),
    ],
)
def test_a_reason_that_reads_as_a_marker_is_written_so_that_it_does_not(typed: str, written: str) -> None:
    assert removal("c", ["rec"], typed).content["reason"] == written


@pytest.mark.parametrize("typed", ["", "  ", "<i></i>", "x" * 501])
def test_a_reason_is_needed_and_short(typed: str) -> None:
    with pytest.raises(TextError):
        removal("c", ["rec"], typed)


def test_a_missing_option_does_not_keep_a_lead_from_being_stopped(make: Make) -> None:
    world = make(hrq=HRQ)
    lead = world.ids[0]
    receipt = world.do(world.removal(lead))
    assert receipt.state is State.DONE
    assert "removed from the campaign: Not a fit. In this base “HRQ Status” has no option 'Completed'" in receipt.said
    assert world.writes() == [{"id": lead, **{name: FOUR[name] for name in list(FOUR)[:3]}}]


def test_an_option_that_went_away_since_the_schema_was_read_does_not_either(world: World) -> None:
    lead = world.ids[0]
    field = world.base.tables[0].field_named("HRQ Status")
    assert field is not None
    field.options["choices"] = [each for each in field.choices if each["name"] != "Completed"]
    world.emulator.store.schema_changed(world.base)
    receipt = world.do(world.removal(lead))
    assert receipt.state is State.DONE
    assert world.lead(lead)["SMS Stop"] is True
    assert "HRQ Status" not in world.lead(lead)


def test_records_of_the_same_phone_are_offered(make: Make) -> None:
    world = make(leads=12)
    lead, twin, other, short, stopped, *many = world.ids
    world.edit(lead, Phone="+1 (415) 555-7777", Last_Name="Doe")
    world.edit(twin, Phone="4155557777 ext. 9", Last_Name="doe ")
    world.edit(other, Phone="415.555.7777", Last_Name="Roe")
    world.edit(short, Phone="5557777", Last_Name="Doe")
    world.edit(stopped, Phone="4155557777", Last_Name="Doe", SMS_Stop=True, Processing_Status="Stopped")
    world.sync()
    with world.engine.connect() as connection:
        offered = same_phone(connection, world.client.key, lead)
        assert same_phone(connection, world.client.key, short) == []
    assert {each.lead_id: each.chosen for each in offered} == {twin: True, other: False}
    for each in many[:3]:
        world.edit(each, Phone="4155557777", Last_Name="Doe")
    world.sync()
    with world.engine.connect() as connection:
        offered = same_phone(connection, world.client.key, lead)
    assert {each.lead_id for each in offered if each.chosen} == {twin, *many[:3]}, "five are not too many"
    world.edit(many[3], Phone="4155557777", Last_Name="Doe")
    world.sync()
    with world.engine.connect() as connection:
        offered = same_phone(connection, world.client.key, lead)
    assert len(offered) == 6
    assert not any(each.chosen for each in offered), "a number of so many is shared"
    world.do(world.removal(lead, twin))
    assert world.lead(twin)["SMS Stop"] is True
    assert world.lead(other).get("SMS Stop") is None


def test_who_removed_a_lead_is_told_when_somebody_else_undoes_it(world: World) -> None:
    lead, own = world.ids[:2]
    reference = world.do(world.removal(lead)).reference
    undone = world.undo(reference, ADMIN)
    assert undone.state is State.DONE
    told = [(to, said) for about, to, said in world.messages() if about == "watch"]
    assert [to for to, _ in told] == [ANNA.id]
    assert told[0][1].startswith("Ada Admin undid your removal of Lea Number0 of 2026-11-25 12:00 UTC: SMS Stop is no")
    assert told[0][1].endswith(f"Reference {undone.reference}.")
    world.undo(world.do(world.removal(own)).reference)
    assert len([about for about, *_ in world.messages() if about == "watch"]) == 1, "one's own undoing is no news"


def test_the_present_state_is_shown_with_its_age(world: World) -> None:
    with world.engine.connect() as connection:
        row = connection.execute(
            text("select last_synced_at from raw.sync_state where client = :key and source_table = 'leads'"),
            {"key": world.client.key},
        ).one()
        said = present_state(connection, world.client.key, world.ids[0])
    assert said.endswith(f"not stopped (as of {said_time(row.last_synced_at)}).")


def test_a_refused_undoing_names_the_cells_that_were_changed_and_the_records(world: World) -> None:
    lead, twin, other = world.ids[:3]
    for each in (lead, twin):
        world.edit(each, First_Name="Jo", Last_Name="Doe")
    world.sync()
    reference = world.do(world.removal(lead, twin)).reference
    for each in (lead, twin):
        for status in ("Queued", "Stopped"):
            world.clock.advance(60)
            world.edit(each, Processing_Status=status)
    world.sync()
    said = world.undo(reference).said
    for each in (lead, twin):
        assert f"Not undone for Jo Doe ({each}): Processing Status was changed by" in said
    assert "SMS Stop" not in said
    reference = world.do(world.removal(other)).reference
    world.edit(other, Processing_Status="Queued", HRQ_Status="Review")
    assert "(now “Queued”) were changed in Airtable" in world.undo(reference).said
    undone = world.undo(world.do(world.note(lead, "x")).reference).reference
    with pytest.raises(UyspError, match="It is an undoing itself"):
        world.undo(undone)


def test_undoing_a_removal_restores_every_record_of_it_or_none(world: World) -> None:
    lead, twin, third, fourth = world.ids
    world.edit(lead, SMS_Stop_Reason="old words", HRQ_Status="Review")
    before = {each: world.lead(each) for each in (lead, twin)}
    receipt = world.do(world.removal(lead, twin))
    assert world.undo(receipt.reference).state is State.DONE
    assert {each: world.lead(each) for each in (lead, twin)} == before
    with pytest.raises(UyspError, match="undone already"):
        world.undo(receipt.reference)
    receipt = world.do(world.removal(third, fourth))
    world.edit(fourth, HRQ_Status="Review")
    undone = world.undo(receipt.reference)
    assert undone.state is State.NOT_DONE
    assert "HRQ Status (now “Review”) was changed in Airtable" in undone.said
    assert world.lead(third)["SMS Stop"] is True


def test_an_undoing_says_who_changed_what(world: World) -> None:
    lead = world.ids[0]
    receipt = world.do(world.mark(lead, "Qualified"))
    world.clock.advance(1)
    world.do(world.mark(lead, "Review"), BEN)
    assert "by Ben Brown" in world.undo(receipt.reference).said
    receipt = world.do(world.mark(lead, "Archive"))
    world.clock.advance(1)
    world.edit(lead, HRQ_Status="Qualified")
    world.edit(lead, HRQ_Status="Archive")
    world.sync()
    undone = world.undo(receipt.reference)
    assert undone.state is State.NOT_DONE, "it is as it was left, but somebody was there"
    assert "HRQ Status was changed by somebody@example.com" in undone.said


@pytest.mark.parametrize("is_synced", [True, False])
@pytest.mark.parametrize("cells", [{"SMS_Stop": True, "SMS_Stop_Reason": "STOP"}, {"Booked": True}])
def test_the_status_of_who_was_stopped_or_has_booked_since_is_not_put_back(
    world: World, cells: dict[str, Any], is_synced: bool
) -> None:
    lead = world.ids[0]
    world.edit(lead, Processing_Status="In Sequence")
    world.sync()
    receipt = world.do(world.mark(lead, "Manual Process"))
    world.clock.advance(1)
    world.edit(lead, Processing_Status="Stopped", **cells)  # which the status is already
    if is_synced:
        world.sync()
    undone = world.undo(receipt.reference)
    assert undone.state is State.NOT_DONE
    assert f"{'Booked' if 'Booked' in cells else 'SMS Stop'} was checked" in undone.said
    assert world.lead(lead)["Processing Status"] == "Stopped"


def test_undoing_a_status_names_the_colleague_who_removed_the_lead_meanwhile(world: World) -> None:
    lead = world.ids[0]
    receipt = world.do(world.mark(lead, "Manual Process"))
    world.clock.advance(1)
    world.do(world.removal(lead), BEN)
    said = world.undo(receipt.reference).said
    assert "by Ben Brown" in said
    assert world.lead(lead)["Processing Status"] == "Stopped"


@pytest.mark.parametrize("cells", [{"Booked": True}, {"SMS_Stop_Reason": "STOP"}])
def test_who_opted_out_or_booked_stays_stopped(world: World, cells: dict[str, Any]) -> None:
    lead = world.ids[0]
    receipt = world.do(world.removal(lead))
    world.edit(lead, **cells)
    assert world.undo(receipt.reference).state is State.NOT_DONE
    assert world.lead(lead)["SMS Stop"] is True


def test_a_stop_is_not_undone_to_a_reason_that_is_an_opt_out(world: World) -> None:
    lead = world.ids[0]
    world.edit(lead, SMS_Stop_Reason="Stop.")
    receipt = world.do(world.removal(lead))
    undone = world.undo(receipt.reference)
    assert undone.state is State.NOT_DONE
    assert "opted out or booked" in undone.said
    assert {name: world.lead(lead)[name] for name in FOUR} == FOUR


def test_an_undoing_comes_too_late_after_a_quarter_of_an_hour(world: World) -> None:
    receipt = world.do(world.removal(world.ids[0]))
    world.clock.advance(901)
    late = f"of Lea Number0 \\({receipt.reference}\\) is more than 15 minutes ago.*Nothing was written"
    with pytest.raises(UyspError, match=late):
        world.undo(receipt.reference)
    with pytest.raises(UyspError, match="no action"):
        world.undo(receipt.reference, BEN)


def test_until_airtable_confirms_people_read_that_nothing_is_stopped(world: World) -> None:
    lead = world.ids[0]
    world.emulator.fail(times=None, status=500)
    receipt = world.do(world.removal(lead))
    assert receipt.is_pending
    assert receipt.said.startswith("NOT stopped yet: Lea Number0.")
    assert f"https://airtable.com/{world.base.id}/{world.base.tables[0].id}/{lead}" in receipt.said
    assert "tick SMS Stop by hand" in receipt.said
    world.clock.advance(119)
    world.watch()
    assert world.messages() == []
    world.clock.advance(1)
    world.watch()
    world.watch()
    assert [(about, to) for about, to, _ in world.messages()] == [("reminder", ANNA.id), ("reminder", None)]
    assert world.messages()[1][2].endswith("Asked for by Anna Adams; the reason: Not a fit.")
    world.emulator.heal()
    world.settle()
    assert world.lead(lead)["SMS Stop"] is True
    _, _, result, end = world.messages()
    assert result[:2] == ("result", ANNA.id)
    assert end[:2] == ("reminder", None), "who was warned hears of the end"
    assert "Lea Number0 is removed from the campaign: Not a fit." in end[2]


def test_of_several_records_of_one_name_people_read_how_each_stands(world: World) -> None:
    lead, twin, third = world.ids[:3]
    world.edit(twin, Last_Name="Number0")
    world.edit(third, Last_Name="Number0", SMS_Stop=True, SMS_Stop_Reason="STOP")
    world.sync()
    pending = world.ask(world.removal(lead, twin))
    assert f"NOT stopped yet: Lea Number0 ({lead}), Lea Number0 ({twin})." in pending.said
    world.work()
    said = world.receipt(pending.reference).said
    assert said.startswith(f"2 records. {lead} and {twin}: Lea Number0 is removed from the campaign: Not a fit.")
    said = world.do(world.removal(third, lead)).said
    assert said.startswith(f"2 records. {third}: Lea Number0 is removed from the campaign. SMS Stop was checked before")
    assert f" {lead}: Lea Number0 is stopped already" in said


def test_a_status_that_a_late_scheduler_wrote_over_is_written_once_more(world: World) -> None:
    lead = world.ids[0]
    world.do(world.removal(lead))
    world.edit(lead, Processing_Status="In Sequence", SMS_Sequence_Position=2)
    world.sync()
    world.watch()
    world.watch()
    world.work()
    assert world.lead(lead)["Processing Status"] == "Stopped"
    assert len(world.writes("Processing Status")) == 3
    world.sync()
    world.watch()
    assert world.work() == 0
    assert world.messages()[1:] == []
    line = world.log()[-1]
    assert (line.action, line.actor_id, line.details["after"]) == (
        "LEAD_STATUS_CHANGED", "uysp", {"Processing Status": "Stopped"},
    )  # fmt: skip


def test_a_stop_that_somebody_lifted_is_not_fought_but_told(world: World) -> None:
    lead = world.ids[0]
    world.do(world.removal(lead))
    world.edit(lead, SMS_Stop=False, SMS_Stop_Reason=None, Processing_Status="Queued")
    world.sync()
    world.watch()
    world.watch()
    world.work()
    assert world.lead(lead)["Processing Status"] == "Queued"
    (_, (about, to, said)) = world.messages()
    assert (about, to) == ("watch", ANNA.id)
    assert "can be written to again" in said


def test_of_a_stop_that_was_lifted_admins_hear_where_the_remover_worked_in_the_terminal(world: World) -> None:
    lead = world.ids[0]
    world.do(world.removal(lead), origin="terminal")
    world.edit(lead, SMS_Stop=False)
    world.sync()
    world.watch()
    assert [to for about, to, _ in world.messages() if about == "watch"] == [ANNA.id, None]


def test_a_status_that_is_written_over_again_and_again_is_for_a_person(world: World) -> None:
    lead = world.ids[0]
    world.do(world.removal(lead))
    for turn in range(RESTORED + 2):
        world.edit(lead, Processing_Status="In Sequence")
        world.sync()
        world.watch()
        world.work()
        assert world.lead(lead)["Processing Status"] == ("Stopped" if turn < RESTORED else "In Sequence")
    assert [to for about, to, said in world.messages() if about == "watch" and "written over" in said] == [
        ANNA.id,
        None,
    ], "once"


def test_after_a_day_nobody_looks_any_more(world: World) -> None:
    lead = world.ids[0]
    world.do(world.removal(lead))
    world.clock.advance(24 * 3600 + 1)
    world.edit(lead, Processing_Status="In Sequence")
    world.sync()
    world.watch()
    assert world.work() == 0


def test_an_undone_removal_is_watched_no_longer(world: World) -> None:
    lead = world.ids[0]
    world.undo(world.do(world.removal(lead)).reference)
    world.edit(lead, Company="Other")
    world.sync()
    world.watch()
    assert [about for about, _, _ in world.messages()] == ["result", "result"]


def test_a_bulk_removal_is_for_admins_counted_confirmed_and_in_batches(make: Make) -> None:
    world = make(leads=23)
    twin = world.ids[22]
    world.edit(twin, Phone=world.lead(world.ids[0])["Phone"])
    world.edit(world.ids[1], SMS_Stop=True, Processing_Status="Stopped", SMS_Stop_Reason="STOP")
    world.sync()
    with world.engine.connect() as connection:
        shown = preview(connection, world.client.key, world.ids[:22])
    assert (len(shown.lead_ids), shown.same_phone) == (23, 1)
    assert "23 leads" in shown.said
    with pytest.raises(UyspError, match="REMOVE 23"):
        bulk_removal(shown, "Campaign ended", "yes")
    asked = bulk_removal(shown, "Campaign ended", "remove 23")
    with pytest.raises(DeniedError):
        world.ask(asked)
    receipt = world.ask(asked, ADMIN)
    world.ask(world.note(world.ids[20], "goes first"))
    requests = len(world.emulator.requests)
    units = world.work()
    assert units == 4, "the note, and three batches"
    assert len(world.emulator.requests) - requests == 8
    assert "Notes" in world.writes()[2]
    receipt = world.receipt(receipt.reference)
    assert receipt.said.startswith("Bulk removal of 23 leads: 22 removed, 1 stopped before.")
    assert all(world.lead(each)["SMS Stop"] for each in world.ids)
    assert len(world.log("action = 'LEAD_REMOVED_FROM_CAMPAIGN'")) == 23


def test_a_batch_with_a_record_that_is_gone_removes_the_others(make: Make) -> None:
    world = make(leads=12)
    with world.engine.connect() as connection:
        shown = preview(connection, world.client.key, world.ids)
    receipt = world.ask(bulk_removal(shown, "Campaign ended", shown.word), ADMIN)
    gone = world.ids[3]
    world.emulator.store.delete(world.base.id, "Leads", [gone])
    world.settle()
    by_lead = {result.lead_id: result.state for result in world.receipt(receipt.reference).results}
    assert by_lead.pop(gone) is State.FAILED
    assert set(by_lead.values()) == {State.DONE}


def test_a_bulk_removal_goes_on_after_crashes_where_it_stood(make: Make) -> None:
    world = make(leads=25)
    with world.engine.connect() as connection:
        shown = preview(connection, world.client.key, world.ids)
    reference = world.ask(bulk_removal(shown, "Campaign ended", shown.word), ADMIN).reference
    finished = [0]
    for point in range(6, 60, 6):
        cut_off(world, point)
        world.clock.advance(IN_FLIGHT.total_seconds() + 1)
        with world.engine.connect() as connection:
            finished.append(progress(connection, reference).finished)
    assert finished == sorted(finished)
    assert any(0 < each < 25 for each in finished), "it was cut off between its batches"
    world.settle()
    assert {result.state for result in world.receipt(reference).results} == {State.DONE}
    assert sorted(row["id"] for row in world.writes("SMS Stop")) == sorted(world.ids), "each once"
    assert len(world.log()) == 25
    assert [to for _, to, said in world.messages() if "25 removed" in said] == [ADMIN.id]


def test_a_bulk_removal_can_be_stopped(make: Make) -> None:
    world = make(leads=12)
    with world.engine.connect() as connection:
        shown = preview(connection, world.client.key, world.ids)
    receipt = world.ask(bulk_removal(shown, "Campaign ended", shown.word), ADMIN)
    with pytest.raises(DeniedError):
        stop(world.engine, world.settings, ANNA, receipt.reference, world.clock())
    with holding(world.engine) as holder:
        world.worker().step(holder)
    stopped = stop(world.engine, world.settings, ADMIN, receipt.reference, world.clock())
    assert stopped.by_state == {State.DONE: 10, State.STOPPED: 2}
    assert world.work() == 0
    with world.engine.connect() as connection:
        assert progress(connection, receipt.reference).finished == 12
    assert "10 removed, 2 left out" in world.messages()[-1][2]


def test_who_is_erased_is_erased_from_requests_and_messages_too(world: World) -> None:
    lead, twin = world.ids[:2]
    reference = world.do(world.removal(twin, lead)).reference
    world.do(world.note(lead, "personal"))
    assert world.count("app.write_messages where said like '%Number0%'") == 2
    forget_lead(world.engine, world.client.key, lead)
    assert world.count(f"app.write_requests where lead_id = '{lead}'") == 0
    assert world.count("app.write_messages where said like '%Number0%'") == 0
    assert world.count("app.activity_log where details::text like '%Number0%'") == 0
    assert world.count(f"app.write_requests where reference = '{reference}'") == 1
