"""`campaigns`: how every campaign does (spec/metrics.md section 4)."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from slackbot.answers.aggregates import CampaignPerformance, performance
from slackbot.answers.filters import LEAD_FILTERS, described, narrows_leads
from slackbot.answers.leads import of_client, of_several, only, whose, with_client
from slackbot.answers.model import MOST_POINTS, Chart, Choice, Column, Findings, Kind, Link, Section, Shape, Topic
from slackbot.answers.wording import counted
from slackbot.grammar import Question, Verb, line, said
from uysp.settings import Settings

_MOST_BRIEF = 8  # characters of a client's key on a chart
# What `sort:` takes, by the column; all but the name highest first.
_SORTS = {
    "leads": "leads",
    "bookings": "bookings",
    "booking_rate": "booking_rate",
    "opt_outs": "opt_outs",
    "opt_out_rate": "opt_out_rate",
    "reply_rate": "reply_rate",
    "click_rate": "click_rate",
    "messages": "messages_sent",
    "last_sent": "last_sent_at",
    "name": "campaign",
}


def answer(question: Question, connection: Connection, clients: tuple[str, ...], _settings: Settings) -> Findings:
    """Return the campaigns of these clients that the filters leave.

    Order: most leads first, because the table answers where the work is, and the small ones' rates mean little;
    equal ones by name in code-point order. Internal campaigns and then Unassigned stand last and are labelled
    (spec/metrics.md section 4), so that the sums add up without their leading a ranking.
    """
    filters = question.filters
    rows = ordered(performance(connection, clients, filters), filters.get("sort", "leads"))
    what = (
        "No campaign has such leads." if narrows_leads(filters) or "state" in filters else "There are no campaigns yet."
    )
    section = Section(
        rows,
        with_client(COLUMNS, clients),
        "Campaigns",
        empty=what,
        link=lambda row: campaign_link(row, question, clients),
    )
    client = only(filters, "client")
    return Findings(
        "Campaigns",
        _summary(rows, filters),
        {"campaigns": section},
        notes=("Only leads with these filters are counted.",) if narrows_leads(filters) else (),
        charts=tuple(_compared(rows, clients)),
        links=(
            Link("Dashboard", line("dashboard", filters=client)),
            Link("Clicks", line("clicks", filters=client)),
            Link("Variants", line("variants", filters=client)),
        ),
        choices=(_state_choice(question),),
    )


def ordered(rows: Sequence[CampaignPerformance], sort: str) -> list[CampaignPerformance]:
    """Return campaigns in the order that `sort:` names, those that are in no ranking last; NULL after any number."""
    column = _SORTS[sort]

    def place(row: CampaignPerformance) -> tuple[object, ...]:
        value = getattr(row, column)
        by_value = (value is None, value if column == "campaign" else -_number(value))
        # Python orders text by code point, too.
        return (row.is_internal or row.is_unassigned, row.is_unassigned, *by_value, row.campaign, row.client)

    return sorted(rows, key=place)


def _number(value: datetime | float | None) -> float:
    return value.timestamp() if isinstance(value, datetime) else float(value or 0)


def campaign_link(row: CampaignPerformance, question: Question, clients: tuple[str, ...]) -> Link:
    """Return where a row with client and campaign leads: to the campaign's own answer."""
    label = of_several(row.campaign, row.client, clients)
    return Link(label, line("campaign", row.campaign, of_client(question, clients, row.client)))


def _state_choice(question: Question) -> Choice:
    options = (
        Link("All campaigns", said(question, state=None)),
        Link("Active", said(question, state="active")),
        Link("Paused", said(question, state="paused")),
    )
    return Choice("State", options, said(question))


def _compared(rows: Sequence[CampaignPerformance], clients: tuple[str, ...]) -> list[Chart]:
    """Return the campaigns' rates side by side, as many as a chart holds; none where there is nothing to compare."""
    shown = [row for row in rows if not (row.is_internal or row.is_unassigned) and row.leads][:MOST_POINTS]
    if len(shown) < 2:
        return []
    best = max(shown, key=lambda row: row.booking_rate or 0)
    return [
        Chart(
            "Campaigns compared",
            Shape.BAR,
            [of_several(row.campaign, _brief(row.client), clients) for row in shown],
            {
                "Booking rate": [row.booking_rate for row in shown],
                "Click rate": [row.click_rate for row in shown],
                "Opt-out rate": [row.opt_out_rate for row in shown],
            },
            Kind.RATE,
            f"Of {len(shown)} campaigns {best.campaign}{whose(best.client, clients)} has the highest booking rate, "
            f"{best.booking_rate or 0:.1%}.",
        )
    ]


