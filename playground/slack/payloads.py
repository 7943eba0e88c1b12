"""What Slack sends an app when people do something: the payload of each kind, as docs.slack.dev describes them."""

import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from playground.slack.surfaces import View
from playground.slack.views_api import shown_view
from playground.slack.web_api import message_json
from playground.slack.workspace import (
    APP_ID,
    BOT_USER_ID,
    TEAM_DOMAIN,
    TEAM_ID,
    Channel,
    ChannelKind,
    Message,
    Person,
)

Payload = dict[str, Any]
Element = Mapping[str, Any]

# What Slack's client makes links of while people write (docs.slack.dev, formatting message text).
_LINKED = re.compile(
    r"(?P<email>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)|(?P<url>https?://[^\s<>]+)"
    r"|(?P<host>(?<![\w@.-])(?:[a-z0-9-]+\.)+(?:com|net|org)\b)",
    re.IGNORECASE,
)

VERIFICATION_TOKEN = "deprecated-verification-token"  # noqa: S105 (made up; apps must not rely on it)


def escaped(typed: str) -> str:
    """Return what a person typed as Slack hands it to apps."""
    return typed.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def linked(written: str) -> str:
    """Return a message's text with addresses as the links that Slack's client makes of them."""
    return _LINKED.sub(_link, written)


def _link(found: re.Match[str]) -> str:
    scheme = {"email": "mailto:", "host": "http://"}.get(str(found.lastgroup))
    return f"<{found[0]}>" if scheme is None else f"<{scheme}{found[0]}|{found[0]}>"


def command(person: Person, channel: Channel, name: str, text: str, response_url: str, trigger_id: str) -> Payload:
    """Return a typed slash command (`should_escape` off: mentions stay as typed)."""
    names = {ChannelKind.DIRECT: "directmessage", ChannelKind.PRIVATE: "privategroup"}
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": person.team_id,
        "team_domain": TEAM_DOMAIN,
        "channel_id": channel.id,
        "channel_name": names.get(channel.kind, channel.name),
        "user_id": person.id,
        "user_name": person.name,
        "command": name,
        "text": text.strip(),
        "api_app_id": APP_ID,
        "is_enterprise_install": "false",
        "response_url": response_url,
        "trigger_id": trigger_id,
    }


def _interactive(kind: str, person: Person, trigger_id: str | None) -> Payload:
    payload: Payload = {
        "type": kind,
        "token": VERIFICATION_TOKEN,
        "team": {"id": person.team_id, "domain": TEAM_DOMAIN},
        "user": {"id": person.id, "username": person.name, "name": person.name, "team_id": person.team_id},
        "api_app_id": APP_ID,
        "enterprise": None,
        "is_enterprise_install": False,
    }
    if trigger_id is not None:
        payload["trigger_id"] = trigger_id
    return payload


def _of_message(message: Message, channel: Channel) -> Payload:
    """Return where something in a message was done; an ephemeral one is not sent along."""
    container = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": channel.id,
        "is_ephemeral": message.only_for is not None,
    }
    if message.thread_ts is not None:
        container["thread_ts"] = message.thread_ts
    place: Payload = {"container": container, "channel": {"id": channel.id, "name": channel.name}}
    return place if message.only_for is not None else {**place, "message": message_json(message)}


def _of_view(view: View) -> Payload:
    return {"container": {"type": "view", "view_id": view.id}, "view": shown_view(view)}


def block_actions(
    person: Person, place: Message | View, channel: Channel | None, action: Payload, trigger_id: str, response_url: str
) -> Payload:
    """Return a pressed button or a changed choice."""
    payload = _interactive("block_actions", person, trigger_id) | {"actions": [action]}
    if isinstance(place, View):
        return payload | _of_view(place)
    assert channel is not None  # noqa: S101 (messages stand in channels)
    return payload | _of_message(place, channel) | {"response_url": response_url, "state": {"values": {}}}


def action(element: Element, block_id: str, value: Any) -> Payload:
    """Return one entry of `actions`; `value` is the option chosen, or what was typed, where the element takes any."""
    made: Payload = {
        "type": element["type"],
        "action_id": element["action_id"],
        "block_id": block_id,
        "action_ts": f"{secrets.randbelow(10**10)}.000000",
    }
    if element["type"] == "button":
        made |= {"text": element["text"]} | ({"value": element["value"]} if "value" in element else {})
        return made
    return made | filled(element, value)


