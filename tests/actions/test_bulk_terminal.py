"""Bulk removal in the terminal: by filters, for admins, after typing how many."""

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from playground.airtable.server import Emulator
from tests.actions.test_terminal import environment
from tests.actions.world import RealClock, World, make_world
from tests.slackbot import marts
from uysp.actions.bulk import bulk_removal, preview
from uysp.actions.model import State
from uysp.actions.rights import Person
from uysp.cli import app
from uysp.settings import Settings

ADMIN = "U0ADMIN"  # tests.actions.world makes this person an admin


@pytest.fixture
def campaign(engine: Engine, settings: Settings, shared_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> World:
    """Twelve leads, ten of them in a campaign; another has the phone of one of these."""
    world = make_world(engine, settings, shared_emulator, leads=12)
    world.clock = RealClock()
    world.emulator.store.clock.source = world.clock
    world.edit(world.ids[11], Phone=world.lead(world.ids[0])["Phone"])
    world.sync()
    marts.create_marts(world.engine)
    marts.add_campaign(world.engine, "Spring webinar", client=world.client.key)
    marts.mark_synced(world.engine, world.client.key)
    for number, lead_id in enumerate(world.ids[:10]):
        marts.add_lead(
            world.engine,
            number,
            client=world.client.key,
            lead_id=lead_id,
            campaign="Spring webinar",
            processing_status="Queued" if number < 3 else "In Sequence",
        )
    for name, value in (environment(world) | {"UYSP_ADMINS": ADMIN}).items():
        monkeypatch.setenv(name, value)
    world.settings.uysp_home.mkdir(exist_ok=True)
    monkeypatch.chdir(world.settings.uysp_home)
    return world


def run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["remove-all", *arguments, "--reason", "Campaign over"])
    return result.exit_code, result.stdout, str(result.exception or "") + result.stderr


def test_a_campaign_is_removed_once_the_count_was_typed(campaign: World) -> None:
    asked = ("campaign:spring", "--as", ADMIN)
    _, _, said = run(*asked)
    assert "Not confirmed: REMOVE 11 was to be typed." in said
    assert campaign.count("app.write_requests") == 0
    status, printed, said = run(*asked, "--confirm", "REMOVE 11")
    assert status == 0, said
    assert "11 leads, 1 of them for having the same phone" in said
    assert len(printed.splitlines()) == 11
    assert all(campaign.lead(lead_id).get("SMS Stop") is True for lead_id in campaign.ids[:10])
    assert campaign.lead(campaign.ids[11])["SMS Stop"] is True
    assert "SMS Stop" not in campaign.lead(campaign.ids[10])
    assert len(campaign.writes("SMS Stop")) == 11


def test_filters_leave_fewer(campaign: World) -> None:
    status, printed, said = run('campaign:"Spring webinar"', "status:queued", "--as", ADMIN, "--confirm", "remove 4")
    assert status == 0, said
    assert len(printed.splitlines()) == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("campaign:spring", "--as", "U0ANNA"), "Only admins may do this"),
        (("spring", "--as", ADMIN), "is no filter"),
        (("campaign:winter", "--as", ADMIN), "There is no campaign"),
    ],
)
def test_nothing_is_stored_for_others_or_for_what_is_not_understood(
    campaign: World, arguments: tuple[str, ...], said: str
) -> None:
    status, _, told = run(*arguments, "--confirm", "REMOVE 11")
    assert status != 0
    assert said in told
    assert campaign.count("app.write_requests") == 0


def test_a_bulk_removal_is_ended(campaign: World) -> None:
    with campaign.engine.connect() as connection:
        shown = preview(connection, campaign.client.key, campaign.ids[:10])
    asked = bulk_removal(shown, "Campaign over", shown.word)
    reference = campaign.ask(asked, Person(ADMIN, "Ada")).reference
    result = CliRunner().invoke(app, ["stop", reference, "--as", ADMIN])
    assert result.exit_code == 0, result.exception
    assert "11 left out" in result.stdout
    assert {each.state for each in campaign.receipt(reference).results} == {State.STOPPED}
