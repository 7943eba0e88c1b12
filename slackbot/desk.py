"""Takes questions from Slack: acknowledges at once, works on a pool of its own, answers the person alone.

Slack waits three seconds for an acknowledgement and delivers at least once; Bolt's own pool only acknowledges.
"""

import logging
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import RLock
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from sqlalchemy import Engine

from slackbot.access import Access, Asker
from slackbot.answers import ask, question_of
from slackbot.blocks.message import Form, Message, answer_message, sentence_message
from slackbot.blocks.text import unescaped
from slackbot.connection import UNREACHABLE, error_word, webhook
from slackbot.grammar import NotUnderstoodError
from uysp.errors import UyspError, reference_id
from uysp.settings import Settings

WORKERS = 8
MOST_WAITING = 200
REMEMBERED_SECONDS = 600  # Slack's last retry comes within minutes
DRAIN_SECONDS = 20

_REJECTED_BLOCKS = "invalid_blocks"
_log = logging.getLogger(__name__)


class Desk:
    """The pool, and what is being worked on."""

    def __init__(self, engine: Engine, settings: Settings, access: Access, client: WebClient) -> None:
        self._engine = engine
        self._settings = settings
        self._access = access
        self._client = client
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="answer")
        self._lock = RLock()  # a job that ends at once calls back while we hold it
        self._taken: OrderedDict[str, float] = OrderedDict()
        self._open: set[Future[None]] = set()
        self._closing = False

    def take(self, acknowledge: Callable[..., Any], command: Mapping[str, Any]) -> None:
        """Acknowledge a slash command and see to its answer; one that is delivered twice is answered once."""
        line = unescaped(str(command.get("text") or ""))
        with self._lock:
            if self._seen(str(command.get("trigger_id") or command.get("response_url"))):
                said = None
            elif self._closing:
                said = "I am being restarted, so nothing was looked up; ask again in a minute."
            elif len(self._open) >= MOST_WAITING:
                said = "Too many questions are waiting, so nothing was looked up; ask again in a minute."
            else:
                said = _looking_up(line)
                job = self._pool.submit(self._work, line, command)
                self._open.add(job)
                job.add_done_callback(self._done)
        if said is None:
            acknowledge()
        else:
            acknowledge(said, response_type="ephemeral")

    def close(self) -> None:
        """Take nothing more and finish what was taken, for at most 20 seconds."""
        with self._lock:
            self._closing = True
            unfinished = set(self._open)
        late = wait(unfinished, DRAIN_SECONDS).not_done
        if late:
            _log.warning("%d answers were not finished in %d s", len(late), DRAIN_SECONDS)
        self._pool.shutdown(wait=not late, cancel_futures=True)

    def _seen(self, key: str) -> bool:
        """Return whether a delivery was taken before, and remember it."""
        now = time.monotonic()
        while self._taken and now - next(iter(self._taken.values())) > REMEMBERED_SECONDS:
            self._taken.popitem(last=False)
        known = key in self._taken
        self._taken.setdefault(key, now)
        return known

    def _done(self, job: Future[None]) -> None:
        with self._lock:
            self._open.discard(job)

    def _work(self, line: str, command: Mapping[str, Any]) -> None:
        try:
            deliver(self._client, command, self._message(line, command))
        except Exception as error:
            log_bug("an answer could not be delivered", error)

    def _message(self, line: str, command: Mapping[str, Any]) -> Callable[[Form], Message]:
        """Return the answer, or the sentence that stands for it, in any form."""
        asker = Asker(str(command["user_id"]), str(command["team_id"]), str(command["channel_id"]))
        try:
            answer = ask(line, self._engine, self._settings, self._access.check(asker))
        except UyspError as error:
            sentence = str(error)
        except Exception as error:
            sentence = something_wrong(log_bug("a question failed", error))
        else:
            return lambda form: answer_message(answer, form)
        return lambda _form: sentence_message(sentence)


def deliver(client: WebClient, command: Mapping[str, Any], message: Callable[[Form], Message]) -> None:
    """Show a message to the person who typed the command: in place of the acknowledgement, else by direct message.

    Forms that the workspace does not take are followed by simpler ones.
    """
    said = _respond(str(command.get("response_url") or ""), message)
    if said is None:
        return
    _log.warning("a response_url was not taken (%s): answering by direct message", said)
    for form in Form:
        try:
            client.chat_postMessage(
                channel=str(command["user_id"]), unfurl_links=False, unfurl_media=False, **message(form)
            )
        except SlackApiError as error:
            said = error_word(error)
            if said != _REJECTED_BLOCKS:
                break
        else:
            return
    _log.error("an answer reached nobody: %s", said)


def _respond(response_url: str, message: Callable[[Form], Message]) -> str | None:
    """Post to a response_url; return None, or what was said instead of taking it."""
    said = "no response_url"
    for form in Form if response_url else ():
        content = {"response_type": "ephemeral", "replace_original": True, **message(form)}
        try:
            response = webhook(response_url).send_dict(content)
        except UNREACHABLE as error:
            return type(error).__name__
        if response.status_code == 200:
            return None
        said = f"HTTP {response.status_code}"
        if _REJECTED_BLOCKS not in response.body:
            break
    return said


def something_wrong(reference: str) -> str:
    """Return what a person reads after a fault of ours."""
    return f"Something went wrong on our side; nothing was changed. Tell whoever runs the bot: reference {reference}."


def log_bug(what: str, error: BaseException) -> str:
    """Log where an exception came from, without its message, which may quote people's data; return the reference."""
    reference = reference_id()
    places = "".join(traceback.format_tb(error.__traceback__))
    _log.error("%s: %s: %s\n%s", reference, what, type(error).__name__, places)
    return reference


def _looking_up(line: str) -> str:
    try:
        return f"Looking up {question_of(line).verb}…"
    except NotUnderstoodError:
        return "One moment…"  # what was wrong is told by the answer, once it is known who asks
