"""The Web API: who may call what, and what each method does to the workspace.

Answers are those of the method pages of docs.slack.dev: HTTP 200 with `ok`, and `error` where it is false.
"""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playground.slack.limits.blocks import block_faults
from playground.slack.workspace import (
    APP_ID,
    BOT_ID,
    BOT_USER_ID,
    TEAM_DOMAIN,
    TEAM_ID,
    Channel,
    ChannelKind,
    Message,
    Person,
    PersonKind,
    Workspace,
)

LONGEST_TEXT = 40_000

Arguments = dict[str, Any]
Answer = dict[str, Any]


@dataclass(frozen=True)
class Credentials:
    """What the app was given when it was installed.

    Attributes:
        scopes: scopes of the bot token; None: scopes are not looked at.
    """

    bot_token: str = "xoxb-demo-0000000000-playground"  # noqa: S105 (made up, fixed and printed)
    app_token: str = "xapp-demo-0000000000-playground"  # noqa: S105 (made up, fixed and printed)
    signing_secret: str = "demo-signing-secret-playground"  # noqa: S105 (made up, fixed and printed)
    scopes: frozenset[str] | None = None


class RefusalError(Exception):
    """Slack says no: the `error` of the answer, and what else the answer carries."""

    def __init__(self, error: str, **more: Any) -> None:
        super().__init__(error)
        self.answer: Answer = {"ok": False, "error": error, **more}


@dataclass(frozen=True)
class Method:
    """One method: what it does, and which scopes allow it (any one of them; none: no scope is needed)."""

    run: Callable[[Workspace, Arguments], Answer]
    scopes: tuple[str, ...] = ()
    kind: str | None = "xoxb"  # of the token it takes; None: it needs no token


def call(
    workspace: Workspace, credentials: Credentials, name: str, arguments: Arguments, *, header_token: str | None
) -> Answer:
    """Answer a call.

    Args:
        workspace: the workspace the call acts on.
        credentials: what tokens are checked against.
        name: the method, such as `chat.postMessage`.
        arguments: query, form or JSON body; values may be JSON text, as forms carry them.
        header_token: the bearer token, if the request carried one.

    Raises:
        RefusalError: the call is refused.
    """
    method = METHODS.get(name)
    if method is None:
        raise RefusalError("unknown_method", req_method=name)
    if method.kind is not None:
        _check_token(credentials, method, header_token, arguments.get("token"))
    answer = method.run(workspace, arguments)
    if name in {"users.info", "users.list"} and not _granted(credentials, "users:read.email"):
        for user in [answer["user"]] if "user" in answer else answer["members"]:
            user["profile"].pop("email", None)
    return {"ok": True, **answer}


def _check_token(credentials: Credentials, method: Method, header: str | None, argument: object) -> None:
    token = header if header is not None or method.kind == "xapp" else argument
    if not token:
        raise RefusalError("not_authed")
    if token not in (credentials.bot_token, credentials.app_token):
        raise RefusalError("invalid_auth")
    kind = "xoxb" if token == credentials.bot_token else "xapp"
    if kind != method.kind:
        raise RefusalError("not_allowed_token_type")
    if method.scopes and not any(_granted(credentials, scope) for scope in method.scopes):
        provided = ",".join(sorted(credentials.scopes or ()))
        raise RefusalError("missing_scope", needed=",".join(method.scopes), provided=provided)


def _granted(credentials: Credentials, scope: str) -> bool:
    return credentials.scopes is None or scope in credentials.scopes


# Messages


def message_content(arguments: Arguments) -> tuple[str, list[dict[str, Any]]]:
    """Return text and blocks of a message as an app sent them.

    Raises:
        RefusalError: Slack would not show such a message.
    """
    text, blocks = arguments.get("text") or "", _parsed(arguments.get("blocks"))
    if blocks is not None:
        _refuse_bad_blocks(blocks)
    if not isinstance(text, str) or (not text and not blocks):
        raise RefusalError("no_text")
    if len(text) > LONGEST_TEXT:
        raise RefusalError("msg_too_long")
    return text, blocks or []


def _parsed(blocks: object) -> Any:
    """Return blocks that a form carried as JSON text as the value they mean."""
    if not isinstance(blocks, str):
        return blocks
    try:
        return json.loads(blocks)
    except ValueError:
        raise RefusalError("invalid_blocks_format") from None


def _refuse_bad_blocks(blocks: object) -> None:
    faults = block_faults(blocks)
    if faults:
        lines = [fault.as_line() for fault in faults]
        raise RefusalError(
            "invalid_blocks", errors=[fault.message for fault in faults], response_metadata={"messages": lines}
        )


def _post_message(workspace: Workspace, arguments: Arguments) -> Answer:
    channel = _writable_channel(workspace, arguments.get("channel"))
    text, blocks = message_content(arguments)
    thread_ts = arguments.get("thread_ts")
    message = workspace.post(channel.id, BOT_USER_ID, text, blocks, via="chat.postMessage", thread_ts=thread_ts)
    return {"channel": channel.id, "ts": message.ts, "message": message_json(message)}


