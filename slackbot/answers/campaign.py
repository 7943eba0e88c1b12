"""`campaign NAME [step:N]`: a campaign step by step, and the leads at a step (spec/metrics.md sections 4 and 5)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from slackbot.answers import leads
from slackbot.answers.aggregates import CampaignPerformance, performance
from slackbot.answers.campaigns import COLUMNS, campaign_label
from slackbot.answers.filters import LEAD_FILTERS, described, lead_condition, narrows_leads
from slackbot.answers.just_now import with_own_writes
from slackbot.answers.model import (
    MOST_POINTS,
    Chart,
    Choice,
    Column,
    Findings,
    Kind,
    Layout,
    Link,
    Section,
    Shape,
    Topic,
    column_list,
    read_row,
)
from slackbot.answers.wording import counted, short
from slackbot.grammar import NotUnderstoodError, Question, Verb, line, said
from uysp.settings import Settings

_SORTS = {
    "icp": leads.BY_ICP,
    "name": """name collate "C", lead_id, client""",
    "last_sent": """last_sent_at desc nulls last, name collate "C", lead_id, client""",
    "messages": """messages_sent desc, name collate "C", lead_id, client""",
    "clicks": leads.MOST_CLICKS,
}


@dataclass(frozen=True)
class SequenceStep:
    """A row of marts.sequence_steps."""

    client: str
    campaign: str
    step: int
    leads_at_step: int
    leads_reached: int
    leads_furthest: int
    conversion_rate: float | None
    bookings: int
    booking_rate: float | None
    opt_outs: int
    opt_out_rate: float | None
    clickers: int
    click_rate: float | None
    clicks: int
    avg_last_sent_at: datetime | None
    avg_days_at_step: float | None
    completed_visits: int


_STEPS = text(f"""
    select {column_list(SequenceStep)} from marts.sequence_steps
    where client = any(:clients) and campaign = :campaign order by client collate "C", step
""")


def answer(question: Question, connection: Connection, clients: tuple[str, ...], _settings: Settings) -> Findings:
    """Return the campaign's row and steps, and with `step:` or another filter on leads those leads, by ICP score."""
    name = question.filters["campaign"]
    listed = "step" in question.filters or narrows_leads(question.filters)
    if not listed:
        _check_whole(question)
    rows = performance(connection, clients, {"campaign": name})
    found = connection.execute(_STEPS, {"clients": list(clients), "campaign": name}).mappings()
    steps = [read_row(SequenceStep, row) for row in found]
    now: datetime = connection.execute(text("select now()")).scalar_one()
    sections = {
        "campaign": Section(rows, leads.with_client(_CARD, clients), layout=Layout.CARD),
        "steps": Section(
            steps,
            leads.with_client(_step_columns(now), clients),
            "Steps",
            empty="It has no leads yet.",
            link=lambda row: _step_link(question, row, clients),
        ),
    }
    summary = " ".join(_described(row, clients) for row in rows)
    title = campaign_label(rows[0]) if rows else name
    notes = (_NOTE,) if steps else ()
    if listed:
        sections["leads"], said, just_now = _lead_list(question, connection, clients)
        notes = (*just_now, *notes)
        summary = f"{said} {summary}"
        if "step" in question.filters:
            title = f"{title}, step {question.filters['step']}"
    return Findings(
        title,
        summary,
        sections,
        notes=notes,
        charts=() if listed else tuple(_funnel(name, steps, clients)),
        links=tuple(_links(question, name, listed=listed)),
        choices=tuple(_choices(question, steps, listed=listed)),
    )


def _check_whole(question: Question) -> None:
    """Raise NotUnderstoodError where a list of leads is asked for that a campaign as a whole has not."""
    unused = [f"{name}:{question.filters[name]}" for name in ("sort", "page") if name in question.filters]
    if unused:
        raise NotUnderstoodError(
            f"{' and '.join(unused)} {'is' if len(unused) == 1 else 'are'} about a list of leads, which a campaign has "
            "with step: or another filter on leads only; add one, such as step:1.",
            (said(question, step=1), said(question, sort=None, page=None)),
        )


