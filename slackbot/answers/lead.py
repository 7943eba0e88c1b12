"""`lead TEXT`: a lead's card, or the leads that the text may mean (spec/metrics.md section 3)."""

from dataclasses import replace

from sqlalchemy import Connection, text

from slackbot.answers import leads
from slackbot.answers.just_now import still_pending, with_own_writes
from slackbot.answers.leads import Lead, label, lead_line
from slackbot.answers.model import Column, Findings, Kind, Layout, Link, Page, Section, Topic, column_list, read_row
from slackbot.answers.search import MOST_MATCHES, Found, find_leads
from slackbot.answers.timeline import EVENT_COLUMNS, events
from slackbot.answers.wording import counted, short
from slackbot.answers.writes import write_links
from slackbot.grammar import Question, Verb, line
from uysp.settings import Settings

EVENTS_ON_CARD = 10

_SELECT = text(f"""
    select {column_list(Lead)}
    from marts.leads
    join unnest(cast(:found_clients as text[]), cast(:found_ids as text[])) with ordinality
        as found (client, lead_id, place) using (client, lead_id)
    order by place
""")


_SAME_PHONE = text("""
    select exists (
        select from marts.data_quality_issues
        where client = :client and source_table = 'leads' and record_id = :lead_id and rule = 'same_phone_as_stopped'
    )
""")
_NOT_STOPPED = "Another record with this phone is removed or opted out, and this one is not stopped: remove it too."


def answer(question: Question, connection: Connection, clients: tuple[str, ...], _settings: Settings) -> Findings:
    """Return the leads that the text means, best match first; with a single one its past, newest first."""
    typed = question.argument
    found = find_leads(connection, clients, typed, MOST_MATCHES)
    rows, just_now = with_own_writes(connection, _read(connection, found))
    if not rows:
        summary = (
            f"No lead found for “{typed}”. Try part of the name or company, "
            "or the whole email, phone number or record id."
        )
        return Findings("Lead", summary, {"leads": Section([])}, links=(Link("Hot leads", "hot"),))
    if len(rows) > 1:
        return replace(_several(typed, rows, found, clients), notes=just_now)
    [lead] = rows
    past = events(connection, lead.client, lead.lead_id)
    whole = lead_line("timeline", lead.client, lead.lead_id)
    shown = past if question.whole else past[:EVENTS_ON_CARD]
    page = Page(1, len(past), after=f"{whole} page:1") if len(past) > len(shown) else None
    sections = {
        "leads": Section(rows, leads.with_client(_CARD, clients), layout=Layout.CARD),
        "timeline": Section(shown, EVENT_COLUMNS, "Timeline", page=page),
    }
    near = f"Nothing is written like “{typed}”; this is the nearest. " if found.is_near else ""
    client = leads.of_client(question, clients, lead.client)
    return Findings(
        label(lead),
        near + _described(lead, clients) + still_pending(connection, lead.client, lead.lead_id),
        sections,
        notes=(*just_now, *_warnings(connection, lead)),
        links=(
            Link("Timeline", whole),
            Link(lead.campaign, line("campaign", lead.campaign, client)),
            Link(f"Step {lead.step} of it", line("campaign", lead.campaign, {"step": str(lead.step), **client})),
            Link("Changes", lead_line("versions", lead.client, lead.lead_id)),
            Link("Log of writes", lead_line("history", lead.client, lead.lead_id)),
            Link("Hot leads", line("hot", filters=client)),
        ),
        writes=write_links(lead.client, lead.lead_id, lead.claimed_by),
    )


def _warnings(connection: Connection, lead: Lead) -> tuple[str, ...]:
    if lead.sms_stopped:
        return ()
    found: bool = connection.execute(_SAME_PHONE, {"client": lead.client, "lead_id": lead.lead_id}).scalar_one()
    return (_NOT_STOPPED,) if found else ()


def _read(connection: Connection, found: Found) -> list[Lead]:
    if not found.matches:
        return []
    keys = {
        "found_clients": [match.client for match in found.matches],
        "found_ids": [match.lead_id for match in found.matches],
    }
    return [read_row(Lead, row) for row in connection.execute(_SELECT, keys).mappings()]


def _several(typed: str, rows: list[Lead], found: Found, clients: tuple[str, ...]) -> Findings:
    total = f"over {found.total:,}" if found.is_more else f"{found.total:,}"
    if found.is_near:
        summary = f"Nothing is written like “{typed}”; these {len(rows)} leads are the nearest."
    elif found.total > len(rows):
        summary = f"{total} leads match “{typed}”; the best {len(rows)} are shown. Add a word to narrow it down."
    else:
        summary = f"{total} leads match “{typed}”; ask for one by its email, phone number or record id."
    section = Section(rows, leads.with_client(_LIST, clients), link=leads.lead_link(clients))
    return Findings("Leads", summary, {"leads": section}, links=(Link("Hot leads", "hot"),))


