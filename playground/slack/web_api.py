"""The Web API: who may call what, and what each method does to the workspace.

Answers are those of the method pages of docs.slack.dev: HTTP 200 with `ok`, and `error` where it is false.
"""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from playground.slack import files_api, people_api, views_api
from playground.slack.limits.blocks import block_faults
from playground.slack.limits.views import view_faults
from playground.slack.people_api import writable_channel
from playground.slack.refusal import RefusalError
from playground.slack.workspace import (
    APP_ID,
    BOT_ID,
    BOT_USER_ID,
    TEAM_DOMAIN,
    TEAM_ID,
    Message,
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


@dataclass(frozen=True)
class Method:
    """One method: what it does, and which scopes allow it.

    Attributes:
        scopes: any one of them is enough; none: no scope is needed.
        scope_of: where the scope depends on what is named, such as a private channel.
    """

    run: Callable[[Workspace, Arguments], Answer]
    scopes: tuple[str, ...] = ()
    scope_of: Callable[[Workspace, Arguments], str] | None = None
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
    if method.scope_of is not None:
        _check_scopes(credentials, (method.scope_of(workspace, arguments),))
    answer = method.run(workspace, arguments)
    if name in {"users.info", "users.list", "users.lookupByEmail"} and not _granted(credentials, "users:read.email"):
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
    _check_scopes(credentials, method.scopes)


def _check_scopes(credentials: Credentials, scopes: tuple[str, ...]) -> None:
    if scopes and not any(_granted(credentials, scope) for scope in scopes):
        provided = ",".join(sorted(credentials.scopes or ()))
        raise RefusalError("missing_scope", needed=",".join(scopes), provided=provided)


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
    channel = writable_channel(workspace, arguments.get("channel"))
    text, blocks = message_content(arguments)
    thread_ts = arguments.get("thread_ts")
    message = workspace.post(channel.id, BOT_USER_ID, text, blocks, via="chat.postMessage", thread_ts=thread_ts)
    return {"channel": channel.id, "ts": message.ts, "message": message_json(message)}


def _post_ephemeral(workspace: Workspace, arguments: Arguments) -> Answer:
    channel = writable_channel(workspace, arguments.get("channel"))
    text, blocks = message_content(arguments)
    person = workspace.people.get(str(arguments.get("user")))
    if person is None or person.id not in channel.members or person.kind is PersonKind.DEACTIVATED:
        raise RefusalError("user_not_in_channel")
    message = workspace.post(
        channel.id,
        BOT_USER_ID,
        text,
        blocks,
        via="chat.postEphemeral",
        only_for=person.id,
        thread_ts=arguments.get("thread_ts"),
    )
    return {"message_ts": message.ts}


def _update(workspace: Workspace, arguments: Arguments) -> Answer:
    channel = writable_channel(workspace, arguments.get("channel"))
    message = workspace.find(channel.id, str(arguments.get("ts")))
    if message is None or message.only_for is not None:
        raise RefusalError("message_not_found")
    if message.author != BOT_USER_ID:
        raise RefusalError("cant_update_message")
    text, blocks = message_content(arguments)
    edited = workspace.edit(message, text, blocks, via="chat.update")
    return {"channel": channel.id, "ts": edited.ts, "text": edited.text, "message": message_json(edited)}


def _delete(workspace: Workspace, arguments: Arguments) -> Answer:
    channel = writable_channel(workspace, arguments.get("channel"))
    message = workspace.find(channel.id, str(arguments.get("ts")))
    if message is None or message.only_for is not None:
        raise RefusalError("message_not_found")
    if message.author != BOT_USER_ID:
        raise RefusalError("cant_delete_message")
    workspace.delete(message, via="chat.delete")
    return {"channel": channel.id, "ts": message.ts}


def _permalink(workspace: Workspace, arguments: Arguments) -> Answer:
    channel = writable_channel(workspace, arguments.get("channel"))
    message = workspace.find(channel.id, str(arguments.get("message_ts")))
    if message is None or message.only_for is not None:
        raise RefusalError("message_not_found")
    address = f"https://{TEAM_DOMAIN}.invalid/archives/{channel.id}/p{message.ts.replace('.', '')}"
    return {"channel": channel.id, "permalink": address}


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
    given = [name for name in ("blocks", "message", "view") if arguments.get(name) is not None]
    if len(given) != 1:
        raise RefusalError("invalid_arguments")
    value = _parsed(arguments[given[0]])
    if given == ["view"]:
        kind = value.get("type") if isinstance(value, dict) else None
        faults = view_faults(value, "home" if kind == "home" else "modal")
    else:
        blocks = value if given == ["blocks"] else value.get("blocks") if isinstance(value, dict) else None
        faults = block_faults(blocks, at="" if given == ["blocks"] else "/blocks")
    if faults:
        found = [{"pointer": fault.pointer, "code": fault.code, "message": fault.message} for fault in faults]
        raise RefusalError(f"invalid_{given[0]}", errors=found)
    return {}


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


_CONVERSATIONS = ("channels:read", "groups:read", "im:read")

METHODS: dict[str, Method] = {
    "apps.connections.open": Method(_open_connection, kind="xapp"),
    "auth.test": Method(_auth_test),
    "blocks.validate": Method(_validate, kind=None),
    "chat.delete": Method(_delete, ("chat:write",)),
    "chat.getPermalink": Method(_permalink),
    "chat.postEphemeral": Method(_post_ephemeral, ("chat:write",)),
    "chat.postMessage": Method(_post_message, ("chat:write",)),
    "chat.update": Method(_update, ("chat:write",)),
    "conversations.info": Method(people_api.conversation_info, _CONVERSATIONS, people_api.read_scope),
    "conversations.list": Method(people_api.conversation_list, _CONVERSATIONS),
    "conversations.members": Method(people_api.conversation_members, _CONVERSATIONS, people_api.read_scope),
    "conversations.open": Method(people_api.open_conversation, ("im:write",)),
    "files.completeUploadExternal": Method(files_api.complete_upload, ("files:write",)),
    "files.getUploadURLExternal": Method(files_api.upload_url, ("files:write",)),
    "files.info": Method(files_api.file_info, ("files:read",)),
    "usergroups.list": Method(people_api.group_list, ("usergroups:read",)),
    "usergroups.users.list": Method(people_api.group_members, ("usergroups:read",)),
    "users.info": Method(people_api.user_info, ("users:read",)),
    "users.list": Method(people_api.user_list, ("users:read",)),
    "users.lookupByEmail": Method(people_api.user_by_email, ("users:read.email",)),
    "views.open": Method(views_api.open_view),
    "views.publish": Method(views_api.publish_view),
    "views.push": Method(views_api.push_view),
    "views.update": Method(views_api.update_view),
}
