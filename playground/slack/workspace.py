"""The emulated workspace: its people, its channels, every message in them, who saw what and when, and its clock.

Everything here is plain state behind one lock; `web_api`, `delivery` and the chat page read and write it.
"""

import enum
import itertools
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from playground.slack.files import Files
from playground.slack.surfaces import Surfaces

TEAM_ID = "T0PLAYGRND"
TEAM_DOMAIN = "playground"
OTHER_TEAM_ID = "T0OTHERORG"
APP_ID = "A0UYSPDEMO"
BOT_ID = "B0UYSPBOT0"
BOT_USER_ID = "U0UYSPBOT0"

Block = dict[str, Any]


class PersonKind(enum.StrEnum):
    """What Slack tells an app about a person's standing in the workspace."""

    MEMBER = "member"
    ADMIN = "admin"
    GUEST = "guest"
    SINGLE_CHANNEL_GUEST = "single-channel guest"
    BOT = "bot"
    STRANGER = "member of another organisation"
    DEACTIVATED = "deactivated"


class ChannelKind(enum.StrEnum):
    """Kinds of conversation; `shared` is a channel that another organisation takes part in (Slack Connect)."""

    PUBLIC = "public"
    PRIVATE = "private"
    DIRECT = "direct message"
    SHARED = "shared"


@dataclass(frozen=True)
class Person:
    """One account. `name` is the short name by which tests and the chat page call it."""

    id: str
    name: str
    real_name: str
    kind: PersonKind = PersonKind.MEMBER
    timezone: str = "America/New_York"

    @property
    def email(self) -> str:
        """Return an address in a domain that can never receive mail."""
        return f"{self.name}@example.invalid"

    @property
    def team_id(self) -> str:
        """Return the workspace the account belongs to."""
        return OTHER_TEAM_ID if self.kind is PersonKind.STRANGER else TEAM_ID


@dataclass(frozen=True)
class Channel:
    """One conversation; the bot posts only where its own user is among the members."""

    id: str
    name: str
    kind: ChannelKind
    members: frozenset[str]


@dataclass(frozen=True)
class UserGroup:
    """People who are called by one handle."""

    id: str
    handle: str
    name: str
    members: frozenset[str]


@dataclass(frozen=True)
class Message:
    """One state of a message; an edited message is a further state with the same `ts`.

    Attributes:
        ts: Slack's identity of the message within its channel, from the workspace's clock.
        author: user id of a person or of the bot; "" for notices of Slack itself.
        only_for: user id of the one person who sees it (an ephemeral message); None: all members.
        via: what posted it: a Web API method, `ack`, `response_url`, `person` or `slack`.
        interaction: the number of the interaction it answers, if it came by ack or response_url.
        files: ids of the files it shares.
        seen_at: seconds of `time.monotonic()` at which it appeared on people's screens.
    """

    ts: str
    channel: str
    author: str
    text: str
    blocks: tuple[Block, ...]
    only_for: str | None
    via: str
    interaction: int | None
    seen_at: float
    edited: bool = False
    deleted: bool = False
    thread_ts: str | None = None
    files: tuple[str, ...] = ()


DEFAULT_PEOPLE = (
    Person("U0ADA00001", "ada", "Ada Member"),
    Person("U0BEN00001", "ben", "Ben Member", timezone="Europe/Amsterdam"),
    Person("U0GRACE001", "grace", "Grace Admin", PersonKind.ADMIN),
    Person("U0GUS00001", "gus", "Gus Guest", PersonKind.GUEST),
    Person("U0SOLO0001", "solo", "Solo Guest", PersonKind.SINGLE_CHANNEL_GUEST),
    Person("U0STELLA01", "stella", "Stella Stranger", PersonKind.STRANGER),
    Person("U0DEE00001", "dee", "Dee Departed", PersonKind.DEACTIVATED),
    Person("U0ROBOT001", "robot", "Another Bot", PersonKind.BOT),
    Person(BOT_USER_ID, "uysp", "UYSP", PersonKind.BOT),
)


def _ids(*names: str) -> frozenset[str]:
    return frozenset(person.id for person in DEFAULT_PEOPLE if person.name in names)


DEFAULT_CHANNELS = (
    Channel("C0GENERAL1", "general", ChannelKind.PUBLIC, _ids("ada", "ben", "grace", "gus", "dee", "robot", "uysp")),
    Channel("C0OUTREACH", "outreach", ChannelKind.PRIVATE, _ids("ada", "grace", "uysp")),
    Channel("C0SECRET01", "no-bots", ChannelKind.PRIVATE, _ids("ada", "grace")),
    Channel("C0HELPDESK", "helpdesk", ChannelKind.PUBLIC, _ids("ada", "solo", "uysp")),
    Channel("C0PARTNERS", "partners", ChannelKind.SHARED, _ids("ada", "ben", "grace", "stella", "uysp")),
)

DEFAULT_GROUPS = (UserGroup("S0SALES001", "sales", "Sales", _ids("ada", "grace", "dee")),)