def _post_ephemeral(workspace: Workspace, arguments: Arguments) -> Answer:
    channel = _writable_channel(workspace, arguments.get("channel"))
    text, blocks = message_content(arguments)
    person = workspace.people.get(str(arguments.get("user")))
    if person is None or person.id not in channel.members or person.kind is PersonKind.DEACTIVATED:
        raise RefusalError("user_not_in_channel")
    message = workspace.post(channel.id, BOT_USER_ID, text, blocks, via="chat.postEphemeral", only_for=person.id)
    return {"message_ts": message.ts}


def _update(workspace: Workspace, arguments: Arguments) -> Answer:
    channel = _writable_channel(workspace, arguments.get("channel"))
    message = workspace.find(channel.id, str(arguments.get("ts")))
    if message is None or message.only_for is not None:
        raise RefusalError("message_not_found")
    if message.author != BOT_USER_ID:
        raise RefusalError("cant_update_message")
    text, blocks = message_content(arguments)
    edited = workspace.edit(message, text, blocks, via="chat.update")
    return {"channel": channel.id, "ts": edited.ts, "text": edited.text, "message": message_json(edited)}


def _writable_channel(workspace: Workspace, which: object) -> Channel:
    """Return the conversation an app names by id, by #name, or by the id of a person."""
    if not isinstance(which, str) or not which:
        raise RefusalError("channel_not_found")
    if which in workspace.people:
        return workspace.direct_message(which)
    channel = _visible_channel(workspace, which)
    if BOT_USER_ID not in channel.members:
        raise RefusalError("not_in_channel")
    return channel


def _visible_channel(workspace: Workspace, which: str) -> Channel:
    """Return a conversation the bot can know of: it does not see private ones it is not in."""
    try:
        channel = workspace.channel(which)
    except KeyError:
        raise RefusalError("channel_not_found") from None
    if channel.kind in (ChannelKind.PRIVATE, ChannelKind.DIRECT) and BOT_USER_ID not in channel.members:
        raise RefusalError("channel_not_found")
    return channel


def message_json(message: Message) -> Answer:
    """Return a message as the Web API shows it."""
    shown: Answer = {
        "type": "message",
        "user": message.author,
        "ts": message.ts,
        "team": TEAM_ID,
        "text": message.text,
        "blocks": list(message.blocks),
    }
    if message.author == BOT_USER_ID:
        shown |= {"bot_id": BOT_ID, "app_id": APP_ID}
    if message.thread_ts is not None:
        shown["thread_ts"] = message.thread_ts
    return shown


def _validate(_workspace: Workspace, arguments: Arguments) -> Answer:
    given = [name for name in ("blocks", "message") if arguments.get(name) is not None]
    if len(given) != 1:
        raise RefusalError("invalid_arguments")
    value = _parsed(arguments[given[0]])
    blocks = value if given == ["blocks"] else value.get("blocks") if isinstance(value, dict) else None
    faults = block_faults(blocks, at="" if given == ["blocks"] else "/blocks")
    if faults:
        found = [{"pointer": fault.pointer, "code": fault.code, "message": fault.message} for fault in faults]
        raise RefusalError(f"invalid_{given[0]}", errors=found)
    return {}


# People and conversations


def _user_info(workspace: Workspace, arguments: Arguments) -> Answer:
    person = workspace.people.get(str(arguments.get("user")))
    if person is None:
        raise RefusalError("user_not_found")
    return {"user": user_json(person)}


def _user_list(workspace: Workspace, arguments: Arguments) -> Answer:
    everyone = sorted(workspace.people.values(), key=lambda person: person.id)
    start, size = int(arguments.get("cursor") or 0), int(arguments.get("limit") or 0) or len(everyone)
    following = str(start + size) if start + size < len(everyone) else ""
    page = [user_json(person) for person in everyone[start : start + size]]
    return {"members": page, "response_metadata": {"next_cursor": following}}


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


def _conversation_info(workspace: Workspace, arguments: Arguments) -> Answer:
    return {"channel": channel_json(_visible_channel(workspace, str(arguments.get("channel"))))}


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


def _open_conversation(workspace: Workspace, arguments: Arguments) -> Answer:
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


def _auth_test(_workspace: Workspace, _arguments: Arguments) -> Answer:
    return {
        "url": f"https://{TEAM_DOMAIN}.invalid/",
        "team": TEAM_DOMAIN,
        "team_id": TEAM_ID,
        "user": "uysp",
        "user_id": BOT_USER_ID,
        "bot_id": BOT_ID,
        "is_enterprise_install": False,
    }


def _open_connection(_workspace: Workspace, _arguments: Arguments) -> Answer:
    return {"ticket": secrets.token_hex(8)}  # the server makes the address of it


METHODS: dict[str, Method] = {
    "apps.connections.open": Method(_open_connection, kind="xapp"),
    "auth.test": Method(_auth_test),
    "blocks.validate": Method(_validate, kind=None),
    "chat.postEphemeral": Method(_post_ephemeral, ("chat:write",)),
    "chat.postMessage": Method(_post_message, ("chat:write",)),
    "chat.update": Method(_update, ("chat:write",)),
    "conversations.info": Method(_conversation_info, ("channels:read", "groups:read", "im:read")),
    "conversations.open": Method(_open_conversation, ("im:write",)),
    "users.info": Method(_user_info, ("users:read",)),
    "users.list": Method(_user_list, ("users:read",)),
}
