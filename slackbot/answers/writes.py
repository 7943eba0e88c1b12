"""What can be written to Airtable, as it is typed: the verbs, and the leads that a line means.

The writing itself is `slackbot.writing` for Slack, and commands of their own in the terminal (`uysp note`, …).
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, text

from slackbot.answers.filters import lead_condition, understood
from slackbot.answers.freshness import missing_marts
from slackbot.answers.leads import lead_line
from slackbot.answers.model import Column, Kind, Link, Section
from slackbot.answers.search import Match, named_record, the_lead
from slackbot.answers.visible import visible_clients
from slackbot.grammar import NotUnderstoodError, Question, Verb
from uysp.actions.sentences import Result
from uysp.errors import UyspError
from uysp.settings import Settings

MANY_FILTERS = ("campaign", "step", "status", "source", "engagement", "icp", "created")
"""Filters by which `remove` means many leads."""

WRITES = (
    Verb(
        "note",
        usage="note [LEAD]",
        summary="add a note to a lead",
        examples=("note jane doe",),
        text="LEAD",
        filters=("client",),
        writes=True,
    ),
    Verb(
        "remove",
        usage="remove [LEAD]",
        summary="remove a lead from its campaign, so that no message follows; for admins with filters: many leads",
        examples=("remove jane doe", "remove campaign:webinar step:2"),
        text="LEAD",
        filters=(*MANY_FILTERS, "client"),
        writes=True,
    ),
    Verb(
        "mark",
        usage="mark [LEAD] [STATUS]",
        summary="mark a lead Qualified, Archive, Review or Manual Process",
        examples=("mark jane@example.com Qualified",),
        text="LEAD and STATUS",
        filters=("client",),
        writes=True,
    ),
    Verb(
        "claim",
        usage="claim LEAD [override:yes]",
        summary="claim a lead for yourself; for admins with override:yes: though another person holds it",
        examples=("claim jane doe",),
        text="LEAD",
        text_required=True,
        filters=("client", "override"),
        writes=True,
    ),
    Verb(
        "unclaim",
        usage="unclaim LEAD [override:yes]",
        summary="give up a lead that you claimed; for admins with override:yes: one that another person holds",
        examples=("unclaim jane doe",),
        text="LEAD",
        text_required=True,
        filters=("client", "override"),
        writes=True,
    ),
    Verb(
        "undo",
        usage="undo REF",
        summary="undo what was written in the last 15 minutes, all or nothing",
        examples=("undo 7F3A91C2",),
        text="REF",
        text_required=True,
        writes=True,
    ),
)
_NAMES = frozenset(verb.name for verb in WRITES)


class WritesError(UyspError):
    """The line writes, and is no question; nothing was written."""


@dataclass(frozen=True)
class Many:
    """The leads that a line with filters means: all of one client, none of them stopped already."""

    client: str
    lead_ids: tuple[str, ...]


def is_write(question: Question) -> bool:
    """Return whether a line writes."""
    return question.verb in _NAMES


def write_links(client: str, lead_id: str, claimed_by: str | None) -> tuple[Link, ...]:
    """Return the lines by which a lead is written to, for the buttons of its card."""
    last = ("Unclaim", "unclaim") if claimed_by else ("Claim", "claim")
    labels = (("Add note…", "note"), ("Mark…", "mark"), last, ("Remove from campaign…", "remove"))
    return tuple(Link(label, lead_line(verb, client, lead_id)) for label, verb in labels)


def named_lead(
    connection: Connection, settings: Settings, may_see: Callable[[str], bool], question: Question
) -> Match | None:
    """Return the one lead that a line's text means; None: none that exists.

    Raises:
        AmbiguousLeadError: it may mean several, or is only like some.
        UyspError: no such client.
    """
    clients = _clients(connection, settings, may_see, question)
    if not missing_marts(connection, ("leads",)):
        found = the_lead(connection, clients, question.argument)
        if found is not None:
            return found
    named = named_record(question.argument)
    if named is None:
        return None
    row = connection.execute(  # one that the marts do not have yet
        text("""
            select client, record_id from raw.leads
            where client = any(:clients) and record_id = :record_id and deleted_at is null
        """),
        {"clients": [key for key in clients if named[0] in {None, key}], "record_id": named[1]},
    ).first()
    return Match(row.client, row.record_id) if row else None


def many_leads(connection: Connection, settings: Settings, may_see: Callable[[str], bool], question: Question) -> Many:
    """Return the leads that a line's filters leave, without those that are stopped already and test leads.

    Raises:
        NotUnderstoodError: a filter's value means nothing, or several clients may be meant.
    """
    clients = _clients(connection, settings, may_see, question)
    if missing_marts(connection, ("leads", "campaign_performance")):
        raise UyspError("The marts are not built yet, so it is not known which leads that are; nothing was stored.")
    if len(clients) != 1:
        lines = tuple(f"remove client:{key}" for key in clients[:3])
        raise NotUnderstoodError("Say which client's leads to remove, with client:KEY.", lines)
    condition, values = lead_condition(understood(question, connection, clients, ()).filters)
    rows = connection.execute(
        text(f"""
            select lead_id from marts.leads
            where client = any(:clients) and not is_test and not (sms_stopped and is_done){condition}
            order by lead_id
        """),
        {"clients": list(clients), **values},
    )
    return Many(clients[0], tuple(rows.scalars()))


def result_section(results: list[Result]) -> Section:
    """Return what came of an action for each of its leads, as rows."""
    return Section(results, _RESULT_COLUMNS)


def _clients(
    connection: Connection, settings: Settings, may_see: Callable[[str], bool], question: Question
) -> tuple[str, ...]:
    clients = visible_clients(connection, settings, may_see)
    wanted = question.filters.get("client")
    if wanted is None:
        return clients
    chosen = tuple(key for key in clients if key.casefold() == wanted.casefold())
    if not chosen:
        raise NotUnderstoodError(f"There is no client “{wanted[:40]}”. There are: {', '.join(clients)}.")
    return chosen


_RESULT_COLUMNS = (
    Column("Lead", Kind.TEXT, lambda result: result.lead_name),
    Column("Record id", Kind.TEXT, lambda result: result.lead_id),
    Column("State", Kind.TEXT, lambda result: result.state.value.replace("_", " ")),
    Column("What came of it", Kind.TEXT, lambda result: result.said or result.problem),
)
