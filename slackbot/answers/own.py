"""What belongs to the person who asks, for App Home: the leads they claimed, and what they asked to have written."""

import math
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from slackbot.answers.freshness import missing_marts
from slackbot.answers.just_now import with_own_writes
from slackbot.answers.leads import lead_line, lead_link, of_several, with_client
from slackbot.answers.model import Column, Kind, Link, Page, Section, column_list, read_row

MOST_LEADS = 10
MOST_REQUESTS = 100  # what a table of Slack holds
_OF_THESE = " of the clients that are shown here"


@dataclass(frozen=True)
class OwnLead:
    """A lead that the person claimed (columns of marts.leads)."""

    client: str
    lead_id: str
    name: str
    company: str | None
    campaign: str | None
    processing_status: str | None
    last_sent_at: datetime | None
    booked: bool
    claimed_by: str | None
    claimed_at: datetime | None


@dataclass(frozen=True)
class OwnRequest:
    """Something the person asked to have written in Airtable (columns of app.write_requests)."""

    client: str
    lead_id: str
    lead_name: str
    kind: str
    state: str
    requested_at: datetime
    reference: str


# Those that the marts say are claimed, and those that were claimed or given up a moment ago, whoever did it.
_LEADS = text(f"""
    with written as (
        select distinct client, lead_id from app.write_requests
        where client = any(:clients) and state = 'done' and finished_at > now() - interval '1 day'
          and jsonb_exists(after, 'Claimed By')
    ),
    claimed as (
        select {column_list(OwnLead)} from marts.leads
        where client = any(:clients) and lower(claimed_by) = lower(:email)
        order by claimed_at desc nulls last, name collate "C", client collate "C", lead_id collate "C"
        limit {MOST_LEADS} + (select count(*) from written)
    )
    select * from claimed
    union
    select {column_list(OwnLead)} from marts.leads join written using (client, lead_id)
""")
_HAS_REQUESTS = text("select to_regclass('app.write_requests') is not null")
_REQUESTS = text(f"""
    select {column_list(OwnRequest)} from app.write_requests
    where client = any(:clients) and actor_id = :person
    order by state = 'pending' desc, requested_at desc, id desc
    limit {MOST_REQUESTS}
""")
_TOTAL = text("select count(*) from app.write_requests where client = any(:clients) and actor_id = :person")


def own_leads(
    connection: Connection, clients: tuple[str, ...], email: str | None, *, elsewhere: bool = False
) -> Section:
    """Return the leads that a person claimed, the latest first, at most 10.

    Args:
        connection: of the bot.
        clients: that the person may see.
        email: by which Airtable names whoever claims a lead; None: Slack does not tell it.
        elsewhere: whether there are clients that the person may see elsewhere only.
    """
    rows: list[OwnLead] = []
    if email is not None and not missing_marts(connection, ("leads",)):
        found = connection.execute(_LEADS, {"clients": list(clients), "email": email}).mappings()
        present = with_own_writes(connection, [read_row(OwnLead, row) for row in found])[0]
        own = [lead for lead in present if (lead.claimed_by or "").casefold() == email.casefold()]
        rows = sorted(own, key=_latest_first)[:MOST_LEADS]
    empty = f"You have claimed no leads{_OF_THESE if elsewhere else ''}."
    columns = with_client(_LEAD_COLUMNS, clients)
    return Section(rows, columns, "Claimed by you", empty=empty, link=lead_link(clients))


def own_requests(connection: Connection, clients: tuple[str, ...], person: str, *, elsewhere: bool = False) -> Section:
    """Return what a person asked to have written and how far that is: pending ones first, then the latest, at most 100.

    Args:
        connection: of the bot.
        clients: that the person may see.
        person: Slack's user id.
        elsewhere: whether there are clients that the person may see elsewhere only.
    """
    rows: list[OwnRequest] = []
    total = 0
    has_requests: bool = connection.execute(_HAS_REQUESTS).scalar_one()
    if has_requests:
        whose = {"clients": list(clients), "person": person}
        rows = [read_row(OwnRequest, row) for row in connection.execute(_REQUESTS, whose).mappings()]
        total = connection.execute(_TOTAL, whose).scalar_one()
    empty = f"You have asked for nothing to be written{_OF_THESE if elsewhere else ''}."
    heading = f"Asked for by you: {total:,} in all, pending ones first"
    page = Page(1, total) if total > len(rows) else None
    columns = with_client(_REQUEST_COLUMNS, clients)
    return Section(rows, columns, heading, empty=empty, link=lambda row: _request_link(row, clients), page=page)


def _latest_first(lead: OwnLead) -> tuple[float, str, str, str]:
    claimed = -lead.claimed_at.timestamp() if lead.claimed_at else math.inf
    return (claimed, lead.name, lead.client, lead.lead_id)


def _request_link(request: OwnRequest, clients: tuple[str, ...]) -> Link:
    label = of_several(request.lead_name, request.client, clients)
    return Link(label, lead_line("lead", request.client, request.lead_id))


_LEAD_COLUMNS = (
    Column("Lead", Kind.TEXT, lambda lead: lead.name),
    Column("Company", Kind.TEXT, lambda lead: lead.company),
    Column("Campaign", Kind.TEXT, lambda lead: lead.campaign, main=False),
    Column("Status", Kind.TEXT, lambda lead: lead.processing_status),
    Column("Last sent", Kind.TIME, lambda lead: lead.last_sent_at),
    Column("Booked", Kind.FLAG, lambda lead: lead.booked),
)
_REQUEST_COLUMNS = (
    Column("Asked for", Kind.TEXT, lambda request: request.kind),
    Column("Lead", Kind.TEXT, lambda request: request.lead_name),
    Column("State", Kind.TEXT, lambda request: request.state),
    Column("At", Kind.TIME, lambda request: request.requested_at),
    Column("Reference", Kind.TEXT, lambda request: request.reference),
)
