"""What every listener works with, and the one way from a line to an answer before a person's eyes."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Event

from slack_sdk import WebClient
from sqlalchemy import Engine

from slackbot.access import Access, Admission, Asker
from slackbot.answers import HELP, NotVisibleError, ask, question_of
from slackbot.answers.failure import DATABASE_ERRORS, NO_ANSWER, database_failure
from slackbot.answers.model import Answer, Link
from slackbot.answers.visible import denied_client
from slackbot.blocks.message import answer_message, sentence_message
from slackbot.desk import Desk, Taken, log_bug, something_wrong
from slackbot.drafts import Drafts
from slackbot.grammar import NotUnderstoodError, Question
from slackbot.pace import Reads
from slackbot.place import MessageOf, Place, deliver
from uysp.actions.worker import Worker
from uysp.errors import UyspError
from uysp.settings import Settings


@dataclass(frozen=True)
class Bot:
    """Everything there is one of.

    Attributes:
        client: of the Web API.
        reads: how much people asked lately.
        drafts: texts that wait for their form to be submitted.
        worker: carries out what is written; woken as soon as something is stored.
        results: the pool of those who wait for what came of a write, so that questions need not wait for them.
        closing: set when the bot stops.
        homes: the dashboard that each person's App Home shows since we started, by user id.
    """

    settings: Settings
    engine: Engine
    client: WebClient
    access: Access
    desk: Desk
    reads: Reads
    drafts: Drafts
    worker: Worker
    results: Desk
    closing: Event
    homes: dict[str, str] = field(default_factory=dict)

    def admit(self, asker: Asker) -> Admission:
        """Check a person who is about to read something, and count the read.

        Raises:
            RefusedError: the person may not ask at all; the activity log has it.
            TooManyReadsError: the person asked too much lately.
        """
        admission = self.access.check(asker)
        self.reads.count(asker.user_id)
        return admission

    def ask(self, line: str, admission: Admission, *, whole: bool = False) -> Answer:
        """Answer a line for a person.

        Args:
            line: what was typed, or what a button carries.
            admission: of the person, for the conversation in which the answer is shown.
            whole: give lists with all their rows.

        Raises:
            UyspError: as `slackbot.answers.ask`.
        """
        with suppress(NotUnderstoodError):  # `ask` says it
            self.log_denial(admission, question_of(line))
        try:
            return ask(line, self.engine, self.settings, admission.may_see, whole=whole)
        except NotVisibleError:
            raise NotVisibleError(admission.unseen()) from None

    def refuse_unseen(self, admission: Admission) -> None:
        """Refuse, and log, where the person may see no client, so that no window is opened that could find nothing.

        Raises:
            NotVisibleError: it is so; the message says why.
        """
        key = denied_client(self.settings, admission.may_see)
        if key is not None:
            admission.deny(key)
            raise NotVisibleError(admission.unseen())

    def log_denial(self, admission: Admission, question: Question | None = None) -> None:
        """Log what is asked for where the person may not see the client that it is about; the answer refuses it.

        Args:
            admission: of the person, for the conversation.
            question: what is asked; None: something that names no client.
        """
        if question is None or question.verb != HELP.verb.name:
            key = denied_client(self.settings, admission.may_see, question)
            if key is not None:
                admission.deny(key)

    def answer(self, line: str, place: Place, *, replace: bool = False) -> None:
        """Answer a line to the person at a place, or say why there is no answer."""
        deliver(self.client, place, self._message(line, place.asker), replace=replace)

    def tell(self, sentence: str, place: Place, *, replace: bool = False) -> None:
        """Say a sentence to the person at a place."""
        deliver(self.client, place, lambda _form: sentence_message(sentence), replace=replace)

    def take(self, place: Place, job: Callable[[], None]) -> None:
        """Have a job done for something that was acknowledged without words, once for all its deliveries."""
        taken = self.desk.take(place.key, job)
        if taken in (Taken.CLOSING, Taken.FULL):
            self.tell(taken.value, place)

    def _message(self, line: str, asker: Asker) -> MessageOf:
        """Return the answer, or the sentence that stands for it, in any form."""
        try:
            admission = self.admit(asker)
            answer = self.ask(line, admission)
        except NotUnderstoodError as error:
            sentence, links = str(error), [Link(line, line) for line in error.suggestions]
            return lambda _form: sentence_message(sentence, links)
        except Exception as error:
            told = said(error, "a question failed")
            return lambda _form: sentence_message(told)
        return lambda form: answer_message(answer, form, admission.zone)


def said(error: Exception, what: str, so: str = NO_ANSWER) -> str:
    """Return what a person reads of an error; one that is our own fault is logged under a reference.

    Args:
        error: what was raised.
        what: for the log, as `a question failed`.
        so: what it means for the person that the database did not answer.
    """
    if isinstance(error, DATABASE_ERRORS):
        return str(database_failure(error, what, so))
    return str(error) if isinstance(error, UyspError) else something_wrong(log_bug(what, error))


def looking_up(line: str) -> str:
    """Return what is said at once to somebody who typed a command."""
    try:
        return f"Looking up {question_of(line).verb}…"
    except NotUnderstoodError:
        return "One moment…"  # what was wrong is told by the answer, once it is known who asks