def filled(element: Element, value: Any) -> Payload:
    """Return the state of an element that holds a value, as `state.values` and `actions` have it."""
    kind = str(element["type"])
    names = {
        "users_select": "selected_user",
        "conversations_select": "selected_conversation",
        "channels_select": "selected_channel",
        "datepicker": "selected_date",
        "checkboxes": "selected_options",
        "radio_buttons": "selected_option",
    }
    default = "selected_option" if kind.endswith("select") or kind == "overflow" else "value"
    return {"type": kind, names.get(kind, default): value}


def block_suggestion(
    person: Person, place: Message | View, channel: Channel | None, found: "Found", typed: str
) -> Payload:
    """Return what a person typed so far into a select whose options the app gives."""
    payload = _interactive("block_suggestion", person, None)
    payload |= {"action_id": found.element["action_id"], "block_id": found.block_id, "value": typed}
    if isinstance(place, View):
        return payload | _of_view(place)
    assert channel is not None  # noqa: S101 (messages stand in channels)
    return payload | _of_message(place, channel)


def view_submission(person: Person, view: View, trigger_id: str) -> Payload:
    """Return a submitted modal."""
    return _interactive("view_submission", person, trigger_id) | {"view": shown_view(view), "response_urls": []}


def view_closed(person: Person, view: View) -> Payload:
    """Return a modal that was closed."""
    return _interactive("view_closed", person, None) | {"view": shown_view(view), "is_cleared": False}


def message_action(
    person: Person, channel: Channel, message: Message, callback_id: str, trigger_id: str, response_url: str
) -> Payload:
    """Return a message shortcut, which brings the message itself."""
    payload = _interactive("message_action", person, trigger_id)
    return payload | {
        "callback_id": callback_id,
        "message_ts": message.ts,
        "message": message_json(message),
        "channel": {"id": channel.id, "name": channel.name},
        "response_url": response_url,
        "action_ts": f"{secrets.randbelow(10**10)}.000000",
    }


def event(name: str, person: Person, channel: Channel, at: float, **more: Any) -> Payload:
    """Return the envelope of an event; `more` are the fields that its kind has."""
    inner = {
        "type": name,
        "user": person.id,
        "team": person.team_id,
        "channel": channel.id,
        "event_ts": f"{at:.6f}",
        **more,
    }
    if person.kind == "bot":
        inner["bot_id"] = f"B{person.id[1:]}"
    return {
        "token": VERIFICATION_TOKEN,
        "team_id": TEAM_ID,
        "context_team_id": TEAM_ID,
        "context_enterprise_id": None,
        "api_app_id": APP_ID,
        "event": inner,
        "type": "event_callback",
        "event_id": f"Ev{secrets.token_hex(6).upper()}",
        "event_time": int(at),
        "authorizations": [
            {
                "enterprise_id": None,
                "team_id": TEAM_ID,
                "user_id": BOT_USER_ID,
                "is_bot": True,
                "is_enterprise_install": False,
            }
        ],
        "is_ext_shared_channel": channel.kind is ChannelKind.SHARED,
    }


class Found:
    """An element of some blocks, with the block it stands in."""

    def __init__(self, element: Element, block: Mapping[str, Any]) -> None:
        self.element = element
        self.block = block
        self.block_id = str(block["block_id"])


def elements(blocks: Iterable[Mapping[str, Any]]) -> Iterator[Found]:
    """Yield everything that can be pressed, chosen or filled in."""
    for block in blocks:
        inside: Sequence[Any] = (
            block.get("elements") or () if block.get("type") in ("actions", "context_actions") else ()
        )
        for element in [*inside, block.get("accessory"), block.get("element")]:
            if isinstance(element, Mapping) and "action_id" in element:
                yield Found(element, block)
        yield from elements(block.get("child_blocks") or ())


def find_element(blocks: Iterable[Mapping[str, Any]], what: str, block_id: str | None = None) -> Found:
    """Return an element by its action_id, or a button by what stands on it.

    Raises:
        ValueError: there is none.
    """
    present = [found for found in elements(blocks) if block_id in (None, found.block_id)]
    for found in present:
        if found.element["action_id"] == what:
            return found
    for found in present:
        if (found.element.get("text") or {}).get("text") == what:
            return found
    names = ", ".join(str(found.element["action_id"]) for found in present)
    raise ValueError(f"there is no {what!r} to press; there are: {names or 'none'}")
