"""Methods about people, user groups and conversations: `users.*`, `usergroups.*`, `conversations.*`."""

from collections.abc import Sequence
from typing import Any

from playground.slack.refusal import RefusalError
from playground.slack.workspace import BOT_USER_ID, TEAM_ID, Channel, ChannelKind, Person, PersonKind, Workspace

Arguments = dict[str, Any]
Answer = dict[str, Any]

LARGEST_PAGE = 1000

# Which scope lets an app read a conversation of each kind.
READ_SCOPES = {
    ChannelKind.PUBLIC: "channels:read",
    ChannelKind.SHARED: "channels:read",
    ChannelKind.PRIVATE: "groups:read",
    ChannelKind.DIRECT: "im:read",
}


def user_info(workspace: Workspace, arguments: Arguments) -> Answer:
    """Answer `users.info`."""
    person = workspace.people.get(str(arguments.get("user")))
    if person is None:
        raise RefusalError("user_not_found")
    return {"user": user_json(person)}


def user_list(workspace: Workspace, arguments: Arguments) -> Answer:
    """Answer `users.list`."""
    everyone = sorted(workspace.people.values(), key=lambda person: person.id)
    page, following = _page([user_json(person) for person in everyone], arguments)
    return {"members": page, "response_metadata": {"next_cursor": following}}


def user_by_email(workspace: Workspace, arguments: Arguments) -> Answer:
    """Answer `users.lookupByEmail`."""
    wanted = str(arguments.get("email")).casefold()
    for person in workspace.people.values():
        if person.email == wanted and person.kind is not PersonKind.DEACTIVATED:
            return {"user": user_json(person)}
    raise RefusalError("users_not_found")


def user_json(person: Person) -> Answer:
    """Return a person as the Web API shows them; names of the flags as in docs.slack.dev, user object."""
    shown: Answer = {
        "id": person.id,
        "team_id": person.team_id,
        "name": person.name,
        "real_name": person.real_name,
        "deleted": person.kind is PersonKind.DEACTIVATED,
        "is_bot": person.kind is PersonKind.BOT,
        "is_app_user": False,
        "profile": {"real_name": person.real_name, "display_name": person.name, "email": person.email},
    }
    if person.kind is PersonKind.DEACTIVATED:
        return shown  # Slack leaves the flags of standing and the time zone out
    guest = person.kind in (PersonKind.GUEST, PersonKind.SINGLE_CHANNEL_GUEST)
    shown |= {
        "tz": person.timezone,
        "is_admin": person.kind is PersonKind.ADMIN,
        "is_owner": False,
        "is_primary_owner": False,
        "is_restricted": guest,
        "is_ultra_restricted": person.kind is PersonKind.SINGLE_CHANNEL_GUEST,
    }
    if person.kind is PersonKind.STRANGER:
        shown["is_stranger"] = True
    return shown


def group_list(workspace: Workspace, arguments: Arguments) -> Answer:
    """Answer `usergroups.list`; members are told only where they are asked for."""
    shown: list[Answer] = []
    for group in workspace.groups.values():
        described = {"id": group.id, "team_id": TEAM_ID, "handle": group.handle, "name": group.name, "date_delete": 0}
        if str(arguments.get("include_users", "")).casefold() in {"true", "1"}:
            described["users"] = sorted(group.members)
        shown.append(described)
    return {"usergroups": shown}


def group_members(workspace: Workspace, arguments: Arguments) -> Answer:
    """Answer `usergroups.users.list`; deactivated people are left out unless asked for, as Slack does."""
    group = workspace.groups.get(str(arguments.get("usergroup")))
    if group is None:
        raise RefusalError("no_such_subteam")
    active = [one for one in group.members if workspace.people[one].kind is not PersonKind.DEACTIVATED]
    return {"users": sorted(active)}


def conversation_info(workspace: Workspace, arguments: Arguments) -> Answer:
    """Answer `conversations.info`."""
    return {"channel": channel_json(visible_channel(workspace, str(arguments.get("channel"))))}


