"""Who may write, how much, and that every denial is in the log."""

import threading
from dataclasses import replace
from typing import Any

import pytest

from tests.actions.world import ADMIN, ANNA, BEN, SetClock, World, claim, unclaim
from uysp.actions.model import State
from uysp.actions.requests import own_requests, submit
from uysp.actions.rights import DeniedError, Person, check_writer, is_admin, may_write
from uysp.activity import as_csv, read_log
from uysp.errors import UyspError
from uysp.settings import Settings


def test_lists_name_people_and_groups() -> None:
    nobody_named = Settings(_env_file=None)
    listed = Settings(_env_file=None, uysp_writers=["U1", "@sales"], uysp_admins=["S2"])
    one, seller = Person("U1", "x"), Person("U9", "x", groups=frozenset(["sales"]))
    admin = Person("U8", "x", groups=frozenset(["S2", "boss"]))
    guest = Person("U1", "x", is_member=False, groups=frozenset(["S2"]))
    other = Person("U7", "x")
    assert [may_write(nobody_named, each) for each in (one, other, guest)] == [True, True, False]
    assert not is_admin(nobody_named, one)
    assert [may_write(listed, each) for each in (one, seller, admin, other, guest)] == [True, True, True, False, False]
    assert [is_admin(listed, each) for each in (one, admin, guest)] == [False, True, False]


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"is_member": False}, "no member"), ({"clients": frozenset(["other"])}, "other client")],
)
def test_guests_and_others_clients_are_refused_and_logged(world: World, change: dict[str, Any], reason: str) -> None:
    person = replace(ANNA, **change)
    with pytest.raises(DeniedError):
        check_writer(world.engine, world.settings, person, world.client.key)
    with pytest.raises(DeniedError):
        world.ask(world.note(world.ids[0], "no"), person)
    assert [(line.action, line.outcome, line.details["reason"]) for line in world.log()] == [
        ("ACCESS_DENIED", "denied", reason)
    ] * 2
    assert world.count("app.write_requests") == 0


def test_only_admins_set_a_claim_aside(world: World) -> None:
    lead, key = world.ids[0], world.client.key
    world.do(claim(key, lead))
    with pytest.raises(DeniedError):
        world.ask(claim(key, lead, override=True), BEN)
    assert world.do(unclaim(key, lead), BEN).state is State.NOT_DONE
    assert world.do(claim(key, lead, override=True), ADMIN).state is State.DONE
    assert world.lead(lead)["Claimed By"] == ADMIN.email
    assert world.do(unclaim(key, lead), ADMIN).state is State.DONE
    assert "Claimed By" not in world.lead(lead)
    assert "Claimed At" not in world.lead(lead)
    with pytest.raises(UyspError, match="email"):
        world.ask(claim(key, lead), Person("U5", "Nemo"))


def test_the_limit_holds_across_processes_and_moves_with_time(world: World) -> None:
    denied: list[str] = []

    def write(number: int) -> None:
        try:
            world.ask(world.note(world.ids[number % 4], f"note {number}"))
        except DeniedError as error:
            denied.append(str(error))

    writing = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for thread in writing:
        thread.start()
    for thread in writing:
        thread.join()
    assert world.count("app.write_requests") == 10
    assert len(denied) == 6
    assert world.count("app.activity_log where details ->> 'reason' = 'limit'") == 6
    world.ask(world.note(world.ids[0], "of another"), BEN)
    world.clock.advance(61)
    world.ask(world.note(world.ids[0], "a minute later"))


def test_the_log_is_read_by_lead_reference_and_person_and_as_csv(world: World) -> None:
    lead, other = world.ids[:2]
    reference = world.do(world.note(lead, "=1+1")).reference
    world.do(world.mark(other, "Review", "why"), BEN)
    with world.engine.connect() as connection:
        everything = read_log(connection, [world.client.key])
        assert [line.action for line in everything] == ["LEAD_STATUS_CHANGED", "NOTE_ADDED"]
        assert [line.lead_id for line in read_log(connection, [world.client.key], lead_id=lead)] == [lead]
        assert len(read_log(connection, [world.client.key], reference=reference)) == 1
        assert len(read_log(connection, [world.client.key], actor_id=BEN.id)) == 1
        assert read_log(connection, ["other"]) == []
        mine = own_requests(connection, world.settings, ANNA.id)
    assert [receipt.reference for receipt in mine] == [reference]
    for hostile, told in (("=HYPERLINK()", "'=HYPERLINK()"), (" =1+1", " '=1+1"), ("x;=1", "x;'=1"), ("＝1", "'＝1")):
        assert f",{told}," in as_csv([replace(everything[0], actor_name=hostile)])
    assert as_csv(everything).count("\n") == 3


def test_an_unknown_client_is_an_error(world: World) -> None:
    asked = replace(world.note(world.ids[0], "x"), client="nobody")
    with pytest.raises(UyspError, match="no client"):
        submit(world.engine, world.settings, ANNA, asked, now=SetClock())
