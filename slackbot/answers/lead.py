"""`lead TEXT`: a lead's card, or the leads that the text may mean (spec/metrics.md section 3)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from slackbot.answers.freshness import missing_marts
from slackbot.answers.model import Column, Findings, Kind, Layout, Section, Topic, column_list, read_row
from slackbot.answers.search import Match, find_leads
from slackbot.grammar import Question, Verb
from uysp.settings import Settings


@dataclass(frozen=True)
class Lead:
    """A row of marts.leads."""

    client: str
    lead_id: str
    name: str
    first_name: str | None
    last_name: str | None
    email: str | None
    phone: str | None
    company: str | None
    job_title: str | None
    campaign: str
    variant: str | None
    icp_score: float | None
    processing_status: str | None
    hrq_status: str | None
    sms_status: str | None
    step: int
    reached_step: int
    messages_sent: int
    last_sent_at: datetime | None
    sms_stopped: bool
    stop_reason: str | None
    stop_cause: str | None
    opted_out_at: datetime | None
    booked: bool
    booked_at: datetime | None
    booking_made_at: datetime | None
    short_link_url: str | None
    click_count: int
    clicks: int
    clicked: bool
    first_clicked_at: datetime | None
    replied: bool
    engagement_level: str | None
    lead_source: str | None
    claimed_by: str | None
    claimed_at: datetime | None
    notes: str | None
    is_active: bool
    is_done: bool
    is_hot: bool
    is_test: bool
    created_at: datetime
    modified_at: datetime


@dataclass(frozen=True)
class TimelineEvent:
    """A row of marts.lead_timeline (spec/metrics.md section 10)."""

    client: str
    event_id: str
    lead_id: str
    at: datetime
    kind: str
    detail: str | None
    source: str
    actor: str | None


_SELECT = text(f"""
    select {column_list(Lead)}
    from marts.leads
    join unnest(cast(:found_clients as text[]), cast(:found_ids as text[])) with ordinality
        as found (client, lead_id, place) using (client, lead_id)
    order by place
""")
_TIMELINE = text(f"""
    select {column_list(TimelineEvent)}
    from marts.lead_timeline
    where client = :client and lead_id = :lead_id
    order by at desc, event_id desc
