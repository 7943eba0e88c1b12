"""Who somebody is, as Slack tells it, for `uysp … --as USER`."""

from collections.abc import Iterable, Mapping
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from slackbot.access import real_name, why_not
from slackbot.connection import UNREACHABLE, error_word
from uysp.actions.rights import Person
from uysp.errors import ConfigurationError
from uysp.settings import Client


def slack_person(client: WebClient, team_id: str, named: str, clients: Iterable[Client]) -> Person:
    """Return a person with name, email, user groups, and the clients whose groups they are in.

    Args:
        client: of the Web API.
        team_id: of our workspace.
        named: a user id, or an email.
        clients: all that are configured.

    Raises:
        ConfigurationError: Slack knows no such user, or gave no answer.
    """
    try:
        found = client.users_lookupByEmail(email=named) if "@" in named else client.users_info(user=named)
    except SlackApiError as error:
        raise ConfigurationError(f"Slack does not know the user {named} ({error_word(error)}).") from None
    except UNREACHABLE:
        raise ConfigurationError("Slack did not answer, so it is not known who you are; try again.") from None
    user: Mapping[str, Any] = found["user"]
    user_id = str(user["id"])
    groups = _groups(client, user_id)
    return Person(
        id=user_id,
        name=real_name(user) or user_id,
        email=(user.get("profile") or {}).get("email"),
        is_member=why_not(user, team_id) is None,
        groups=groups,
        clients=frozenset(each.key for each in clients if _is_for(each, groups)),
    )


def _is_for(client: Client, groups: frozenset[str]) -> bool:
    """Return whether a client is for all, or for one of these groups; a terminal has no channel."""
    wanted = {group.removeprefix("@") for group in client.slack_user_groups}
    return not wanted or not wanted.isdisjoint(groups)


def _groups(client: WebClient, user_id: str) -> frozenset[str]:
    """Return ids and handles of the groups that the person is in; none where they cannot be read."""
    try:
        groups = client.usergroups_list(include_users=True)["usergroups"]
    except UNREACHABLE:
        return frozenset()
    mine = [group for group in groups if user_id in group.get("users", ())]
    return frozenset(str(group[name]) for group in mine for name in ("id", "handle") if group.get(name))
