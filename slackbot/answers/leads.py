"""Rows of marts.leads and lists of them: which columns people see, where a row leads, how a list is paged."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from slackbot.answers.filters import PAGE_ROWS
from slackbot.answers.model import Column, Kind, Link, Page, column_list, read_row
from slackbot.grammar import NotUnderstoodError, Question, line, said


@dataclass(frozen=True)
class Lead:
    """A row of marts.leads (spec/metrics.md section 3)."""

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


# Orders of lists; each ends with what tells any two leads apart, so that pages never overlap.
BY_ICP = """icp_score desc nulls last, name collate "C", lead_id, client"""
HOTTEST = """
    icp_score desc nulls last, clicks desc, last_sent_at desc nulls last, name collate "C", lead_id, client
"""  # spec/metrics.md section 2
MOST_CLICKS = """clicks desc, icp_score desc nulls last, name collate "C", lead_id, client"""  # section 6


def select_leads(
    connection: Connection,
    clients: tuple[str, ...],
    condition: str,
    values: Mapping[str, Any],
    order: str,
    limit: int | None = None,
    offset: int = 0,
) -> list[Lead]:
    """Return leads in an order; test leads are left out (spec/metrics.md section 2).

    Args:
        connection: where the marts are.
        clients: keys of the clients to look at.
        condition: SQL, starts with ` and ` or is empty.
        values: parameters of the condition.
        order: SQL of `order by`.
        limit: at most so many; None: all.
        offset: leave out so many first.
    """
    query = text(f"""
        select {column_list(Lead)} from marts.leads
        where client = any(:clients) and not is_test{condition}
        order by {order} limit :limit offset :offset
    """)
    found = connection.execute(query, {"clients": list(clients), **values, "limit": limit, "offset": offset})
    return [read_row(Lead, row) for row in found.mappings()]


def count_leads(connection: Connection, clients: tuple[str, ...], condition: str, values: Mapping[str, Any]) -> int:
    """Return how many leads there are that `select_leads` chooses from."""
    query = text(f"select count(*) from marts.leads where client = any(:clients) and not is_test{condition}")
    total: int = connection.execute(query, {"clients": list(clients), **values}).scalar_one()
    return total


@dataclass(frozen=True)
class Cut:
    """Which rows of a longer list are wanted: `limit` None and offset 0 for all of them."""

    limit: int | None
    offset: int
    page: Page | None


def cut(question: Question, total: int) -> Cut:
    """Return the part of a list of `total` rows that a question asks for, with the lines that turn the page.

    Raises:
        NotUnderstoodError: there is no such page.
    """
    if question.whole and "page" not in question.filters:
        return Cut(None, 0, None)
    number = int(question.filters.get("page", "1"))
    last = max(1, -(-total // PAGE_ROWS))
    if number > last:
        raise NotUnderstoodError(
            f"There is no page {number:,}: the list has {last:,}.", (_turned(question, last), _turned(question, 1))
        )
    if last == 1:
        return Cut(None, 0, None)
    offset = (number - 1) * PAGE_ROWS
    before = _turned(question, number - 1) if number > 1 else None
    after = _turned(question, number + 1) if number < last else None
    return Cut(PAGE_ROWS, offset, Page(offset + 1, total, before, after))


def _turned(question: Question, page: int) -> str:
    return said(question, page=page)


def of_client(question: Question, clients: tuple[str, ...], client: str) -> dict[str, str]:
    """Return the `client` filter that a line about one client's rows needs to mean the same again; {} if none."""
    return {"client": client} if len(clients) > 1 or "client" in question.filters else {}


def only(filters: Mapping[str, str], *names: str) -> dict[str, str]:
    """Return those of the filters that have these names."""
    return {name: value for name, value in filters.items() if name in names}


def lead_link(clients: tuple[str, ...]) -> Callable[[Any], Link]:
    """Return what tells where a row that has client, lead_id and name leads: to the lead's card."""
    return lambda lead: Link(of_several(lead.name, lead.client, clients), lead_line("lead", lead.client, lead.lead_id))


def of_several(name: str, client: str, clients: tuple[str, ...]) -> str:
    """Return what something is called in a list: with its client in front, where it is not cut off, of several.

    Args:
        name: of a lead, a campaign, or a step.
        client: whose it is.
        clients: keys of the clients that are looked at.
    """
    return name if len(clients) == 1 else f"{client}: {name}"


def whose(client: str, clients: tuple[str, ...]) -> str:
    """Return what stands after a name in a sentence, to say whose it is: ` (acme)`; '' where there is one client."""
    return "" if len(clients) == 1 else f" ({client})"


def lead_line(verb: str, client: str, lead_id: str) -> str:
    """Return the line that asks about one lead; its id carries its client."""
    return line(verb, f"{client}/{lead_id}")


def label(lead: Lead) -> str:
    """Return a lead's name, marked where it is a test."""
    return f"{lead.name} (test lead)" if lead.is_test else lead.name


def with_client(columns: Sequence[Column], clients: tuple[str, ...]) -> tuple[Column, ...]:
    """Return the columns, with the client's in front where rows of several are mixed."""
    return tuple(columns) if len(clients) == 1 else (Column("Client", Kind.TEXT, lambda row: row.client), *columns)


NAME = Column("Name", Kind.TEXT, label, definition="leads.name")
COMPANY = Column("Company", Kind.TEXT, lambda lead: lead.company, definition="leads.company")
CAMPAIGN = Column("Campaign", Kind.TEXT, lambda lead: lead.campaign, definition="leads.campaign")
ICP_SCORE = Column("ICP score", Kind.NUMBER, lambda lead: lead.icp_score, definition="leads.icp_score")
STATUS = Column("Status", Kind.TEXT, lambda lead: lead.processing_status, definition="leads.processing_status")
MESSAGES = Column("Messages", Kind.COUNT, lambda lead: lead.messages_sent, definition="leads.messages_sent")
LAST_SENT = Column("Last sent", Kind.TIME, lambda lead: lead.last_sent_at, definition="leads.last_sent_at")
CLICKS = Column("Clicks", Kind.COUNT, lambda lead: lead.clicks, definition="leads.clicks")
CLICKED = Column("Clicked", Kind.FLAG, lambda lead: lead.clicked, definition="leads.clicked")
BOOKED = Column("Booked", Kind.FLAG, lambda lead: lead.booked, definition="leads.booked")
