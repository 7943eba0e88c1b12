"""Who somebody is, as Slack tells it, for `uysp … --as USER`."""

from collections.abc import Mapping
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from slackbot.access import why_not
from slackbot.connection import UNREACHABLE, error_word
from uysp.actions.rights import Person
from uysp.errors import ConfigurationError


def slack_person(client: WebClient, team_id: str, user_id: str) -> Person:
    """Return a person with name, email and user groups.

    Raises:
        ConfigurationError: Slack knows no such user, or gave no answer.
    """
    try:
        user: Mapping[str, Any] = client.users_info(user=user_id)["user"]
    except SlackApiError as error:
        raise ConfigurationError(f"Slack does not know the user {user_id} ({error_word(error)}).") from None
    except UNREACHABLE:
        raise ConfigurationError("Slack did not answer, so it is not known who you are; try again.") from None
    profile = user.get("profile") or {}
    name = profile.get("real_name") or user.get("real_name") or user.get("name") or user_id
    return Person(
        id=user_id,
        name=str(name),
        email=profile.get("email"),
        is_member=why_not(user, team_id) is None,
        groups=_groups(client, user_id),
    )


def _groups(client: WebClient, user_id: str) -> frozenset[str]:
    """Return ids and handles of the groups that the person is in; none where they cannot be read."""
    try:
        groups = client.usergroups_list(include_users=True)["usergroups"]
    except UNREACHABLE:
        return frozenset()
    mine = [group for group in groups if user_id in group.get("users", ())]
    return frozenset(str(group[name]) for group in mine for name in ("id", "handle") if group.get(name))
