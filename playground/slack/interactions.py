"""What people do as the app lives it: delivered, acknowledged or not, and answered through response_url or views."""

import itertools
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from playground.slack import payloads
from playground.slack.delivery import Ack, Retry, Transport
from playground.slack.limits.elements import option_faults
from playground.slack.refusal import RefusalError
from playground.slack.surfaces import View
from playground.slack.views_api import checked_view
from playground.slack.web_api import message_content
from playground.slack.workspace import BOT_USER_ID, Channel, Message, Person, Workspace

RESPONSE_URL_USES = 5
RESPONSE_URL_SECONDS = 30 * 60
RETRY_SECONDS = (0, 60, 300)  # after which Slack sends an event again that was not acknowledged
TEXT_OF_ERROR = '{command} failed with the error "{error}"'


@dataclass
class Interaction:
    """One thing a person did, and what came of it.

    Attributes:
        kind: `slash_commands`, `interactive` or `events_api`.
        channel: where it was done; None in a modal or a Home tab.
        payload: what the app was sent.
        source: the message it was done in, if it was one of the app.
        ack: the app's acknowledgement, or Slack's error in its place; None until then.
        acked_after: seconds from the person's action to the acknowledgement (or to Slack giving up).
        uses: how often the response_url was used.
        deliveries: how often the app was sent it.
    """

    number: int
    kind: str
    person: Person
    channel: Channel | None
    payload: Mapping[str, Any]
    envelope_id: str
    began_at: float
    expires_at: float
    place: int
    workspace: Workspace = field(repr=False)
    source: Message | None = None
    ack: Ack | None = None
    acked_after: float | None = None
    uses: int = 0
    deliveries: int = 0

    @property
    def ack_text(self) -> str | None:
        """Return the text in the acknowledgement, None if it had none."""
        return None if self.ack is None else self.ack.content.get("text")

    @property
    def ack_blocks(self) -> list[dict[str, Any]]:
        """Return the blocks in the acknowledgement."""
        return [] if self.ack is None else list(self.ack.content.get("blocks") or [])

    @property
    def error(self) -> str | None:
        """Return the error Slack showed because the app did not acknowledge, or None."""
        return None if self.ack is None else self.ack.error

    @property
    def options(self) -> list[dict[str, Any]]:
        """Return the options that the app gave for what was typed."""
        content: Mapping[str, Any] = {} if self.ack is None else self.ack.content
        groups = content.get("option_groups") or []
        return [*(content.get("options") or []), *(option for group in groups for option in group["options"])]

    def seen(self) -> list[Message]:
        """Return every state of every message the person saw since, in order, the acknowledgement included."""
        return self.workspace.seen_by(self.person.id, self.place)

    def answers(self) -> list[Message]:
        """Return what the app showed the person after its acknowledgement: by this response_url, or by the Web API."""
        return [
            message
            for message in self.seen()
            if (message.via == "response_url" and message.interaction == self.number)
            or message.via.startswith(("chat.", "files."))
        ]

    def wait_for_answer(self, timeout: float = 20) -> Message:
        """Return the first answer after the acknowledgement, as it was first seen.

        Raises:
            TimeoutError: none came within `timeout` seconds.
        """
        if not self.workspace.wait_until(lambda: bool(self.answers()), timeout):
            raise TimeoutError(f"{self.person.name} saw no answer within {timeout} s")
        return self.answers()[0]


