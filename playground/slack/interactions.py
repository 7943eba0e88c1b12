"""Slash commands as a person lives them: typed, delivered, acknowledged or not, and answered through response_url."""

import itertools
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from playground.slack.delivery import Ack, Retry, Transport
from playground.slack.web_api import RefusalError, message_content
from playground.slack.workspace import (
    APP_ID,
    BOT_USER_ID,
    TEAM_DOMAIN,
    Channel,
    ChannelKind,
    Message,
    Person,
    Workspace,
)

RESPONSE_URL_USES = 5
RESPONSE_URL_SECONDS = 30 * 60
TEXT_OF_ERROR = '{command} failed with the error "{error}"'


@dataclass
class Interaction:
    """One thing a person did, and what came of it.

    Attributes:
        payload: what the app was sent.
        ack: the app's acknowledgement, or Slack's error in its place; None until then.
        acked_after: seconds from the person's action to the acknowledgement (or to Slack giving up).
        uses: how often the response_url was used.
    """

    number: int
    person: Person
    channel: Channel
    payload: Mapping[str, Any]
    envelope_id: str
    began_at: float
    expires_at: float
    place: int
    workspace: Workspace = field(repr=False)
    ack: Ack | None = None
    acked_after: float | None = None
    uses: int = 0

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

    def seen(self) -> list[Message]:
        """Return every state of every message the person saw since, in order, the acknowledgement included."""
        return self.workspace.seen_by(self.person.id, self.place)

    def answers(self) -> list[Message]:
        """Return what the app showed the person after its acknowledgement: by this response_url, or by the Web API."""
        return [
            message
            for message in self.seen()
            if (message.via == "response_url" and message.interaction == self.number) or message.via.startswith("chat.")
        ]

    def wait_for_answer(self, timeout: float = 5.0) -> Message:
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
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def command(self, person: Person, channel: Channel, command: str, text: str) -> Interaction:
        """Make the interaction of a typed command; it is not delivered yet."""
        number, secret = next(self._numbers), secrets.token_urlsafe(18)
        names = {ChannelKind.DIRECT: "directmessage", ChannelKind.PRIVATE: "privategroup"}
        payload = {
            "token": "deprecated-verification-token",
            "team_id": person.team_id,
            "team_domain": TEAM_DOMAIN,
            "channel_id": channel.id,
            "channel_name": names.get(channel.kind, channel.name),
            "user_id": person.id,
            "user_name": person.name,
            "command": command,
            "text": text.strip(),
            "api_app_id": APP_ID,
            "is_enterprise_install": "false",
            "response_url": f"{self.base_url}/commands/{number}/{secret}",
            "trigger_id": f"{number}.{int(self.workspace.now())}.{secrets.token_hex(16)}",
        }
        interaction = Interaction(
            number=number,
            person=person,
            channel=channel,
            payload=payload,
            envelope_id=secrets.token_hex(16),
            began_at=time.monotonic(),
            expires_at=self.workspace.now() + RESPONSE_URL_SECONDS,
            place=len(self.workspace.states),
            workspace=self.workspace,
        )
        self.by_secret[secret] = interaction
        return interaction

    async def deliver(self, interaction: Interaction, transport: Transport, retry: Retry | None = None) -> Ack:
        """Hand an interaction to the app (again, if `retry`) and show the person what the acknowledgement says."""
        envelope_id = interaction.envelope_id
        if retry is not None:
            envelope_id = retry.envelope_id or secrets.token_hex(16)
        ack = await transport.deliver("slash_commands", interaction.payload, envelope_id, retry)
        ack = self._show_ack(interaction, ack)
        if interaction.ack is None:
            interaction.ack, interaction.acked_after = ack, time.monotonic() - interaction.began_at
        return ack

    def _show_ack(self, interaction: Interaction, ack: Ack) -> Ack:
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
        if content.get("delete_original"):
            raise RefusalError("cant_delete_message")  # docs.slack.dev: not for the response_url of a command
        replaced = self._last_shown(interaction) if content.get("replace_original") else None
        if replaced is None:
            self._post(interaction, content, via="response_url")
        else:
            text, blocks = message_content(dict(content))
            self.workspace.edit(replaced, text, blocks, via="response_url")
        interaction.uses += 1

    def _post(self, interaction: Interaction, content: Mapping[str, Any], via: str) -> None:
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

    def _last_shown(self, interaction: Interaction) -> Message | None:
        """Return the newest message that this interaction produced, which keeps its visibility for life."""
        for message in reversed(self.workspace.states[interaction.place :]):
            if message.interaction == interaction.number and message.author == BOT_USER_ID:
                return self.workspace.find(message.channel, message.ts)
        return None