def _lead_list(
    question: Question, connection: Connection, clients: tuple[str, ...]
) -> tuple[Section, str, tuple[str, ...]]:
    """Return the leads that the filters leave, what they are in a sentence, and what was written to them just now."""
    filters = question.filters
    condition, values = lead_condition(filters)
    total = leads.count_leads(connection, clients, condition, values)
    part = leads.cut(question, total)
    order = _SORTS[filters.get("sort", "icp")]
    found = leads.select_leads(connection, clients, condition, values, order, part.limit, part.offset)
    rows, just_now = with_own_writes(connection, found)
    at = f" at step {filters['step']} now" if "step" in filters else ""
    section = Section(
        rows,
        leads.with_client(_LEAD_COLUMNS, clients),
        f"Leads{at}",
        empty=f"No lead of this campaign is{at or ' among them'}{described(filters)}.",
        link=leads.lead_link(clients),
        page=part.page,
    )
    each = {client: leads.count_leads(connection, (client,), condition, values) for client in clients}
    shares = [f"{count:,} of {client}" for client, count in each.items() if count]
    of_each = f" ({', '.join(shares)})" if shares and len(clients) > 1 else ""
    return section, f"{counted(total, 'lead')}{at}{described(filters)}{of_each}.", just_now


def _described(row: CampaignPerformance, clients: tuple[str, ...]) -> str:
    rate = f" ({row.booking_rate:.1%})" if row.booking_rate is not None else ""
    return (
        f"{short(campaign_label(row))}{leads.whose(row.client, clients)}: "
        f"{counted(row.leads, 'lead')}, {row.in_sequence:,} in sequence, {row.bookings:,} booked{rate}, "
        f"{row.opt_outs:,} opted out, {row.clickers:,} clicked."
    )


def _links(question: Question, name: str, *, listed: bool) -> list[Link]:
    client = leads.only(question.filters, "client")
    back = [Link(name, line("campaign", name, client))] if listed else []
    return [
        *back,
        Link("Clicks", line("clicks", name, client)),
        Link("Variants", line("variants", name, client)),
        Link("Hot leads", line("hot", filters={"campaign": name, **client})),
        Link("All campaigns", line("campaigns", filters=client)),
        Link("Dashboard", line("dashboard", filters=client)),
    ]


def _choices(question: Question, steps: Sequence[SequenceStep], *, listed: bool) -> list[Choice]:
    """Return the step to list the leads of, and the order of that list."""
    numbers = sorted({row.step for row in steps})
    whole = Link("All steps", line("campaign", question.filters["campaign"], leads.only(question.filters, "client")))
    options = (whole, *(Link(f"Step {step}", said(question, step=step, page=None)) for step in numbers))
    now = said(question, page=None)
    if listed and now not in {option.line for option in options}:
        options = (*options, Link("These leads", now))
    choices = [Choice("Step", options, now if listed else whole.line)] if numbers else []
    if listed:
        orders = {sort: Link(f"By {sort.replace('_', ' ')}", said(question, sort=sort, page=None)) for sort in _SORTS}
        choices.append(Choice("Order", tuple(orders.values()), orders[question.filters.get("sort", "icp")].line))
    return choices


def _step_link(question: Question, row: SequenceStep, clients: tuple[str, ...]) -> Link:
    filters = {"step": str(row.step), **leads.of_client(question, clients, row.client)}
    label = leads.of_several(f"Step {row.step}", row.client, clients)
    return Link(label, line("campaign", question.filters["campaign"], filters))