@dataclass
class Interactions:
    """All interactions of the workspace, by the secret part of their response_url."""

    workspace: Workspace
    base_url: str
    by_secret: dict[str, Interaction] = field(default_factory=dict)
    unacknowledged: list[tuple[float, Interaction, int]] = field(default_factory=list)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def command(self, person: Person, channel: Channel, command: str, text: str) -> Interaction:
        """Make the interaction of a typed command; it is not delivered yet."""
        secret, response_url = self._response_url("commands")
        trigger_id = self.workspace.surfaces.trigger(person.id)
        payload = payloads.command(person, channel, command, text, response_url, trigger_id)
        return self._new("slash_commands", person, channel, payload, secret)

    def action(self, person: Person, place: Message | View, found: payloads.Found, value: Any) -> Interaction:
        """Make the interaction of a pressed button or a changed choice."""
        action = payloads.action(found.element, found.block_id, value)
        secret, response_url = self._response_url("actions")
        view_id = place.id if isinstance(place, View) else None
        trigger_id = self.workspace.surfaces.trigger(person.id, view_id)
        channel, source = self._where(place)
        payload = payloads.block_actions(person, place, channel, action, trigger_id, response_url)
        return self._new("interactive", person, channel, payload, secret, source)

    def suggestion(self, person: Person, place: Message | View, found: payloads.Found, typed: str) -> Interaction:
        """Make the interaction of typing into a select."""
        channel, source = self._where(place)
        payload = payloads.block_suggestion(person, place, channel, found, typed)
        return self._new("interactive", person, channel, payload, source=source)

    def submission(self, person: Person, view: View) -> Interaction:
        """Make the interaction of a submitted modal."""
        trigger_id = self.workspace.surfaces.trigger(person.id, view.id)
        return self._new("interactive", person, None, payloads.view_submission(person, view, trigger_id))

    def closing(self, person: Person, view: View) -> Interaction:
        """Make the interaction of a closed modal."""
        return self._new("interactive", person, None, payloads.view_closed(person, view))

    def shortcut(self, person: Person, channel: Channel, message: Message, callback_id: str) -> Interaction:
        """Make the interaction of a shortcut in a message's menu."""
        secret, response_url = self._response_url("app")
        trigger_id = self.workspace.surfaces.trigger(person.id)
        payload = payloads.message_action(person, channel, message, callback_id, trigger_id, response_url)
        return self._new("interactive", person, channel, payload, secret)

    def event(self, name: str, person: Person, channel: Channel, **more: Any) -> Interaction:
        """Make the interaction of an event."""
        payload = payloads.event(name, person, channel, self.workspace.now(), **more)
        return self._new("events_api", person, channel, payload)

    def _where(self, place: Message | View) -> tuple[Channel | None, Message | None]:
        return (None, None) if isinstance(place, View) else (self.workspace.channels[place.channel], place)

    def _response_url(self, kind: str) -> tuple[str, str]:
        secret = secrets.token_urlsafe(18)
        return secret, f"{self.base_url}/response/{kind}/{secret}"

    def _new(
        self,
        kind: str,
        person: Person,
        channel: Channel | None,
        payload: Mapping[str, Any],
        secret: str | None = None,
        source: Message | None = None,
    ) -> Interaction:
        interaction = Interaction(
            number=next(self._numbers),
            kind=kind,
            person=person,
            channel=channel,
            payload=payload,
            envelope_id=secrets.token_hex(16),
            began_at=time.monotonic(),
            expires_at=self.workspace.now() + RESPONSE_URL_SECONDS,
            place=len(self.workspace.states),
            workspace=self.workspace,
            source=source,
        )
        if secret is not None and channel is not None:
            self.by_secret[secret] = interaction
        return interaction

    async def deliver(self, interaction: Interaction, transport: Transport, retry: Retry | None = None) -> Ack:
        """Hand an interaction to the app (again, if `retry`) and show the person what the acknowledgement says."""
        envelope_id = interaction.envelope_id
        if retry is not None:
            envelope_id = retry.envelope_id or secrets.token_hex(16)
        interaction.deliveries += 1
        ack = await transport.deliver(interaction.kind, interaction.payload, envelope_id, retry)
        kind = interaction.payload.get("type")
        if interaction.kind == "slash_commands":
            ack = self._show_ack(interaction, ack)
        elif kind == "view_submission" and ack.error is None:
            ack = self._take_submission(interaction, ack)
        elif kind == "block_suggestion" and ack.error is None and not _are_options(ack.content):
            ack = Ack(ack.content, error="invalid_options")
        if interaction.ack is None:
            interaction.ack, interaction.acked_after = ack, time.monotonic() - interaction.began_at
        return ack

    async def deliver_event(self, interaction: Interaction, transport: Transport) -> None:
        """Hand an event over; what is not acknowledged is sent again: at once, after a minute, after five."""
        ack = await self.deliver(interaction, transport)
        if ack.error is not None and not ack.no_retry:
            now = self.workspace.now()
            self.unacknowledged += [(now + after, interaction, n) for n, after in enumerate(RETRY_SECONDS, start=1)]
            await self.retry_due(transport)

    async def retry_due(self, transport: Transport) -> None:
        """Send events again whose time has come; one that is acknowledged is not sent any more."""
        for entry in list(self.unacknowledged):
            due, interaction, attempt = entry
            if entry not in self.unacknowledged or due > self.workspace.now():
                continue
            self.unacknowledged.remove(entry)
            reason = "http_timeout" if interaction.error == "operation_timeout" else "http_error"
            ack = await self.deliver(interaction, transport, Retry(attempt, reason, envelope_id=None))
            if ack.error is None or ack.no_retry:
                self.unacknowledged = [one for one in self.unacknowledged if one[1] is not interaction]

    def _show_ack(self, interaction: Interaction, ack: Ack) -> Ack:
        assert interaction.channel is not None  # noqa: S101 (commands are typed in a channel)
        if ack.error is None and ack.content.get("response_type") == "in_channel":
            line = f"{interaction.payload['command']} {interaction.payload['text']}".rstrip()
            self.workspace.post(interaction.channel.id, interaction.person.id, line, via="person")
        if ack.error is None and (ack.content.get("text") or ack.content.get("blocks")):
            try:
                self._post(interaction, ack.content, via="ack")
            except RefusalError:
                ack = Ack(ack.content, error="invalid_command_response")
        if ack.error is not None:
            text = TEXT_OF_ERROR.format(command=interaction.payload["command"], error=ack.error)
            self.workspace.post(
                interaction.channel.id,
                author="",
                text=text,
                via="slack",
                only_for=interaction.person.id,
                interaction=interaction.number,
            )
        return ack

    def _take_submission(self, interaction: Interaction, ack: Ack) -> Ack:
        view = self.workspace.surfaces.find(interaction.payload["view"]["id"])
        if view is None:
            return ack
        try:
            self._follow(view, ack.content)
        except RefusalError as refusal:
            return Ack(ack.content, error=str(refusal.answer["error"]))
        return ack

    def _follow(self, view: View, content: Mapping[str, Any]) -> None:
        """Do with a submitted modal what the acknowledgement says; nothing said closes it."""
        surfaces = self.workspace.surfaces
        match content.get("response_action"):
            case None:
                surfaces.close(view)
            case "clear":
                surfaces.clear(view.person)
            case "update":
                shown = checked_view(content.get("view"), "modal")
                surfaces.update(shown, view_id=view.id, external_id="", view_hash="")
            case "push":
                surfaces.pushed(view.person, checked_view(content.get("view"), "modal"))
            case "errors":
                surfaces.fill(view, view.values, _checked_errors(view, content.get("errors")))
            case _:
                raise RefusalError("invalid_response_action")

    def respond(self, secret: str, content: Mapping[str, Any]) -> None:
        """Take a post to a response_url.

        Raises:
            RefusalError: `used_url`, `expired_url`, or a message Slack does not show.
        """
        interaction = self.by_secret.get(secret)
        if interaction is None:
            raise RefusalError("invalid_url")
        if self.workspace.now() > interaction.expires_at:
            raise RefusalError("expired_url")
        if interaction.uses >= RESPONSE_URL_USES:
            raise RefusalError("used_url")
        original = self._original(interaction)
        if content.get("delete_original"):
            if interaction.source is None or original is None:
                raise RefusalError("cant_delete_message")  # docs.slack.dev: not for the response_url of a command
            self.workspace.delete(original, via="response_url")
        elif content.get("replace_original") and original is not None:
            text, blocks = message_content(dict(content))
            self.workspace.edit(original, text, blocks, via="response_url", interaction=interaction.number)
        else:
            self._post(interaction, content, via="response_url")
        interaction.uses += 1

    def _post(self, interaction: Interaction, content: Mapping[str, Any], via: str) -> None:
        assert interaction.channel is not None  # noqa: S101 (only those with a channel have a response_url)
        text, blocks = message_content(dict(content))
        public = content.get("response_type") == "in_channel"
        self.workspace.post(
            interaction.channel.id,
            BOT_USER_ID,
            text,
            blocks,
            via=via,
            only_for=None if public else interaction.person.id,
            interaction=interaction.number,
            thread_ts=content.get("thread_ts"),
        )

    def _original(self, interaction: Interaction) -> Message | None:
        """Return the message an interaction was done in, else the newest it produced; it keeps its visibility."""
        if interaction.source is not None:
            return self.workspace.find(interaction.source.channel, interaction.source.ts)
        for message in reversed(self.workspace.states[interaction.place :]):
            if message.interaction == interaction.number and message.author == BOT_USER_ID:
                return self.workspace.find(message.channel, message.ts)
        return None


def _checked_errors(view: View, errors: object) -> Mapping[str, str]:
    """Return the errors under inputs; Slack takes them only for the inputs that there are."""
    inputs = {block["block_id"] for block in view.blocks if block["type"] == "input"}
    if not isinstance(errors, Mapping) or not errors or not set(errors) <= inputs:
        raise RefusalError("invalid_errors")
    return errors


def _are_options(content: Mapping[str, Any]) -> bool:
    """Return whether an answer to block_suggestion is one: up to 100 options, or as many groups of them."""
    groups = content.get("option_groups")
    if groups is None:
        return not option_faults(content.get("options"), "/options", fewest=0)
    return isinstance(groups, list) and all(not option_faults(group.get("options"), "/options") for group in groups)
