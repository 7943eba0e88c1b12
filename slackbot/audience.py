"""Who reads a conversation, before something is posted there."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from slackbot.connection import UNREACHABLE, error_word
from uysp.errors import UyspError

REMEMBERED_SECONDS = 300
MOST_READERS = 5000  # of a conversation that are looked at; more are counted by Slack's own number


class NotShareableError(UyspError):
    """Nothing may be posted there; nothing was."""


@dataclass(frozen=True)
class Audience:
    """The readers of a conversation.

    Attributes:
        name: of the conversation, with its #.
        readers: their ids, the bot's own aside.
        guests: how many of them are guests.
        outsiders: how many of them belong to other organisations, or are not known to Slack's list of people.
        bots: how many of them are apps.
        is_public: whether everybody in the workspace can read along.
        is_whole: whether all its readers were looked at; if not, there are more than these.
    """

    name: str
    readers: frozenset[str]
    guests: int
    outsiders: int
    bots: int
    is_public: bool
    is_whole: bool = True

    def sentence(self) -> str:
        """Return who will see what is posted."""
        people = len(self.readers) - self.bots
        kinds = ((self.guests, "guest"), (self.outsiders, "person of another organisation"), (self.bots, "app"))
        others = [f"{count:,} {word if count == 1 else _plural(word)}" for count, word in kinds if count]
        among = f", among them {' and '.join(others)}" if others else ", all of them full members"
        open_to = " Everybody in the workspace can open this channel." if self.is_public else ""
        return f"{people:,} {'person' if people == 1 else 'people'} in {self.name} will see this{among}.{open_to}"


class Audiences:
    """Looks up who reads a conversation; the list of people is asked for every five minutes at most."""

    def __init__(self, client: WebClient, team_id: str, own_id: str) -> None:
        self._client = client
        self._team_id = team_id
        self._own_id = own_id
        self._lock = Lock()
        self._people: tuple[float, Mapping[str, Mapping[str, Any]]] | None = None

    def of(self, channel_id: str, person_id: str) -> Audience:
        """Return who reads a conversation.

        Args:
            channel_id: the conversation.
            person_id: who wants to post there.

        Raises:
            NotShareableError: the conversation is shared with other organisations, the person or the bot is not in
                it, or Slack does not tell who is.
        """
        try:
            channel: Mapping[str, Any] = self._client.conversations_info(channel=channel_id)["channel"]
            _refuse_shared(channel)
            members = set(self._members(channel_id))
            people = self._directory()
        except SlackApiError as error:
            raise NotShareableError(_why_not(error_word(error))) from None
        except UNREACHABLE:
            raise NotShareableError(_why_not("unreachable")) from None
        if person_id not in members:
            raise NotShareableError("You are not in that channel, so nothing can be posted there for you.")
        if self._own_id not in members:
            raise NotShareableError("I am not in that channel; type /invite @uysp there, then share again.")
        readers = frozenset(one for one in members - {self._own_id} if not people.get(one, {}).get("deleted"))
        known = [people.get(reader, {}) for reader in readers]
        bots = [one for one in known if one.get("is_bot")]
        outsiders = [one for one in known if one.get("is_stranger") or one.get("team_id") != self._team_id]
        guests = [one for one in known if one.get("is_restricted") and one not in outsiders]
        if outsiders and any(one.get("is_stranger") for one in outsiders):
            raise NotShareableError(_SHARED)
        name = f"#{channel.get('name') or channel_id}"
        is_public, is_whole = not channel.get("is_private"), len(members) < MOST_READERS
        return Audience(name, readers, len(guests), len(outsiders), len(bots), is_public, is_whole)

    def _members(self, channel_id: str) -> Iterator[str]:
        for number, page in enumerate(self._client.conversations_members(channel=channel_id, limit=1000), start=1):
            yield from page["members"]
            if number * 1000 >= MOST_READERS:
                return

    def _directory(self) -> Mapping[str, Mapping[str, Any]]:
        """Return everybody that Slack's list has, by id."""
        now = time.monotonic()
        with self._lock:
            if self._people is None or now - self._people[0] > REMEMBERED_SECONDS:
                pages = self._client.users_list(limit=1000)
                wanted = ("team_id", "deleted", "is_bot", "is_stranger", "is_restricted")
                everybody = {
                    user["id"]: {name: user.get(name) for name in wanted} for page in pages for user in page["members"]
                }
                self._people = (now, everybody)
            return self._people[1]


_SHARED = (
    "This channel is shared with another organisation, so nothing is posted there. "
    "Share in a channel of your own, or let each ask alone."
)


def _refuse_shared(channel: Mapping[str, Any]) -> None:
    if channel.get("is_ext_shared") or channel.get("is_pending_ext_shared"):
        raise NotShareableError(_SHARED)
    if channel.get("is_im"):
        raise NotShareableError("Choose a channel: a direct message is seen by you alone already.")
    if channel.get("is_archived"):
        raise NotShareableError("That channel is archived, so nothing can be posted there.")


def _why_not(word: str) -> str:
    if word in ("channel_not_found", "not_in_channel"):
        return "I am not in that channel; type /invite @uysp there, then share again."
    return f"Slack did not tell who reads that channel ({word}), so nothing is posted there; try again in a minute."


def _plural(word: str) -> str:
    return word.replace("person", "people", 1) if word.startswith("person") else f"{word}s"
