"""Whatever happens between click and answer: the journal holds the write once, and the person gets one true answer."""

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, text

from tests.actions.world import ADMIN, ANNA, BEN, Make, RealClock, World, claim
from uysp.actions import messages
from uysp.actions.model import Asked, State
from uysp.actions.notes import REPAIRS
from uysp.actions.queue import LostError, holding, take
from uysp.actions.requests import await_receipt
from uysp.actions.worker import IN_FLIGHT
from uysp.airtable.limiter import Kind

WIRE: tuple[dict[str, Any], ...] = (
    {"drop": "before"},
    {"drop": "after"},
    {"status": 500},
    {"status": 502},
    {"status": 503, "retry_after": 1},
    {"status": 429},
    {"body": "truncated"},
    {"body": "malformed"},
)
KINDS: dict[str, Callable[[World, str], Asked]] = {
    "note": lambda world, lead: world.note(lead, "once"),
    "removal": lambda world, lead: world.removal(lead),
    "status": lambda world, lead: world.mark(lead, "Manual Process", "why"),
    "claim": lambda world, lead: claim(world.client.key, lead),
}


def assert_once(world: World, reference: str, lead: str, writes: int = 1) -> None:
    """At rest: one write, one line in the log, one message, and a receipt that says so."""
    assert [row["id"] for row in world.writes()].count(lead) == writes
    assert world.receipt(reference).state is State.DONE
    assert [line.outcome for line in world.log(f"details ->> 'reference' = '{reference}'")] == ["done"]
    assert world.count(f"app.write_messages where reference = '{reference}' and kind = 'result'") == 1
    version = world.log()[-1].details["version"]
    assert world.count(f"raw.leads where record_id = '{lead}' and version = {version}") == 1


class KilledError(BaseException):
    """Stands for the end of a process: nothing catches it."""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("fault", WIRE, ids=lambda fault: "-".join(map(str, fault.values())))
def test_a_failure_of_the_wire_neither_loses_nor_repeats_a_write(make: Make, kind: str, fault: dict[str, Any]) -> None:
    world = make(leads=4)
    first, second, third, fourth = world.ids
    asked = [(lead, world.ask(KINDS[kind](world, lead)).reference) for lead in (first, second, third)]
    world.emulator.fail(method="PATCH", times=1, **fault)
    world.settle()
    world.emulator.fail(method="PATCH", times=6, **fault)
    asked.append((fourth, world.ask(KINDS[kind](world, fourth)).reference))
    world.emulator.fail(method="GET", times=7, **fault)
    world.settle()
    for lead, reference in asked:
        assert_once(world, reference, lead)
    assert world.count("app.write_messages") == 4


@pytest.mark.parametrize("kind", KINDS)
def test_a_process_may_end_at_any_statement(make: Make, kind: str) -> None:
    """Every request that is carried out is cut off at another of its statements, then finished by somebody else."""
    world = make(leads=60)
    world.settings = world.settings.model_copy(update={"uysp_writes_per_minute": 1000})
    for point, lead in enumerate(world.ids):
        reference = world.ask(KINDS[kind](world, lead)).reference
        was_cut = cut_off(world, point)
        world.clock.advance(IN_FLIGHT.total_seconds() + 1)
        world.settle()
        assert_once(world, reference, lead)
        if not was_cut:
            assert point > 8
            return
    raise AssertionError("more statements than leads")


def cut_off(world: World, point: int) -> bool:
    """Carry out what is due, and end at the statement of this number; returns whether it came to it."""
    passed = 0

    def count(*_: object) -> None:
        nonlocal passed
        passed += 1
        if passed > point:
            raise KilledError

    with holding(world.engine) as holder:
        event.listen(world.engine, "before_cursor_execute", count)
        try:
            while world.worker().step(holder):
                pass
        except KilledError:
            return True
        finally:
            event.remove(world.engine, "before_cursor_execute", count)
    return False