def _described(lead: Lead, clients: tuple[str, ...]) -> str:
    """Tell what matters of a lead in one sentence."""
    parts = [
        short(lead.campaign),
        lead.processing_status or "no processing status",
        f"step {lead.reached_step} reached",
        counted(lead.messages_sent, "message"),
    ]
    parts += [
        word for word, holds in (("clicked", lead.clicked), ("replied", lead.replied), ("booked", lead.booked)) if holds
    ]
    stopped = _stop(lead)
    named = f"{short(label(lead))}{leads.whose(lead.client, clients)}"
    return f"{named}: {', '.join(parts + ([stopped] if stopped else []))}."


def _stop(lead: Lead) -> str | None:
    """Say why messages stopped, as stop_cause tells it (spec/metrics.md section 2); None while they go out."""
    causes = {"opted_out": "opted out", "booked": "stopped by the booking", "removed": "removed by a person"}
    return None if lead.stop_cause is None else causes.get(lead.stop_cause, lead.stop_cause)


_LIST = (
    leads.NAME,
    leads.COMPANY,
    leads.CAMPAIGN,
    leads.STATUS,
    Column("Email", Kind.TEXT, lambda lead: lead.email, definition="leads.email", is_personal=True),
    Column("Phone", Kind.TEXT, lambda lead: lead.phone, main=False, definition="leads.phone", is_personal=True),
    Column("Last sent", Kind.TIME, lambda lead: lead.last_sent_at, main=False, definition="leads.last_sent_at"),
    Column("Booked", Kind.FLAG, lambda lead: lead.booked, main=False, definition="leads.booked"),
    Column("Record id", Kind.TEXT, lambda lead: lead.lead_id, definition="leads.lead_id"),
)
_CARD = (
    leads.COMPANY,
    Column("Job title", Kind.TEXT, lambda lead: lead.job_title, definition="leads.job_title"),
    Column("Email", Kind.TEXT, lambda lead: lead.email, definition="leads.email", is_personal=True),
    Column("Phone", Kind.TEXT, lambda lead: lead.phone, definition="leads.phone", is_personal=True),
    leads.CAMPAIGN,
    Column("Variant", Kind.TEXT, lambda lead: lead.variant, definition="leads.variant"),
    leads.ICP_SCORE,
    Column("Processing status", Kind.TEXT, lambda lead: lead.processing_status, definition="leads.processing_status"),
    Column("HRQ status", Kind.TEXT, lambda lead: lead.hrq_status, definition="leads.hrq_status"),
    Column("Step", Kind.COUNT, lambda lead: lead.step, definition="leads.step"),
    Column("Step reached", Kind.COUNT, lambda lead: lead.reached_step, definition="leads.reached_step"),
    Column("Messages sent", Kind.COUNT, lambda lead: lead.messages_sent, definition="leads.messages_sent"),
    leads.LAST_SENT,
    leads.CLICKS,
    Column("Replied", Kind.FLAG, lambda lead: lead.replied, definition="leads.replied"),
    leads.BOOKED,
    Column("Meeting at", Kind.TIME, lambda lead: lead.booked_at, definition="leads.booked_at"),
    Column("Messages stopped", Kind.TEXT, _stop, definition="leads.stop_cause"),
    Column("Stop reason", Kind.TEXT, lambda lead: lead.stop_reason, definition="leads.stop_reason"),
    Column("Engagement", Kind.TEXT, lambda lead: lead.engagement_level, definition="leads.engagement_level"),
    Column("Source", Kind.TEXT, lambda lead: lead.lead_source, definition="leads.lead_source"),
    Column("Claimed by", Kind.TEXT, lambda lead: lead.claimed_by, definition="leads.claimed_by"),
    Column("Notes", Kind.TEXT, lambda lead: lead.notes, definition="leads.notes", is_personal=True),
    Column("Record id", Kind.TEXT, lambda lead: f"{lead.client}/{lead.lead_id}"),
)
TOPIC = Topic(
    Verb(
        "lead",
        usage="lead TEXT",
        summary="a lead by name, company, email, phone number or record id; the best 20 where many match",
        examples=("lead jane doe", "lead jane@example.com", "lead +1 415 555 0100"),
        text="a name, company, email, phone number or record id",
        text_required=True,
        filters=("client",),
    ),
    answer,
    sources=("leads", "campaigns", "sms_audit"),
    marts=("leads", "lead_timeline", "data_quality_issues", "sync_status"),
    section_names=("leads",),
)
