"""The verbs, and `ask`: from a line of text to an answer.

Adding a verb: one module with its SQL, its rows and a TOPIC, and its name in `TOPICS`.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, text

from slackbot.answers import (
    campaign,
    campaigns,
    clicks,
    dashboard,
    history,
    hot,
    lead,
    quality,
    status,
    timeline,
    usage,
    variants,
    versions,
)
from slackbot.answers.failure import DATABASE_ERRORS, database_failure
from slackbot.answers.filters import understood
from slackbot.answers.freshness import Freshness, are_read, freshness, missing_marts, table_statuses
from slackbot.answers.model import Answer, Explanation, Findings, Section, Topic
from slackbot.answers.search import named_record
from slackbot.answers.visible import known_clients
from slackbot.answers.writes import WRITES, WritesError, is_write
from slackbot.grammar import NotUnderstoodError, Question, nearest, parse, said
from uysp.builds import failing
from uysp.errors import UyspError
from uysp.settings import Settings

TOPICS = (
    dashboard.TOPIC,
    campaigns.TOPIC,
    campaign.TOPIC,
    clicks.TOPIC,
    hot.TOPIC,
    lead.TOPIC,
    timeline.TOPIC,
    variants.TOPIC,
    quality.TOPIC,
    status.TOPIC,
    history.TOPIC,
    versions.TOPIC,
)
HELP = usage.explanation(TOPICS, WRITES)
VERBS = (*(topic.verb for topic in TOPICS), HELP.verb)
DEFAULT = dashboard.TOPIC.verb.name  # what an empty line asks


class NotVisibleError(UyspError):
    """The person may see no client's data where the question was asked."""


def question_of(typed: str) -> Question:
    """Read a line as one of our questions, or as something to be written, without looking anything up.

    Raises:
        NotUnderstoodError: it is none; the message says what may have been meant.
    """
    return parse(typed, (*VERBS, *WRITES), DEFAULT)


def lacks_client(question: Question) -> bool:
    """Return whether the answer depends on which client is meant, and the question names none."""
    if "client" in question.filters or ((named := named_record(question.argument)) and named[0]):
        return False
    return any(topic.verb.name == question.verb and "client" in topic.verb.filters for topic in TOPICS)


def ask(
    typed: str,
    engine: Engine,
    settings: Settings,
    may_see: Callable[[str], bool] = lambda _client: True,
    *,
    whole: bool = False,
) -> Answer:
    """Answer a line, from one read-only snapshot of the marts.

    Args:
        typed: the line.
        engine: of `uysp.database.open_database`, with the bot's role.
        settings: tell which clients are configured.
        may_see: whether the person may see the client with this key; rows of others do not exist for the answer.
        whole: give lists with all their rows, not by pages.

    Raises:
        NotUnderstoodError: no such verb, filter or client, or a value that means nothing.
        NotVisibleError: no client may be seen.
        WritesError: the line writes.
        DatabaseError: the database is away or too slow; the log has the detail under the reference in the message.
    """
    question = replace(question_of(typed), whole=whole)
    topic = next((topic for topic in TOPICS if topic.verb.name == question.verb), None)
    if is_write(question):
        raise WritesError(
            f"“{question.verb}” writes to Airtable and is no question, so nothing was done; "
            f"type it after /uysp in Slack, or uysp {question.verb} in the terminal."
        )
    if topic is None:
        return _explained(question, HELP)
    try:
        with engine.connect() as connection:
            connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            return _answer(question, topic, connection, settings, may_see)
    except DATABASE_ERRORS as error:
        raise database_failure(error, question.verb) from error


def _explained(question: Question, explanation: Explanation) -> Answer:
    findings = replace(explanation.answer(question), line=said(question))
    return Answer(question.verb, question.filters, datetime.now(UTC), None, False, (), findings)


def _answer(
    question: Question, topic: Topic, connection: Connection, settings: Settings, may_see: Callable[[str], bool]
) -> Answer:
    now: datetime = connection.execute(text("select now()")).scalar_one()
    statuses = table_statuses(connection)
    known = known_clients(statuses, settings)
    clients, filters = _chosen(question, tuple(client for client in known if may_see(client)), known=bool(known))
    question = replace(question, filters=filters)
    built = not missing_marts(connection, topic.marts)
    age = freshness(statuses, clients, topic.sources) if built else Freshness(None)
    if age.data_as_of is None:
        findings = _nothing_yet(topic)
    else:
        question = understood(question, connection, clients, topic.sorts)
        findings = topic.answer(question, connection, clients, settings)
    unbuilt = failing(connection) if topic.verb.name == "status" or set(topic.marts) - {"sync_status"} else None
    told = replace(
        findings,
        notes=(*findings.notes, *age.notes, *([f"{unbuilt} uysp doctor tells what to do."] if unbuilt else ())),
        line=said(question),
    )
    is_unbuilt = age.data_as_of is None and not built and are_read(connection, clients)
    return Answer(question.verb, question.filters, now, age.data_as_of, True, clients, told, is_unbuilt)


def _chosen(question: Question, visible: tuple[str, ...], *, known: bool) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return the clients to look at, and the filters with the client's key as it is spelt."""
    if known and not visible:
        raise NotVisibleError("No client's data may be shown here.")
    filters = dict(question.filters)
    if "client" not in filters:
        return visible, filters
    typed = filters["client"]
    by_name = {client.casefold(): client for client in visible}
    if typed.casefold() not in by_name:
        meant = "".join(f" Did you mean {close}?" for close in nearest(typed, visible, most=1))
        there = f"There are: {', '.join(visible)}." if visible else "None is configured."
        raise NotUnderstoodError(f"There is no client “{typed[:40]}”.{meant} {there}")
    filters["client"] = by_name[typed.casefold()]
    return (filters["client"],), filters


def _nothing_yet(topic: Topic) -> Findings:
    sections = {name: Section([]) for name in topic.section_names}
    return Findings(topic.verb.name.capitalize(), "There is nothing to show yet.", sections)