def _funnel(name: str, steps: Sequence[SequenceStep], clients: tuple[str, ...]) -> list[Chart]:
    """Return how many leads of each client got how far; nothing where there is one step."""
    if len({row.step for row in steps}) < 2:
        return []
    numbers = sorted({row.step for row in steps})[:MOST_POINTS]
    owners = list(dict.fromkeys(row.client for row in steps))
    found = {(row.client, row.step): row.leads_reached for row in steps}
    reached = {client: [found.get((client, number), 0) for number in numbers] for client in owners}
    told = (
        f"Of {counted(counts[0], 'lead')} of {short(name)}{leads.whose(client, clients)}, "
        f"{counts[1]:,} reached step {numbers[1]} and {counts[-1]:,} step {numbers[-1]}."
        for client, counts in reached.items()
    )
    return [
        Chart(
            "Leads that reached each step",
            Shape.BAR,
            [f"Step {number}" for number in numbers],
            reached if len(clients) > 1 else {"Leads": reached[owners[0]]},
            summary=" ".join(told),
        )
    ]


def _days_since(now: datetime) -> Callable[[SequenceStep], float | None]:
    """Return what shows the days since the mean last send; nothing where it lies in the future."""

    def shown(row: SequenceStep) -> float | None:
        if row.avg_last_sent_at is None or row.avg_last_sent_at > now:
            return None
        return (now - row.avg_last_sent_at).total_seconds() / 86_400

    return shown


def _step_columns(now: datetime) -> tuple[Column, ...]:
    def column(
        label: str, kind: Kind, name: str, value: Callable[[Any], object] | None = None, *, main: bool = True
    ) -> Column:
        take = value or (lambda row: getattr(row, name))
        return Column(label, kind, take, main=main, definition=f"sequence_steps.{name}")

    return (
        Column("Step", Kind.COUNT, lambda row: row.step, definition="sequence_steps.step"),
        column("Now here", Kind.COUNT, "leads_at_step"),
        column("Reached", Kind.COUNT, "leads_reached"),
        column("Got no further", Kind.COUNT, "leads_furthest", main=False),
        column("Moved on", Kind.RATE, "conversion_rate"),
        column("Booked", Kind.COUNT, "bookings"),
        column("Booking rate", Kind.RATE, "booking_rate"),
        column("Opt-outs", Kind.COUNT, "opt_outs"),
        column("Opt-out rate", Kind.RATE, "opt_out_rate", main=False),
        column("Clickers", Kind.COUNT, "clickers", main=False),
        column("Click rate", Kind.RATE, "click_rate"),
        column("Clicks", Kind.COUNT, "clicks", main=False),
        column("Days since last message", Kind.NUMBER, "avg_last_sent_at", _days_since(now), main=False),
        column("Days at step", Kind.NUMBER, "avg_days_at_step"),
        column("Ended stays", Kind.COUNT, "completed_visits", main=False),
    )


_NOTE = "Bookings, opt-outs and clicks stand at the step that a lead had reached, not where it is now."
_CARD = COLUMNS[1:]  # its name is the title
_LEAD_COLUMNS = (
    leads.NAME,
    leads.COMPANY,
    leads.ICP_SCORE,
    leads.STATUS,
    leads.MESSAGES,
    leads.LAST_SENT,
    leads.CLICKED,
    leads.BOOKED,
)

TOPIC = Topic(
    Verb(
        "campaign",
        usage="campaign NAME [step:N] [page:N]",
        summary="a campaign step by step; with step:N, or another filter on leads, the leads there",
        examples=('campaign "ChatGPT Use Cases"', 'campaign "ChatGPT Use Cases" step:2', "campaign chatgpt icp:>=70"),
        text="a campaign",
        text_required=True,
        filters=("campaign", "step", *LEAD_FILTERS, "sort", "page", "client"),
        text_filter="campaign",
    ),
    answer,
    sources=("leads", "campaigns", "sms_audit"),
    marts=("campaign_performance", "sequence_steps", "leads", "sync_status"),
    section_names=("campaign", "steps"),
    sorts=tuple(_SORTS),
)
