"""`timeline LEAD`: what happened to a lead, newest first (spec/metrics.md section 10)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from slackbot.answers.leads import cut, lead_line
from slackbot.answers.model import Column, Findings, Kind, Link, Section, Topic, column_list, read_row
from slackbot.answers.search import the_lead
from slackbot.answers.wording import counted, short
from slackbot.grammar import Question, Verb
from uysp.settings import Settings


@dataclass(frozen=True)
class TimelineEvent:
    """A row of marts.lead_timeline."""

    client: str
    event_id: str
    lead_id: str
    at: datetime
    kind: str
    detail: str | None
    source: str
    actor: str | None


_EVENTS = text(f"""
    select {column_list(TimelineEvent)} from marts.lead_timeline
    where client = :client and lead_id = :lead_id
    order by at desc, event_id desc
""")
_NAME = text("select name from marts.leads where client = :client and lead_id = :lead_id")


def answer(question: Question, connection: Connection, clients: tuple[str, ...], _settings: Settings) -> Findings:
    """Return the events of the lead that the text means.

    Raises:
        AmbiguousLeadError: the text may mean several leads.
    """
    lead = the_lead(connection, clients, question.argument)
    if lead is None:
        return Findings("Timeline", f"No lead found for “{question.argument}”.", {"timeline": Section([])})
    name: str = connection.execute(_NAME, {"client": lead.client, "lead_id": lead.lead_id}).scalar_one()
    found = events(connection, lead.client, lead.lead_id)
    part = cut(question, len(found))
    rows = found[part.offset :] if part.limit is None else found[part.offset : part.offset + part.limit]
    section = Section(rows, EVENT_COLUMNS, "Timeline", empty="Nothing is known of its past.", page=part.page)
    since = f" since {found[-1].at:%Y-%m-%d}" if found else ""
    return Findings(
        f"Timeline of {name}",
        f"{counted(len(found), 'event')} of {short(name)}{since}.",
        {"timeline": section},
        links=(
            Link(name, lead_line("lead", lead.client, lead.lead_id)),
            Link("Changes", lead_line("versions", lead.client, lead.lead_id)),
            Link("Log of writes", lead_line("history", lead.client, lead.lead_id)),
        ),
    )


def events(connection: Connection, client: str, lead_id: str) -> list[TimelineEvent]:
    """Return what happened to a lead, newest first."""
    found = connection.execute(_EVENTS, {"client": client, "lead_id": lead_id}).mappings()
    return [read_row(TimelineEvent, row) for row in found]


EVENT_COLUMNS = (
    Column("When", Kind.TIME, lambda event: event.at, definition="lead_timeline.at"),
    Column("What", Kind.TEXT, lambda event: event.kind.replace("_", " "), definition="lead_timeline.kind"),
    Column("Detail", Kind.TEXT, lambda event: event.detail, definition="lead_timeline.detail"),
    Column("Who", Kind.TEXT, lambda event: event.actor, definition="lead_timeline.actor"),
)

TOPIC = Topic(
    Verb(
        "timeline",
        usage="timeline LEAD [page:N]",
        summary="what happened to a lead: messages, clicks, steps, bookings, what people did",
        examples=("timeline jane@example.com",),
        text="a name, email, phone number or record id",
        text_required=True,
        filters=("page", "client"),
    ),
    answer,
    sources=("leads", "campaigns", "sms_audit"),
    marts=("lead_timeline", "leads", "sync_status"),
    section_names=("timeline",),
)
