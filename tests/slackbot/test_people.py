"""Who somebody is, asked of Slack by a command of the terminal."""

import pytest

from playground.slack.server import Slack
from slackbot.connection import identity, web_client
from slackbot.people import slack_person
from tests.slackbot.conftest import HTTP, bot_settings
from uysp.actions.rights import Person
from uysp.errors import ConfigurationError
from uysp.settings import Settings


def person(settings: Settings, slack: Slack, name: str) -> Person:
    client = web_client(bot_settings(settings, slack, HTTP))
    found = next((each.id for each in slack.workspace.people.values() if each.name == name), name)
    return slack_person(client, identity(client).team_id, found)


def test_a_member_may_write_and_a_guest_may_not(settings: Settings, slack: Slack) -> None:
    member = person(settings, slack, "ada")
    assert (member.name, member.is_member) == ("Ada Member", True)
    assert not person(settings, slack, "gus").is_member
    with pytest.raises(ConfigurationError, match="does not know"):
        person(settings, slack, "U0NOBODY")


def test_who_is_named_by_email_is_the_same_person(settings: Settings, slack: Slack) -> None:
    member = person(settings, slack, "ada")
    assert member.email is not None
    assert person(settings, slack, member.email) == member
    with pytest.raises(ConfigurationError, match="does not know"):
        person(settings, slack, "nobody@example.invalid")
