"""Read your own writes: what was just written lies over the marts until they are built again."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from tests.actions.world import RealClock, World
from uysp.actions.overlay import Overlay, pending_overlay


@pytest.fixture
def marts(shared_engine: Engine) -> Iterator[Engine]:
    """The columns of marts.leads by which its age is known; dbt makes the rest."""
    with shared_engine.begin() as connection:
        connection.execute(text("create table marts.leads (client text, lead_id text, modified_at timestamptz)"))
    yield shared_engine
    with shared_engine.begin() as connection:
        connection.execute(text("drop table marts.leads"))


def build(world: World) -> None:
    with world.engine.begin() as connection:
        connection.execute(text("delete from marts.leads"))
        connection.execute(text("insert into marts.leads select client, record_id, modified_at from raw.leads"))


def overlays(world: World) -> dict[str, Overlay]:
    with world.engine.connect() as connection:
        return pending_overlay(connection, world.client.key, world.ids)


def test_what_was_written_lies_over_the_marts_until_they_have_it(world: World, marts: Engine) -> None:
    world.clock = RealClock()
    lead, other = world.ids[:2]
    build(world)
    assert overlays(world) == {}
    removal, status = world.do(world.removal(lead)), world.do(world.mark(lead, "Review"))
    world.emulator.fail(times=None, status=500)
    world.do(world.mark(other, "Archive"))
    shown = overlays(world)
    assert shown.keys() == {lead}, "what Airtable has not confirmed is not shown as written"
    assert shown[lead].values == {
        "processing_status": "Stopped", "sms_stopped": True, "stop_reason": "Not a fit", "hrq_status": "Review",
    }  # fmt: skip
    assert shown[lead].references == (removal.reference, status.reference)
    world.emulator.heal()
    world.edit(lead, HRQ_Status="Archive")
    world.sync()
    assert overlays(world)[lead].values["hrq_status"] == "Archive", "what somebody else wrote since"
    build(world)
    assert overlays(world) == {}