@dataclass
class Workspace:
    """State of the workspace, safe to use from several threads.

    Attributes:
        states: every state of every message, oldest first; a position in it is a reader's place.
        surfaces: modals and Home tabs.
    """

    people: dict[str, Person] = field(default_factory=lambda: {person.id: person for person in DEFAULT_PEOPLE})
    channels: dict[str, Channel] = field(default_factory=lambda: {one.id: one for one in DEFAULT_CHANNELS})
    groups: dict[str, UserGroup] = field(default_factory=lambda: {one.id: one for one in DEFAULT_GROUPS})
    files: Files = field(default_factory=Files)
    states: list[Message] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)
    surfaces: Surfaces = field(init=False)
    _clock_offset: float = 0.0
    _counter: "itertools.count[int]" = field(default_factory=itertools.count)
    _latest: dict[tuple[str, str], Message] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.surfaces = Surfaces(self.changed, self.now)

    def now(self) -> float:
        """Return the workspace's time in seconds since 1970; every expiry is judged by it."""
        return time.time() + self._clock_offset

    def advance(self, seconds: float) -> None:
        """Move the workspace's clock forward."""
        self._clock_offset += seconds

    def person(self, who: str) -> Person:
        """Return a person by id or short name; KeyError if there is none."""
        return ({one.name: one for one in list(self.people.values())} | self.people)[who]

    def channel(self, which: str) -> Channel:
        """Return a conversation by id or name (with or without #); KeyError if there is none."""
        known = {one.name: one for one in list(self.channels.values())} | self.channels
        return known[which.removeprefix("#")]

    def direct_message(self, person_id: str) -> Channel:
        """Return the conversation between a person and the bot, opening it if need be."""
        with self.changed:
            channel_id = f"D{person_id[1:]}"
            members = frozenset({person_id, BOT_USER_ID})
            return self.channels.setdefault(channel_id, Channel(channel_id, channel_id, ChannelKind.DIRECT, members))

    def channels_of(self, person_id: str) -> list[Channel]:
        """Return the conversations a person is in, oldest first, the one with the bot last."""
        self.direct_message(person_id)
        return [channel for channel in list(self.channels.values()) if person_id in channel.members]

    def post(
        self,
        channel: str,
        author: str,
        text: str,
        blocks: Iterable[Block] = (),
        *,
        via: str,
        only_for: str | None = None,
        interaction: int | None = None,
        thread_ts: str | None = None,
        files: tuple[str, ...] = (),
    ) -> Message:
        """Put a new message on the screens of those who may see it."""
        with self.changed:
            return self._show(
                Message(
                    ts=f"{int(self.now())}.{next(self._counter):06d}",
                    channel=channel,
                    author=author,
                    text=text,
                    blocks=_with_block_ids(blocks),
                    only_for=only_for,
                    via=via,
                    interaction=interaction,
                    seen_at=time.monotonic(),
                    thread_ts=thread_ts,
                    files=files,
                )
            )

    def edit(
        self, message: Message, text: str, blocks: Iterable[Block], via: str, interaction: int | None = None
    ) -> Message:
        """Replace what a message says, for the same people; `interaction` is what the new state answers."""
        with self.changed:
            shown = replace(message, text=text, blocks=_with_block_ids(blocks), via=via)
            answers = message.interaction if interaction is None else interaction
            return self._show(replace(shown, interaction=answers, edited=True, seen_at=time.monotonic()))

    def delete(self, message: Message, via: str) -> None:
        """Take a message off the screens."""
        with self.changed:
            self._show(replace(message, deleted=True, via=via, seen_at=time.monotonic()))

    def _show(self, message: Message) -> Message:
        self.states.append(message)
        self._latest[message.channel, message.ts] = message
        self.changed.notify_all()
        return message

    def find(self, channel: str, ts: str) -> Message | None:
        """Return the present state of a message that still exists."""
        message = self._latest.get((channel, ts))
        return None if message is None or message.deleted else message

    def can_see(self, person_id: str, message: Message) -> bool:
        """Tell whether a message is on a person's screen: addressed to nobody else, in a conversation of theirs."""
        return message.only_for in (None, person_id) and person_id in self.channels[message.channel].members

    def seen_by(self, who: str, since: int = 0) -> list[Message]:
        """Return every state of every message a person saw, in order, from a place in `states` on."""
        person_id = self.person(who).id
        return [message for message in self.states[since:] if self.can_see(person_id, message)]

    def screen(self, who: str, channel: str) -> list[Message]:
        """Return what a person sees in a conversation now: the present state of each message, oldest first."""
        person_id, channel_id = self.person(who).id, self.channel(channel).id
        with self.changed:
            present = [message for message in self._latest.values() if message.channel == channel_id]
        return [message for message in present if not message.deleted and self.can_see(person_id, message)]

    def wait_until(self, happened: Callable[[], bool], timeout: float) -> bool:
        """Wait until a condition on this state holds; False if it did not within `timeout` seconds."""
        with self.changed:
            return self.changed.wait_for(happened, timeout)


def _with_block_ids(blocks: Iterable[Block]) -> tuple[Block, ...]:
    """Give each block without a block_id one, as Slack does; interactions name blocks by it."""
    return tuple({"block_id": f"b{position}", **block} for position, block in enumerate(blocks))