""")


def answer(question: Question, connection: Connection, clients: tuple[str, ...], _settings: Settings) -> Findings:
    """Return the leads that the text means, best match first; with a single one its past, newest first."""
    matches = find_leads(connection, clients, question.argument)
    leads = _read(connection, matches)
    if not leads:
        summary = (
            f"No lead found for “{question.argument}”. Try part of the name or company, "
            "or the whole email, phone number or record id."
        )
        return Findings("Lead", summary, {"leads": Section([])})
    if len(leads) > 1:
        return _several(question.argument, leads, matches[0].total, several_clients=len(clients) > 1)
    [lead] = leads
    sections = {
        "leads": Section(leads, _CARD, layout=Layout.CARD),
        "timeline": Section(_timeline(connection, lead), _EVENT_COLUMNS, "Timeline"),
    }
    return Findings(_label(lead), _described(lead), sections)


def _read(connection: Connection, matches: list[Match]) -> list[Lead]:
    if not matches:
        return []
    keys = {
        "found_clients": [match.client for match in matches],
        "found_ids": [match.lead_id for match in matches],
    }
    return [read_row(Lead, row) for row in connection.execute(_SELECT, keys).mappings()]


def _timeline(connection: Connection, lead: Lead) -> list[TimelineEvent]:
    if missing_marts(connection, ("lead_timeline",)):
        return []
    found = connection.execute(_TIMELINE, {"client": lead.client, "lead_id": lead.lead_id}).mappings()
    return [read_row(TimelineEvent, row) for row in found]


def _several(typed: str, leads: list[Lead], total: int, *, several_clients: bool) -> Findings:
    if total > len(leads):
        summary = f"{total:,} leads match “{typed}”; the best {len(leads)} are shown. Add a word to narrow it down."
    else:
        summary = f"{total} leads match “{typed}”; ask for one by its email, phone number or record id."
    columns = (Column("Client", Kind.TEXT, lambda lead: lead.client), *_LIST) if several_clients else _LIST
    return Findings("Leads", summary, {"leads": Section(leads, columns)})


def _described(lead: Lead) -> str:
    """Tell what matters of a lead in one sentence."""
    parts = [
        lead.campaign,
        lead.processing_status or "no processing status",
        f"step {lead.reached_step} reached",
        f"{lead.messages_sent:,} message{'' if lead.messages_sent == 1 else 's'}",
    ]
    parts += [
        word for word, holds in (("clicked", lead.clicked), ("replied", lead.replied), ("booked", lead.booked)) if holds
    ]
    stopped = _stop(lead)
    return f"{_label(lead)}: {', '.join(parts + ([stopped] if stopped else []))}."


def _label(lead: Lead) -> str:
    return f"{lead.name} (test lead)" if lead.is_test else lead.name


def _stop(lead: Lead) -> str | None:
    """Say why messages stopped, as stop_cause tells it (spec/metrics.md section 2); None while they go out."""
    causes = {"opted_out": "opted out", "booked": "stopped by the booking", "removed": "removed by a person"}
    return None if lead.stop_cause is None else causes.get(lead.stop_cause, lead.stop_cause)


_LIST = (
    Column("Name", Kind.TEXT, _label),
    Column("Company", Kind.TEXT, lambda lead: lead.company),
    Column("Campaign", Kind.TEXT, lambda lead: lead.campaign),
    Column("Status", Kind.TEXT, lambda lead: lead.processing_status),
    Column("Email", Kind.TEXT, lambda lead: lead.email),
    Column("Phone", Kind.TEXT, lambda lead: lead.phone, main=False),
    Column("Last sent", Kind.TIME, lambda lead: lead.last_sent_at, main=False),
    Column("Booked", Kind.FLAG, lambda lead: lead.booked, main=False),
    Column("Record id", Kind.TEXT, lambda lead: lead.lead_id),
)
_CARD = (
    Column("Company", Kind.TEXT, lambda lead: lead.company),
    Column("Job title", Kind.TEXT, lambda lead: lead.job_title),
    Column("Email", Kind.TEXT, lambda lead: lead.email),
    Column("Phone", Kind.TEXT, lambda lead: lead.phone),
    Column("Campaign", Kind.TEXT, lambda lead: lead.campaign),
    Column("Variant", Kind.TEXT, lambda lead: lead.variant),
    Column("ICP score", Kind.NUMBER, lambda lead: lead.icp_score),
    Column("Processing status", Kind.TEXT, lambda lead: lead.processing_status),
    Column("HRQ status", Kind.TEXT, lambda lead: lead.hrq_status),
    Column("Step", Kind.COUNT, lambda lead: lead.step),
    Column("Step reached", Kind.COUNT, lambda lead: lead.reached_step),
    Column("Messages sent", Kind.COUNT, lambda lead: lead.messages_sent),
    Column("Last sent", Kind.TIME, lambda lead: lead.last_sent_at),
    Column("Clicks", Kind.COUNT, lambda lead: lead.clicks),
    Column("Replied", Kind.FLAG, lambda lead: lead.replied),
    Column("Booked", Kind.FLAG, lambda lead: lead.booked),
    Column("Meeting at", Kind.TIME, lambda lead: lead.booked_at),
    Column("Messages stopped", Kind.TEXT, _stop),
    Column("Stop reason", Kind.TEXT, lambda lead: lead.stop_reason),
    Column("Engagement", Kind.TEXT, lambda lead: lead.engagement_level),
    Column("Source", Kind.TEXT, lambda lead: lead.lead_source),
    Column("Claimed by", Kind.TEXT, lambda lead: lead.claimed_by),
    Column("Notes", Kind.TEXT, lambda lead: lead.notes),
    Column("Record id", Kind.TEXT, lambda lead: f"{lead.client}/{lead.lead_id}"),
)
_EVENT_COLUMNS = (
    Column("When", Kind.TIME, lambda event: event.at),
    Column("What", Kind.TEXT, lambda event: event.kind),
    Column("Detail", Kind.TEXT, lambda event: event.detail),
    Column("Who", Kind.TEXT, lambda event: event.actor),
)

TOPIC = Topic(
    Verb(
        "lead",
        usage="lead TEXT [client:KEY]",
        summary="a lead by name, company, email, phone number or record id; the best 20 where many match",
        examples=("lead jane doe", "lead jane@example.com", "lead +1 415 555 0100"),
        text="a name, company, email, phone number or record id",
        text_required=True,
        filters=("client",),
    ),
    answer,
    sources=("leads", "campaigns", "sms_audit"),
    marts=("leads", "sync_status"),
    section_names=("leads",),
)
