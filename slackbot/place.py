"""Where people do things in Slack, read from its payloads; and getting a message to the one person who did them."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from slackbot.access import Asker
from slackbot.blocks.message import Form, Message
from slackbot.connection import UNREACHABLE, error_word, webhook

Payload = Mapping[str, Any]
MessageOf = Callable[[Form], Message]
Send = Callable[[Message], str]

REJECTED_BLOCKS = frozenset({"invalid_blocks", "invalid_blocks_format", "invalid_arguments"})
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Place:
    """Where something was done.

    Attributes:
        asker: who did it, and in which conversation.
        key: tells this delivery from all others, but not from its own repetitions.
        trigger_id: opens a modal, within three seconds; "" where nothing can be opened.
        response_url: takes messages for the person alone; "" where there is none.
        is_message: whether it was done in a message of ours.
        is_ephemeral: whether that message is seen by the person alone.
        thread_ts: the thread it was done in.
        view: the modal or Home tab it was done in, {} if none.
        message_ts: the message it was done in, "" if none.
    """

    asker: Asker
    key: str
    trigger_id: str = ""
    response_url: str = ""
    is_message: bool = False
    is_ephemeral: bool = False
    thread_ts: str | None = None
    view: Payload = field(default_factory=dict)
    message_ts: str = ""

    @property
    def is_direct(self) -> bool:
        """Return whether it was done in a conversation of two."""
        return self.asker.channel_id.startswith("D")

    @property
    def is_own(self) -> bool:
        """Return whether the message it was done in is before the person alone, so that it may be replaced."""
        return self.is_message and (self.is_ephemeral or self.is_direct)

    @property
    def is_home(self) -> bool:
        """Return whether it was done in the Home tab."""
        return bool(self.view) and self.view.get("type") == "home"


def of_command(command: Payload) -> Place:
    """Return where a slash command was typed."""
    asker = Asker(str(command["user_id"]), str(command["team_id"]), str(command["channel_id"]))
    trigger_id, response_url = str(command.get("trigger_id") or ""), str(command.get("response_url") or "")
    return Place(asker, trigger_id or response_url, trigger_id, response_url)


def of_interaction(body: Payload) -> Place:
    """Return where a button was pressed, a choice made, a shortcut taken, a modal submitted, or text typed."""
    user: Payload = body["user"]
    container: Payload = body.get("container") or {}
    channel_id = str((body.get("channel") or {}).get("id") or container.get("channel_id") or "")
    team_id = str(user.get("team_id") or (body.get("team") or {}).get("id") or "")
    trigger_id = str(body.get("trigger_id") or "")
    return Place(
        Asker(str(user["id"]), team_id, channel_id),
        key=trigger_id,
        trigger_id=trigger_id,
        response_url=str(body.get("response_url") or ""),
        is_message=container.get("type") == "message",
        is_ephemeral=bool(container.get("is_ephemeral")),
        thread_ts=container.get("thread_ts"),
        view=body.get("view") or {},
        message_ts=str(container.get("message_ts") or ""),
    )


def of_event(body: Payload) -> Place:
    """Return where somebody wrote to us, or looked at App Home."""
    event: Payload = body["event"]
    team_id = str(event.get("user_team") or event.get("team") or body.get("team_id") or "")
    channel_id = "" if event["type"] == "app_home_opened" else str(event.get("channel") or "")
    asker = Asker(str(event.get("user") or ""), team_id, channel_id)
    return Place(asker, key=str(body.get("event_id") or ""), thread_ts=event.get("thread_ts"))


def deliver(client: WebClient, place: Place, message: MessageOf, *, replace: bool = False) -> bool:
    """Show a message to the person at a place alone; by direct message where nothing else does.

    Returns whether it reached them.

    Args:
        client: of the Web API.
        place: where the person is.
        message: the message in any form; forms that the workspace does not take are followed by simpler ones.
        replace: put it in the place of the message it was asked from, if the person alone sees that one; else of what
            was said at once.
    """
    for send in _ways(client, place, replace=replace):
        said = _first_form(message, send)
        if not said:
            return True
        _log.warning("an answer was not taken (%s)", said)
    _log.error("an answer reached nobody")
    return False


def _ways(client: WebClient, place: Place, *, replace: bool) -> Iterator[Send]:
    """Yield how a message can reach the person, best first."""
    person, channel = place.asker.user_id, place.asker.channel_id
    plain: Message = {"unfurl_links": False, "unfurl_media": False}
    thread: Message = {} if place.thread_ts is None else {"thread_ts": place.thread_ts}
    stays = place.is_direct and place.is_message and not place.is_ephemeral  # what only one reads need not vanish
    if place.response_url and (replace or not stays):
        how: Message = {"response_type": "ephemeral", "replace_original": replace, **({} if replace else thread)}
        yield lambda content: _respond(place.response_url, {**how, **content})
    elif place.is_direct:
        yield lambda content: _post(client.chat_postMessage, channel, {**plain, **thread, **content})
    elif channel:
        yield lambda content: _post(client.chat_postEphemeral, channel, {"user": person, **thread, **content})
    yield lambda content: _post(client.chat_postMessage, person, {**plain, **content})


def _first_form(message: MessageOf, send: Send) -> str:
    """Send the best form that is taken; return '', or what was said instead of taking any."""
    said = ""
    for form in Form:
        said = send(message(form))
        if said not in REJECTED_BLOCKS:
            break
    return said


def _respond(response_url: str, content: Mapping[str, Any]) -> str:
    try:
        response = webhook(response_url).send_dict(dict(content))
    except UNREACHABLE as error:
        return type(error).__name__
    if response.status_code == 200:
        return ""
    return next((word for word in REJECTED_BLOCKS if word in response.body), f"HTTP {response.status_code}")


def _post(method: Callable[..., Any], channel: str, content: Mapping[str, Any]) -> str:
    try:
        method(channel=channel, **content)
    except SlackApiError as error:
        return error_word(error)
    except UNREACHABLE as error:
        return type(error).__name__
    return ""