def cut_off_at(world: World, fragment: str) -> None:
    """Carry out what is due, and end at the first statement that has this in it."""

    def look(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if fragment in statement:
            raise KilledError

    with holding(world.engine) as holder:
        event.listen(world.engine, "before_cursor_execute", look)
        try:
            with pytest.raises(KilledError):
                world.worker().step(holder)
        finally:
            event.remove(world.engine, "before_cursor_execute", look)


def test_what_a_dead_process_sent_may_still_arrive_and_is_waited_for(world: World) -> None:
    reference = world.ask(world.note(world.ids[0], "once")).reference
    cut_off_at(world, "create temporary table incoming")
    assert len(world.writes()) == 1
    world.clock.advance(IN_FLIGHT.total_seconds() - 1)
    assert world.work() == 0, "it may still be under way"
    world.clock.advance(2)
    world.work()
    assert_once(world, reference, world.ids[0])


def test_a_dead_writers_request_that_was_not_sent_is_taken_over_at_once(world: World) -> None:
    reference = world.ask(world.note(world.ids[0], "once")).reference
    assert cut_off(world, 6)
    world.work()
    assert_once(world, reference, world.ids[0])


def test_two_writers_never_work_on_one_record_at_once(world: World) -> None:
    lead, other = world.ids[:2]
    world.ask(world.removal(lead))
    world.ask(world.note(lead, "after it"))
    world.ask(world.note(other, "beside it"))
    with holding(world.engine) as one, holding(world.engine) as two, world.engine.begin() as connection:
        first = take(connection, one, [world.client.key], world.clock(), IN_FLIGHT)
        second = take(connection, two, [world.client.key], world.clock(), IN_FLIGHT)
        third = take(connection, two, [world.client.key], world.clock(), IN_FLIGHT)
        assert first is not None
        assert second is not None
        assert (first.lead_ids, second.lead_ids, third) == ([lead], [other], None)
    world.work()
    assert "SMS Stop" in world.writes()[0]
    assert {"Notes"} == {name for row in world.writes()[1:] for name in row if name != "id"}


def test_who_lost_a_request_sends_nothing(world: World) -> None:
    reference = world.ask(world.note(world.ids[0], "once")).reference
    with holding(world.engine) as holder:
        worker = world.worker(pace=lambda _client: Thief(world))
        with pytest.raises(LostError):
            worker.step(holder)
    assert world.writes() == []
    world.work()
    assert_once(world, reference, world.ids[0])


class Thief:
    """A pace in whose waiting another writer takes the request over."""

    def __init__(self, world: World) -> None:
        self.world = world

    def wait(self, _kind: Kind, /) -> None:
        with self.world.engine.begin() as connection:
            connection.execute(text("update app.write_requests set holder = 0"))

    def lock_out(self) -> None: ...

    def out_of_calls(self) -> None: ...

    def sleep(self, seconds: float) -> None: ...


def test_people_are_answered_once_by_whoever_comes_first(world: World) -> None:
    reference = world.do(world.note(world.ids[0], "once")).reference
    with holding(world.engine) as teller:
        with world.engine.begin() as connection:
            assert messages.take_messages(connection, teller, world.clock()) == [], "who asked may still show it"
        world.clock.advance(11)
        with world.engine.begin() as connection:
            (message,) = messages.take_messages(connection, teller, world.clock())
            assert messages.take_result(connection, reference, world.clock()) is None
            assert messages.take_messages(connection, teller, world.clock()) == []
        assert (message.recipient, message.again) == (ANNA.id, False)
    with holding(world.engine) as another, world.engine.begin() as connection:
        (message,) = messages.take_messages(connection, another, world.clock())
        assert message.again, "the one that took it died before it said so"
        messages.told(connection, [message.id], world.clock())
    with holding(world.engine) as another, world.engine.begin() as connection:
        assert messages.take_messages(connection, another, world.clock()) == []
    with world.engine.begin() as connection:
        assert messages.take_result(connection, reference, world.clock()) is None
    reference = world.do(world.note(world.ids[0], "again")).reference
    with world.engine.begin() as connection:
        assert messages.take_result(connection, reference, world.clock()) == world.receipt(reference).said
        assert messages.take_result(connection, reference, world.clock()) is None


def test_a_refusal_that_a_person_can_mend_keeps_the_request(world: World) -> None:
    reference = world.ask(world.removal(world.ids[0])).reference
    world.emulator.fail(status=403, times=3)
    world.settle()
    assert_once(world, reference, world.ids[0])


def test_a_late_status_is_written_only_if_nobody_decided_since(world: World) -> None:
    lead, other = world.ids[:2]
    world.emulator.fail(times=None, status=500)
    late, fine = (world.ask(world.mark(each, "Qualified")).reference for each in (lead, other))
    world.work()
    world.edit(lead, HRQ_Status="Archive")
    world.emulator.heal()
    world.settle()
    receipt = world.receipt(late)
    assert receipt.state is State.NOT_DONE
    assert "Not done for Lea Number0: changed" in receipt.said
    assert "Archive" in receipt.said
    assert world.lead(lead)["HRQ Status"] == "Archive"
    assert_once(world, fine, other)


def test_a_late_claim_is_set_only_if_the_lead_is_held_as_the_person_saw(world: World) -> None:
    lead, key = world.ids[0], world.client.key
    world.edit(lead, Claimed_By="carl@example.com")
    world.sync()
    world.emulator.fail(times=None, status=500)
    late = world.ask(claim(key, lead, override=True), ADMIN).reference
    world.work()
    world.edit(lead, Claimed_By=BEN.email)
    world.emulator.heal()
    world.settle()
    receipt = world.receipt(late)
    assert receipt.state is State.NOT_DONE
    assert "Not done for Lea Number0: changed" in receipt.said
    assert world.lead(lead)["Claimed By"] == BEN.email


def test_a_note_and_a_removal_are_carried_out_however_late(world: World) -> None:
    lead = world.ids[0]
    world.emulator.fail(times=None, drop="before")
    references = [world.ask(world.note(lead, "late")).reference, world.ask(world.removal(lead)).reference]
    for _ in range(5):
        world.work()
        world.clock.advance(3600)
    world.edit(lead, Processing_Status="Queued", HRQ_Status="Review", Notes="by hand")
    world.emulator.heal()
    world.settle()
    assert {world.receipt(reference).state for reference in references} == {State.DONE}
    assert world.lead(lead)["Notes"].startswith("by hand\n\n[General] 2026-11-25T12:00:00.000Z")


def test_claims_are_compared_and_set(world: World) -> None:
    lead = world.ids[0]
    assert world.do(claim(world.client.key, lead)).state is State.DONE
    assert world.lead(lead)["Claimed By"] == ANNA.email
    assert world.lead(lead)["Claimed At"] == "2026-11-25T12:00:00.000Z"
    assert world.do(claim(world.client.key, lead)).state is State.UNCHANGED
    refused = world.do(claim(world.client.key, lead), BEN)
    assert refused.state is State.NOT_DONE
    assert f"claimed by {ANNA.email} since 2026-11-25 12:00 UTC" in refused.said


def test_a_note_that_a_hand_edit_overwrote_or_that_overwrote_one_is_mended(world: World) -> None:
    """Somebody saves the cell between our reading and our writing; and, the other way, over our note."""
    lead, other = world.ids[:2]
    for each in (lead, other):
        world.edit(each, Notes="base")
    world.sync()
    world.ask(world.note(lead, "ours"))
    with holding(world.engine) as holder:
        world.worker(pace=lambda _client: Meddler(world, lead)).step(holder)
    assert "by hand" not in world.lead(lead)["Notes"], "lost, for now"
    world.sync()
    world.watch()
    world.work()
    assert world.lead(lead)["Notes"] == "base, edited by hand\n\n[General] 2026-11-25T12:00:00.000Z - Anna Adams:\nours"
    world.sync()
    world.watch()
    assert world.work() == 0
    # Begun before our note, saved after it.
    world.do(world.note(other, "ours"))
    world.edit(other, Notes="base and more")
    world.sync()
    world.watch()
    world.work()
    assert world.lead(other)["Notes"] == "base and more\n\n[General] 2026-11-25T12:00:00.000Z - Anna Adams:\nours"
    # Taken out on purpose: it stays out.
    world.edit(other, Notes="base and more")
    world.clock.advance(60)
    world.edit(other, Notes="base")
    world.sync()
    world.watch()
    assert world.work() <= 1
    assert [line.outcome for line in world.log()].count("repaired") >= 2


def test_edits_that_are_written_over_again_and_again_are_for_a_person(world: World) -> None:
    lead = world.ids[0]
    world.edit(lead, Notes="base")
    world.sync()
    reference = world.ask(world.note(lead, "ours")).reference
    for _ in range(REPAIRS + 1):
        with holding(world.engine) as holder:
            assert world.worker(pace=lambda _client: Insister(world, lead)).step(holder)
        world.sync()
        world.watch()
    assert world.work() == 0, "it is not put back any more"
    told = [(to, said) for about, to, said in world.messages() if about == "repair"]
    assert [to for to, _ in told] == [ANNA.id, None]
    assert told[0][1].endswith(f"Reference {reference}.")


class Meddler(Thief):
    """A pace in whose second waiting, right before our write, somebody edits the Notes."""

    def __init__(self, world: World, lead: str) -> None:
        super().__init__(world)
        self.lead = lead
        self.waits = 0

    def wait(self, _kind: Kind, /) -> None:
        self.waits += 1
        if self.waits == 2:
            self.world.edit(self.lead, Notes=self.edited())

    def edited(self) -> str:
        """What the cell holds then."""
        return "base, edited by hand"


class Insister(Meddler):
    """The same, by somebody who writes on in what is there."""

    def edited(self) -> str:
        """What the cell holds then."""
        there = str(self.world.lead(self.lead)["Notes"])
        return f"{there} and {len(there)} more"  # never what a repair makes of it by itself


def test_a_writer_outlives_its_database_connections(world: World) -> None:
    world.clock = RealClock()
    stop = threading.Event()
    worker = world.worker()
    thread = threading.Thread(target=worker.run, args=(stop,))
    thread.start()
    try:
        for number in range(2):
            reference = world.ask(world.note(world.ids[0], f"note {number}")).reference
            assert await_receipt(world.engine, world.settings, reference, 20).state is State.DONE
            assert world.settings.database_url is not None
            with psycopg.connect(world.settings.database_url.get_secret_value(), autocommit=True) as login:
                login.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity "
                    "where datname = current_database() and pid <> pg_backend_pid()"
                )
    finally:
        stop.set()
        worker.wake()
        thread.join()