def conversation_members(workspace: Workspace, arguments: Arguments) -> Answer:
    """Answer `conversations.members`, 100 a page unless told otherwise."""
    channel = visible_channel(workspace, str(arguments.get("channel")))
    page, following = _page(sorted(channel.members), {"limit": 100, **arguments})
    return {"members": page, "response_metadata": {"next_cursor": following}}


def conversation_list(workspace: Workspace, arguments: Arguments) -> Answer:
    """Answer `conversations.list`: public channels, and private ones the bot is in where those are asked for."""
    kinds = set(str(arguments.get("types") or "public_channel").split(","))
    names = {ChannelKind.PRIVATE: "private_channel", ChannelKind.DIRECT: "im"}
    shown = [
        channel_json(channel)
        for channel in list(workspace.channels.values())
        if names.get(channel.kind, "public_channel") in kinds
        and (channel.kind in (ChannelKind.PUBLIC, ChannelKind.SHARED) or BOT_USER_ID in channel.members)
    ]
    page, following = _page(shown, {"limit": 100, **arguments})
    return {"channels": page, "response_metadata": {"next_cursor": following}}


def channel_json(channel: Channel) -> Answer:
    """Return a conversation as the Web API shows it to the bot."""
    if channel.kind is ChannelKind.DIRECT:
        (person_id,) = channel.members - {BOT_USER_ID}
        return {"id": channel.id, "is_im": True, "user": person_id, "is_ext_shared": False}
    shared = channel.kind is ChannelKind.SHARED
    return {
        "id": channel.id,
        "name": channel.name,
        "is_channel": True,
        "is_im": False,
        "is_private": channel.kind is ChannelKind.PRIVATE,
        "is_archived": False,
        "is_shared": shared,
        "is_ext_shared": shared,
        "is_org_shared": False,
        "is_member": BOT_USER_ID in channel.members,
        "num_members": len(channel.members),
    }


def open_conversation(workspace: Workspace, arguments: Arguments) -> Answer:
    """Answer `conversations.open` for one person."""
    users = arguments.get("users")
    names = users.split(",") if isinstance(users, str) else users
    if not names:
        raise RefusalError("users_list_not_supplied")
    if len(names) != 1:
        raise RefusalError("method_not_supported_for_channel_type")  # group conversations are not emulated
    person = workspace.people.get(str(names[0]).strip())
    if person is None:
        raise RefusalError("user_not_found")
    if person.kind is PersonKind.DEACTIVATED:
        raise RefusalError("user_disabled")
    if person.kind is PersonKind.BOT:
        raise RefusalError("cannot_dm_bot")
    return {"channel": {"id": workspace.direct_message(person.id).id}}


def writable_channel(workspace: Workspace, which: object) -> Channel:
    """Return the conversation an app names by id, by #name, or by the id of a person."""
    if not isinstance(which, str) or not which:
        raise RefusalError("channel_not_found")
    if which in workspace.people:
        return workspace.direct_message(which)
    channel = visible_channel(workspace, which)
    if BOT_USER_ID not in channel.members:
        raise RefusalError("not_in_channel")
    return channel


def visible_channel(workspace: Workspace, which: str) -> Channel:
    """Return a conversation the bot can know of: it does not see private ones it is not in."""
    try:
        channel = workspace.channel(which)
    except KeyError:
        raise RefusalError("channel_not_found") from None
    if channel.kind in (ChannelKind.PRIVATE, ChannelKind.DIRECT) and BOT_USER_ID not in channel.members:
        raise RefusalError("channel_not_found")
    return channel


def read_scope(workspace: Workspace, arguments: Arguments) -> str:
    """Return the scope that reading the conversation named in a call takes."""
    return READ_SCOPES[visible_channel(workspace, str(arguments.get("channel"))).kind]


def _page(everything: Sequence[Any], arguments: Arguments) -> tuple[list[Any], str]:
    """Return a page and the cursor of the next one, '' at the end."""
    start = _number(arguments.get("cursor"), 0)
    size = min(_number(arguments.get("limit"), 0) or len(everything), LARGEST_PAGE)
    following = str(start + size) if start + size < len(everything) else ""
    return list(everything[start : start + size]), following


def _number(value: object, default: int) -> int:
    try:
        return int(str(value or default))
    except ValueError:
        raise RefusalError("invalid_cursor") from None
