"""`dashboard [PERIOD]`: how everything does, the best campaigns and the hottest leads (spec/metrics.md section 9)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, text

from slackbot.answers import leads
from slackbot.answers.activity import trend
from slackbot.answers.aggregates import CampaignPerformance, performance
from slackbot.answers.campaigns import campaign_label, campaign_link
from slackbot.answers.filters import DEFAULT_PERIOD, PERIODS
from slackbot.answers.just_now import with_own_writes
from slackbot.answers.model import Choice, Column, Findings, Kind, Layout, Link, Section, Topic, column_list, read_row
from slackbot.answers.wording import counted
from slackbot.grammar import Question, Verb, line, said
from uysp.settings import Settings

TOP_CAMPAIGNS = 5
TOP_LEADS = 10
_ENOUGH_LEADS = 20  # below, a booking rate says little: spec/metrics.md section 9
_LENGTHS = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}

_OBSERVED = ("opt_outs", "clicks")  # of which nothing is known before the history begins


@dataclass(frozen=True)
class Overview:
    """A row of marts.dashboard; counts are numbers of leads unless named otherwise, rates fractions."""

    client: str
    period: str
    as_of: datetime
    history_since: datetime | None
    leads: int
    active_leads: int
    done_leads: int
    messages_sent: int
    bookings: int
    booking_rate: float | None
    opt_outs: int
    opt_out_rate: float | None
    clicks: int
    clickers: int
    click_rate: float | None
    new_leads_24h: int
    new_leads_7d: int
    campaigns: int
    active_campaigns: int
    paused_campaigns: int
    new_leads_in_period: int
    messages_in_period: int
    bookings_in_period: int
    opt_outs_in_period: int | None
    clicks_in_period: int | None
    previous_new_leads_in_period: int | None
    previous_messages_in_period: int | None
    previous_bookings_in_period: int | None
    previous_opt_outs_in_period: int | None
    previous_clicks_in_period: int | None


_SELECT = text(f"""
    select {column_list(Overview)} from marts.dashboard
    where client = any(:clients) and period = :period order by client collate "C"
""")


def answer(question: Question, connection: Connection, clients: tuple[str, ...], _settings: Settings) -> Findings:
    """Return the period's overview of each client, the top 5 campaigns and the top 10 hot leads."""
    period = question.filters.get("period", DEFAULT_PERIOD)
    found = connection.execute(_SELECT, {"clients": list(clients), "period": period}).mappings()
    overview = [read_row(Overview, row) for row in found]
    campaigns = best_campaigns(performance(connection, clients, {}))[:TOP_CAMPAIGNS]
    hottest = leads.select_leads(connection, clients, " and is_hot", {}, leads.HOTTEST, TOP_LEADS)
    hot, just_now = with_own_writes(connection, hottest)
    client = leads.only(question.filters, "client")
    sections = {
        "overview": Section(overview, leads.with_client(_columns(period), clients), "Overview", layout=Layout.CARD),
        "top_campaigns": Section(
            campaigns,
            leads.with_client(_CAMPAIGN_COLUMNS, clients),
            "Top campaigns",
            empty="There are no campaigns with leads yet.",
            link=lambda row: campaign_link(row, question, clients),
        ),
        "hot_leads": Section(
            hot,
            leads.with_client(HOT_COLUMNS, clients),
            "Hot leads",
            empty="Nobody clicked without booking or opting out.",
            link=leads.lead_link(clients),
        ),
    }
    return Findings(
        f"Dashboard, {PERIODS[period]}",
        _summary(overview, period),
        sections,
        notes=(*just_now, *_since(overview, period)),
        charts=trend(connection, clients, period),
        links=(
            Link("Campaigns", line("campaigns", filters=client)),
            Link("Hot leads", line("hot", filters=client)),
            Link("Clicks", line("clicks", filters=client)),
            Link("Variants", line("variants", filters=client)),
            Link("Data quality", line("quality", filters=client)),
        ),
        choices=(_period_choice(question, period),),
    )


def best_campaigns(rows: Sequence[CampaignPerformance]) -> list[CampaignPerformance]:
    """Return the campaigns that can be ranked, best first (spec/metrics.md section 9, top 5 campaigns)."""
    ranked = [row for row in rows if row.leads and not (row.is_internal or row.is_unassigned)]

    def place(row: CampaignPerformance) -> tuple[object, ...]:
        group = 2 if not row.bookings else 0 if row.leads >= _ENOUGH_LEADS else 1
        return (group, -(row.booking_rate or 0), -row.bookings, -row.leads, row.campaign, row.client)

    return sorted(ranked, key=place)


def _summary(rows: Sequence[Overview], period: str) -> str:
    if not rows:
        return "There is nothing to show yet."
    leads_, active, bookings = (
        sum(getattr(row, name) for row in rows) for name in ("leads", "active_leads", "bookings")
    )
    if period == "all":
        messages = sum(row.messages_in_period for row in rows)
        return (
            f"All time: {counted(leads_, 'lead')}, {active:,} active, {bookings:,} booked, "
            f"{counted(messages, 'message')} sent."
        )
    new, messages, booked = (
        sum(getattr(row, name) for row in rows)
        for name in ("new_leads_in_period", "messages_in_period", "bookings_in_period")
    )
    before = sum(row.previous_bookings_in_period or 0 for row in rows)
    return (
        f"{PERIODS[period].capitalize()}: {counted(new, 'new lead')}, {counted(messages, 'message')} sent, "
        f"{booked:,} booked ({_change(booked, before)}); "
        f"{counted(leads_, 'lead')} in all, {active:,} active, {bookings:,} booked."
    )


