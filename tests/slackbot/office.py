"""A base behind the emulated Airtable, its leads in the marts, and the bot before it, for tests of writes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy

from playground.airtable.server import Emulator, running_emulator
from playground.airtable.store import Store
from playground.slack.limits.views import view_faults
from playground.slack.server import Slack
from playground.slack.surfaces import View
from playground.slack.workspace import Message
from slackbot.app import running
from tests.actions.world import RealClock, World, make_world, unlimited
from tests.slackbot import marts
from tests.slackbot.conftest import HTTP, bot_settings
from tests.slackbot.test_bot import shown
from tests.waiting import LIMIT_SECONDS, eventually
from uysp.database import Role, open_database
from uysp.settings import Settings

ADA = "U0ADA00001"


@dataclass
class Office:
    """A base behind the emulated Airtable, and the bot before it."""

    world: World
    slack: Slack
    settings: Settings

    def lead(self, number: int) -> str:
        """A lead as people name it for sure."""
        return f"{self.world.client.key}/{self.world.ids[number]}"

    def cells(self, number: int) -> dict[str, Any]:
        return self.world.lead(self.world.ids[number])

    def notes(self, number: int) -> str:
        return str(self.cells(number).get("Notes") or "")

    def form(self, who: str, line: str) -> View:
        """Type a line, and return the form that opens."""
        assert self.slack.command(who, line, "general").error is None
        return self.opened(who)

    def opened(self, who: str) -> View:
        view = self.slack.wait_for_modal(who, lambda view: "One moment" not in str(view.blocks))
        assert view_faults(dict(view.content), "modal") == []
        return view

    def ended(self, who: str, words: str) -> View:
        """Return the form's window once it says how it ended."""
        return self.slack.wait_for_modal(who, lambda view: words in str(view.blocks))

    def told(self, who: str, words: str, seconds: float = LIMIT_SECONDS) -> Message:
        """Return the direct message with these words, once it is there."""
        direct = self.slack.workspace.direct_message(self.slack.workspace.person(who).id)

        def fitting() -> list[Message]:
            return [each for each in self.slack.workspace.screen(who, direct.id) if words in shown(each)]

        assert eventually(lambda: bool(fitting()), seconds), [
            shown(each) for each in self.slack.workspace.screen(who, direct.id)
        ]
        return fitting()[-1]


@pytest.fixture(scope="module")
def airtable() -> Iterator[Emulator]:
    with running_emulator(Store({}), unlimited()) as emulator:
        yield emulator


@pytest.fixture
def open_office(
    built: sqlalchemy.Engine, settings: Settings, slack: Slack, airtable: Emulator
) -> Iterator[Callable[..., Office]]:
    """Opens an office; its leads stand in the marts too."""
    airtable.heal()
    world = make_world(built, settings, airtable, leads=4)
    world.clock = RealClock()
    airtable.store.clock.source = world.clock
    marts.mark_synced(built, world.client.key)
    for number, lead_id in enumerate(world.ids):
        marts.add_lead(
            built, number, client=world.client.key, lead_id=lead_id, name=f"Lea Number{number}", campaign="Webinar"
        )
    marts.add_campaign(built, "Webinar", client=world.client.key)
    with open_database(settings, Role.BOT) as engine:
        bots: list[Any] = []

        def opened(**changed: Any) -> Office:
            ours = bot_settings(world.settings, slack, HTTP).model_copy(update=changed)
            manager = running(ours, engine)
            manager.__enter__()
            bots.append(manager)
            return Office(world, slack, ours)

        yield opened
        airtable.heal()
        for manager in bots:
            manager.__exit__(None, None, None)


@pytest.fixture
def office(open_office: Callable[..., Office]) -> Office:
    return open_office()
