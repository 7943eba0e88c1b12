"""A client's data stays with those who may see it, also where it is shared."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
import sqlalchemy
from pydantic import SecretStr

from playground.slack.server import Slack
from playground.slack.surfaces import View
from playground.slack.workspace import ChannelKind
from slackbot.app import running
from slackbot.blocks.actions import SHARE_CHANNEL
from tests.slackbot import marts
from tests.slackbot.conftest import HTTP, bot_settings
from tests.slackbot.test_bot import denials, shown
from tests.slackbot.test_listeners import ADA, BEN, ready, share
from tests.waiting import eventually
from uysp.settings import Client, Settings

Engine = sqlalchemy.Engine


def client(key: str, *channels: str, groups: tuple[str, ...] = ()) -> Client:
    return Client(key, key.title(), f"app{key}", SecretStr("t"), slack_channels=channels, slack_user_groups=groups)


@pytest.fixture
def run(built: Engine, reading: Engine, settings: Settings, slack: Slack) -> Iterator[Callable[..., None]]:
    """Starts the bot for these clients, each with a campaign and a lead; again: anew."""
    begun: list[ExitStack] = []
    with ExitStack() as last:

        def started(*clients: Client) -> None:
            for number, each in enumerate(() if begun else clients):
                marts.mark_synced(built, each.key)
                marts.add_campaign(built, f"Campaign of {each.key}", client=each.key)
                marts.add_lead(built, number, client=each.key, name=f"Jane {each.key.title()}")
            ours = bot_settings(settings, slack, HTTP)
            ours.__dict__["clients"] = clients  # what reading a clients file gives
            for stack in begun:
                stack.close()
            begun.append(last.enter_context(ExitStack()))
            begun[-1].enter_context(running(ours, reading))

        yield started


def refused(slack: Slack, view: View, words: str) -> None:
    """The modal says why, can post nothing, and lets another channel be chosen."""
    assert words in str(view.blocks)
    assert SHARE_CHANNEL in str(view.blocks)
    with pytest.raises(ValueError, match="nothing to submit"):
        slack.submit("ada")


def test_a_client_of_a_group_is_shared_only_where_all_readers_are_in_it(
    run: Callable[..., None], built: Engine, slack: Slack
) -> None:
    run(client("acme", groups=("@sales",)))
    share(slack, "campaigns", "general")
    view = slack.wait_for_modal("ada", ready)
    refused(slack, view, "acme is for the members of its user groups only, and #general is read by everybody")
    assert denials(built) == [(ADA, "other client")]
    slack.choose("ada", view, SHARE_CHANNEL, "C0OUTREACH")
    slack.wait_for_modal("ada", lambda view: "#outreach will see this" in str(view.blocks))
    slack.submit("ada")
    assert eventually(lambda: len(slack.workspace.screen("grace", "outreach")) == 1)
    assert slack.workspace.screen("ben", "general") == []


def test_a_public_channel_is_read_by_everybody_whoever_is_in_it(run: Callable[..., None], slack: Slack) -> None:
    slack.workspace.channels["C0OUTREACH"] = replace(slack.workspace.channel("outreach"), kind=ChannelKind.PUBLIC)
    run(client("acme", "C0OUTREACH", groups=("sales",)))
    share(slack, "campaigns", "outreach")
    refused(slack, slack.wait_for_modal("ada", ready), "#outreach is read by everybody")


@pytest.mark.parametrize("channels", [(), ("C0OUTREACH",)])
def test_who_reads_its_channel_must_be_in_the_group_too_also_when_it_is_posted(
    run: Callable[..., None], slack: Slack, channels: tuple[str, ...]
) -> None:
    run(client("acme", *channels, groups=("sales",)))
    share(slack, "hot", "outreach")
    slack.wait_for_modal("ada", ready)
    before = slack.workspace.channel("outreach")
    slack.workspace.channels[before.id] = replace(before, members=before.members | {BEN})
    slack.submit("ada")
    view = slack.wait_for_modal("ada", lambda view: "1 other" in str(view.blocks))
    refused(slack, view, "acme is for the members of its user groups only, and #outreach is read by 1 other, so")
    assert slack.workspace.screen("ben", "outreach") == slack.workspace.screen("grace", "outreach") == []


def test_another_channel_never_changes_whose_data_is_shared(
    run: Callable[..., None], built: Engine, slack: Slack
) -> None:
    run(client("acme", "C0OUTREACH"), client("bravo", "C0GENERAL1"))
    share(slack, "campaigns", "outreach")
    slack.wait_for_modal("ada", lambda view: "#outreach will see" in str(view.blocks))
    slack.choose("ada", slack.wait_for_modal("ada", ready), SHARE_CHANNEL, "C0GENERAL1")
    view = slack.wait_for_modal("ada", lambda view: "in no other" in str(view.blocks))
    refused(slack, view, "acme may be shown in its own channels only and can be shared in no other, so nothing")
    assert "Campaign of acme" in str(view.blocks)
    assert "bravo" not in str(view.blocks)
    assert denials(built) == [(ADA, "other client")]
    slack.choose("ada", view, SHARE_CHANNEL, "C0OUTREACH")
    slack.wait_for_modal("ada", lambda view: "#outreach will see" in str(view.blocks))
    slack.submit("ada")
    assert eventually(lambda: len(slack.workspace.screen("grace", "outreach")) == 1)
    assert "Campaign of acme" in shown(slack.workspace.screen("grace", "outreach")[0])
    assert slack.workspace.screen("ben", "general") == []


def test_a_line_that_names_a_client_is_not_answered_for_another(run: Callable[..., None], slack: Slack) -> None:
    run(client("acme", "C0OUTREACH"), client("bravo"))
    for line in ("campaigns client:acme", f"lead acme/{marts.record_id(0)}"):
        share(slack, line, "outreach")
        view = slack.wait_for_modal("ada", lambda view: "#outreach will see" in str(view.blocks))
        slack.choose("ada", view, SHARE_CHANNEL, "C0GENERAL1")
        refused(slack, slack.wait_for_modal("ada", lambda view: "in no other" in str(view.blocks)), "acme may be shown")
        slack.close("ada")


def test_of_several_clients_those_are_left_out_that_may_not_be_shown_there_and_that_is_said(
    run: Callable[..., None], slack: Slack
) -> None:
    run(client("acme", groups=("sales",)), client("bravo"))
    share(slack, "campaigns", "general")
    view = slack.wait_for_modal("ada", ready)
    assert "Left out: acme, which is for the members of its user groups only" in str(view.blocks)
    slack.submit("ada")
    assert eventually(lambda: len(slack.workspace.screen("ben", "general")) == 1)
    posted = shown(slack.workspace.screen("ben", "general")[0])
    assert "Campaign of bravo" in posted
    assert "acme" not in posted


def test_what_was_shown_before_a_restart_is_posted_after_it(run: Callable[..., None], slack: Slack) -> None:
    run(client("acme"))
    share(slack, "campaigns", "outreach")
    slack.wait_for_modal("ada", ready)
    run(client("acme"))
    slack.submit("ada")
    slack.wait_for_modal("ada", lambda view: "Posted in #outreach" in str(view.blocks))