def _since(rows: Sequence[Overview], period: str) -> list[str]:
    """Say from when opt-outs and clicks are known, where the window or the one before starts earlier."""
    if period == "all":
        return []
    length = _LENGTHS[period]
    notes: list[str] = []
    for row in rows:
        if row.history_since is None or _knows_period_before(row):
            continue
        whose = f" of {row.client}" if len(rows) > 1 else ""
        known = f"{row.history_since:%Y-%m-%d %H:%M} UTC"
        if row.as_of - length < row.history_since:
            notes.append(f"Opt-outs and clicks{whose} are counted since {known}, when the history begins.")
        else:
            notes.append(
                f"Opt-outs and clicks{whose} of the period before are counted since {known} only, "
                "so their change is not shown."
            )
    return notes


def _change(now: int, before: int) -> str:
    return f"{now - before:+,}" if now != before else "as before"


def _knows_period_before(row: Overview) -> bool:
    """Return whether what only the history tells is known of the whole period before."""
    length = _LENGTHS.get(row.period)
    return length is None or row.history_since is None or row.as_of - 2 * length >= row.history_since


def _in_period(name: str) -> Callable[[Overview], str | None]:
    """Return what shows a count of the period with the change against the one before."""

    def shown(row: Overview) -> str | None:
        now: int | None = getattr(row, f"{name}_in_period")
        before: int | None = getattr(row, f"previous_{name}_in_period")
        if now is None:
            return None
        if name in _OBSERVED and not _knows_period_before(row):
            before = None
        return f"{now:,}" if before is None else f"{now:,} ({_change(now, before)})"

    return shown


def _with_rate(count: str, rate: str) -> Callable[[Overview], str]:
    def shown(row: Overview) -> str:
        share: float | None = getattr(row, rate)
        return f"{getattr(row, count):,}" if share is None else f"{getattr(row, count):,} ({share:.1%})"

    return shown


def _columns(period: str) -> tuple[Column, ...]:
    when = PERIODS[period]
    counts = {
        "new_leads": "New leads",
        "messages": "Messages",
        "bookings": "Booked",
        "opt_outs": "Opt-outs",
        "clicks": "Clicks",
    }
    in_period = [
        Column(f"{label}, {when}", Kind.TEXT, _in_period(name), definition=f"dashboard.{name}_in_period")
        for name, label in counts.items()
    ]

    def plain(label: str, name: str, *, main: bool = True) -> Column:
        return Column(label, Kind.COUNT, _value(name), main=main, definition=f"dashboard.{name}")

    return (
        *in_period,
        plain("Leads in all", "leads"),
        plain("Active leads", "active_leads"),
        plain("Done", "done_leads"),
        plain("Messages by leads' counts", "messages_sent", main=False),
        Column("Booked in all", Kind.TEXT, _with_rate("bookings", "booking_rate"), definition="dashboard.booking_rate"),
        Column(
            "Opted out in all", Kind.TEXT, _with_rate("opt_outs", "opt_out_rate"), definition="dashboard.opt_out_rate"
        ),
        Column("Clicked in all", Kind.TEXT, _with_rate("clickers", "click_rate"), definition="dashboard.click_rate"),
        plain("New, last 24 hours", "new_leads_24h", main=False),
        plain("New, last 7 days", "new_leads_7d", main=False),
        plain("Campaigns", "campaigns"),
        plain("Active campaigns", "active_campaigns"),
        plain("Paused campaigns", "paused_campaigns"),
    )


def _value(name: str) -> Callable[[Any], object]:
    return lambda row: getattr(row, name)


def _period_choice(question: Question, period: str) -> Choice:
    options = {each: Link(words.capitalize(), said(question, period=each)) for each, words in PERIODS.items()}
    return Choice("Period", tuple(options.values()), options[period].line)


_CAMPAIGN_COLUMNS = (
    Column("Campaign", Kind.TEXT, campaign_label, definition="campaign_performance.campaign"),
    Column("Leads", Kind.COUNT, lambda row: row.leads, definition="campaign_performance.leads"),
    Column("Booked", Kind.COUNT, lambda row: row.bookings, definition="campaign_performance.bookings"),
    Column("Booking rate", Kind.RATE, lambda row: row.booking_rate, definition="campaign_performance.booking_rate"),
    Column("Click rate", Kind.RATE, lambda row: row.click_rate, definition="campaign_performance.click_rate"),
    Column("Opt-out rate", Kind.RATE, lambda row: row.opt_out_rate, definition="campaign_performance.opt_out_rate"),
)
HOT_COLUMNS = (
    leads.NAME,
    leads.COMPANY,
    leads.CAMPAIGN,
    leads.ICP_SCORE,
    leads.CLICKS,
    leads.LAST_SENT,
    Column("Claimed by", Kind.TEXT, lambda lead: lead.claimed_by, main=False, definition="leads.claimed_by"),
)

TOPIC = Topic(
    Verb(
        "dashboard",
        usage="dashboard [24h|7d|30d|all]",
        summary="how everything does, with the change against the period before, the best campaigns and hottest leads",
        examples=("dashboard", "dashboard 7d"),
        text="a period",
        filters=("period", "client"),
        text_filter="period",
    ),
    answer,
    sources=("leads", "campaigns", "sms_audit"),
    marts=("dashboard", "daily_activity", "campaign_performance", "leads", "sync_status"),
    section_names=("overview", "top_campaigns", "hot_leads"),
)
