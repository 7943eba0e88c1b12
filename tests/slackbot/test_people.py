"""Who somebody is, asked of Slack by a command of the terminal."""

import pytest
from pydantic import SecretStr

from playground.slack.server import Slack
from slackbot.connection import identity, web_client
from slackbot.people import slack_person
from tests.slackbot.conftest import HTTP, bot_settings
from uysp.actions.rights import Person
from uysp.errors import ConfigurationError
from uysp.settings import Client, Settings


def person(settings: Settings, slack: Slack, name: str, *clients: Client) -> Person:
    client = web_client(bot_settings(settings, slack, HTTP))
    found = next((each.id for each in slack.workspace.people.values() if each.name == name), name)
    return slack_person(client, identity(client).team_id, found, clients)


@pytest.mark.parametrize("group", ["@sales", "sales", "S0SALES001"])
def test_a_client_of_a_group_is_for_its_members_alone(settings: Settings, slack: Slack, group: str) -> None:
    theirs = Client("beta", "Beta", "app2", SecretStr("t"), slack_channels=("C0OUTREACH",), slack_user_groups=(group,))
    everybodys = Client("acme", "Acme", "app1", SecretStr("t"))
    assert person(settings, slack, "ada", theirs, everybodys).clients == frozenset(["acme", "beta"])
    assert person(settings, slack, "ben", theirs, everybodys).clients == frozenset(["acme"])
    slack.fail("usergroups.list", error="missing_scope")
    assert person(settings, slack, "ada", theirs, everybodys).clients == frozenset(["acme"])


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
