"""The teller: what came of writes later, and what must be known about them, by direct message, each once.

Also after a restart: what is to be told lies in the database (`uysp.actions.messages`).
"""

import logging
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from slackbot.access import Access
from slackbot.blocks.forms import receipt_message
from slackbot.blocks.message import Message as SlackMessage
from slackbot.blocks.message import sentence_message
from slackbot.connection import UNREACHABLE, error_word
from uysp.actions.messages import About, Message, give_back, take_messages, told
from uysp.actions.queue import holding
from uysp.actions.requests import read_receipt, utc_now
from uysp.errors import UyspError
from uysp.settings import Settings

IDLE_SECONDS = 1.0
LONGER_SECONDS = 10.0  # until Slack is tried again that could not be reached
STOP_SECONDS = 10.0
_SLACK_ID = re.compile("[UW][A-Z0-9]{2,20}")
_PASSING = frozenset({"ratelimited", "fatal_error", "internal_error", "service_unavailable", "request_timeout"})

_log = logging.getLogger(__name__)


class Teller:
    """Posts what is to be told, from a thread of its own.

    Args:
        engine: of the bot.
        settings: tell who administers.
        client: of the Web API.
        access: tells who is in a user group.
        changed: called with whoever was told how something ended that they had asked for.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        client: WebClient,
        access: Access,
        changed: Callable[[str], None] = lambda _person: None,
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._client = client
        self._access = access
        self._changed = changed

    def run(self, stop: threading.Event) -> None:
        """Tell until `stop` is set."""
        while not stop.is_set():
            try:
                with holding(self._engine) as holder:
                    while not stop.is_set():
                        stop.wait(IDLE_SECONDS if self.step(holder) else LONGER_SECONDS)
            except (UyspError, DBAPIError) as error:
                _log.warning("what came of writes cannot be told: %s", type(error).__name__)
                stop.wait(LONGER_SECONDS)
            except Exception as error:
                _log.error("what came of writes cannot be told: %s", type(error).__name__)
                stop.wait(LONGER_SECONDS)

    def step(self, holder: int) -> bool:
        """Tell what is to be told now; returns whether Slack could be reached.

        Args:
            holder: our number, of `uysp.actions.queue.holding`.
        """
        with self._engine.begin() as connection:
            waiting = take_messages(connection, holder, utc_now())
        for number, message in enumerate(waiting):
            if not self._tell(message):
                with self._engine.begin() as connection:
                    give_back(connection, [each.id for each in waiting[number:]])
                return False
            with self._engine.begin() as connection:
                told(connection, [message.id], utc_now())
            if message.about is About.RESULT and message.recipient is not None:
                self._changed(message.recipient)
        return True

    def _tell(self, message: Message) -> bool:
        """Post a message to everybody who is to read it; returns False if it certainly reached nobody for now."""
        content = self._content(message)
        reached = False
        try:
            people = self._recipients(message)
        except UNREACHABLE:
            return False
        for person in people:
            try:
                self._client.chat_postMessage(channel=person, unfurl_links=False, unfurl_media=False, **content)
                reached = True
            except SlackApiError as error:
                if error_word(error) in _PASSING and not reached:
                    return False
                _log.error("%s could not be told to its person (%s)", message.reference, error_word(error))
            except UNREACHABLE:
                if not reached:
                    return False
        return True

    def _content(self, message: Message) -> SlackMessage:
        if message.about is About.RESULT:
            with self._engine.connect() as connection:
                receipt = read_receipt(connection, self._settings, message.reference)
            if receipt is not None:
                return receipt_message(receipt)
        again = "This may have been told before. " if message.again else ""
        return sentence_message(again + message.said)

    def _recipients(self, message: Message) -> list[str]:
        if message.recipient is None:
            return sorted(self._access.people_of(self._settings.uysp_admins) - {self._slack_id(self._asker(message))})
        person = self._slack_id(message.recipient)
        if person:
            return [person]
        _log.info("%s was asked for by nobody whom Slack knows; its end stands in the log alone", message.reference)
        return []

    def _slack_id(self, actor: str) -> str:
        """Return the Slack user id of who acted, which in the terminal may be an email; '' for who is not in Slack."""
        if _SLACK_ID.fullmatch(actor):
            return actor
        if "@" not in actor:
            return ""
        try:
            return str(self._client.users_lookupByEmail(email=actor)["user"]["id"])
        except SlackApiError as error:
            if error_word(error) in _PASSING:
                raise
            return ""

    def _asker(self, message: Message) -> str:
        """Return who asked for what a message is about: they have a message of their own."""
        with self._engine.connect() as connection:
            asker: str | None = connection.execute(
                text("select actor_id from app.write_requests where reference = :reference limit 1"),
                {"reference": message.reference},
            ).scalar_one_or_none()
        return asker or ""


@contextmanager
def telling(teller: Teller) -> Iterator[None]:
    """Tell in the background until the block ends."""
    stop = threading.Event()
    thread = threading.Thread(target=teller.run, args=(stop,), name="teller", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(STOP_SECONDS)