def _brief(client: str) -> str:
    """Return a client's key so short that of a bar's label, 20 characters, half is left for the campaign."""
    return client if len(client) <= _MOST_BRIEF else f"{client[: _MOST_BRIEF - 1]}…"


def _summary(rows: Sequence[CampaignPerformance], filters: Mapping[str, str]) -> str:
    """Count as marts.dashboard does: campaigns without Unassigned and internal ones, leads of all (section 9)."""
    campaigns = sum(not (row.is_internal or row.is_unassigned) for row in rows)
    leads = sum(row.leads for row in rows)
    bookings = sum(row.bookings for row in rows)
    opt_outs = sum(row.opt_outs for row in rows)
    state = f"{filters['state']} " if "state" in filters else ""
    shares = [f" ({count / leads:.1%})" if leads else "" for count in (bookings, opt_outs)]
    return (
        f"{counted(campaigns, f'{state}campaign')}, {counted(leads, 'lead')}{described(filters)}, "
        f"{bookings:,} booked{shares[0]}, {opt_outs:,} opted out{shares[1]}."
    )


def campaign_label(row: CampaignPerformance) -> str:
    """Return a campaign's name, marked where it is no outreach or none at all."""
    marks = [mark for mark, holds in (("internal", row.is_internal), ("no campaign", row.is_unassigned)) if holds]
    return f"{row.campaign} ({', '.join(marks)})" if marks else row.campaign


def _state(row: CampaignPerformance) -> str | None:
    if row.is_paused is None:
        return None
    return "paused" if row.is_paused else "active"


COLUMNS = (
    Column("Campaign", Kind.TEXT, campaign_label, definition="campaign_performance.campaign"),
    Column("State", Kind.TEXT, _state, main=False, definition="campaign_performance.is_paused"),
    Column("Leads", Kind.COUNT, lambda row: row.leads, definition="campaign_performance.leads"),
    Column(
        "Not started",
        Kind.COUNT,
        lambda row: row.not_started,
        main=False,
        definition="campaign_performance.not_started",
    ),
    Column("Step 1", Kind.COUNT, lambda row: row.step_1, main=False, definition="campaign_performance.step_1"),
    Column("Step 2", Kind.COUNT, lambda row: row.step_2, main=False, definition="campaign_performance.step_2"),
    Column("Step 3", Kind.COUNT, lambda row: row.step_3, main=False, definition="campaign_performance.step_3"),
    Column(
        "Step 4+", Kind.COUNT, lambda row: row.step_4_plus, main=False, definition="campaign_performance.step_4_plus"
    ),
    Column("In sequence", Kind.COUNT, lambda row: row.in_sequence, definition="campaign_performance.in_sequence"),
    Column("Booked", Kind.COUNT, lambda row: row.bookings, definition="campaign_performance.bookings"),
    Column("Booking rate", Kind.RATE, lambda row: row.booking_rate, definition="campaign_performance.booking_rate"),
    Column("Opt-outs", Kind.COUNT, lambda row: row.opt_outs, definition="campaign_performance.opt_outs"),
    Column("Opt-out rate", Kind.RATE, lambda row: row.opt_out_rate, definition="campaign_performance.opt_out_rate"),
    Column("Replies", Kind.COUNT, lambda row: row.replies, main=False, definition="campaign_performance.replies"),
    Column(
        "Reply rate", Kind.RATE, lambda row: row.reply_rate, main=False, definition="campaign_performance.reply_rate"
    ),
    Column("Clickers", Kind.COUNT, lambda row: row.clickers, main=False, definition="campaign_performance.clickers"),
    Column("Click rate", Kind.RATE, lambda row: row.click_rate, definition="campaign_performance.click_rate"),
    Column("Messages", Kind.COUNT, lambda row: row.messages_sent, definition="campaign_performance.messages_sent"),
    Column(
        "Per lead",
        Kind.NUMBER,
        lambda row: row.messages_per_lead,
        main=False,
        definition="campaign_performance.messages_per_lead",
    ),
    Column(
        "Last sent", Kind.TIME, lambda row: row.last_sent_at, main=False, definition="campaign_performance.last_sent_at"
    ),
)

TOPIC = Topic(
    Verb(
        "campaigns",
        usage="campaigns [state:active|paused] [sort:COLUMN]",
        summary="every campaign with its leads, bookings, opt-outs, clicks and messages",
        examples=("campaigns", "campaigns state:active sort:booking_rate", "campaigns created:30d icp:>=70"),
        filters=("state", *LEAD_FILTERS, "sort", "client"),
    ),
    answer,
    sources=("leads", "campaigns", "sms_audit"),
    marts=("campaign_performance", "leads", "sync_status"),
    section_names=("campaigns",),
    sorts=tuple(_SORTS),
)
