"""`clicks [CAMPAIGN]`: who clicks, and whether those who click book (spec/metrics.md section 6)."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection

from slackbot.answers import leads
from slackbot.answers.aggregates import ClickCounts, click_counts
from slackbot.answers.campaigns import campaign_link
from slackbot.answers.filters import LEAD_FILTERS, described, lead_condition
from slackbot.answers.model import Column, Findings, Kind, Layout, Link, Section, Topic
from slackbot.answers.wording import counted, short
from slackbot.grammar import Question, Verb, line
from uysp.settings import Settings

TOP_CLICKERS = 20
_COUNTS = ("links", "clicks", "clickers", "linked_clickers", "booked_clickers", "others", "booked_others")
_Row = TypeVar("_Row", bound="Clicks")


@dataclass(frozen=True)
class Clicks:
    """Columns of marts.click_tracking, summed; rates come from the sums."""

    client: str
    links: int
    clicks: int
    clickers: int
    linked_clickers: int
    link_click_rate: float | None
    booked_clickers: int
    booking_rate_of_clickers: float | None
    others: int
    booked_others: int
    booking_rate_of_others: float | None


@dataclass(frozen=True)
class CampaignClicks(Clicks):
    """The sums of one campaign."""

    campaign: str


@dataclass(frozen=True)
class StepClicks(Clicks):
    """The sums of one reached step."""

    reached_step: int


def answer(question: Question, connection: Connection, clients: tuple[str, ...], _settings: Settings) -> Findings:
    """Return sums over all, by campaign and by step, and the top 20 clickers.

    Campaigns come by clicks, then name; those that are in no ranking last.
    """
    filters = question.filters
    counts = click_counts(connection, clients, filters)
    unranked = {(row.client, row.campaign) for row in counts if not row.is_ranked}
    by_campaign = _summed(counts, lambda row: (row.client, row.campaign), CampaignClicks, "campaign")
    by_campaign.sort(
        key=lambda row: (
            (row.client, row.campaign) in unranked,
            row.campaign == "Unassigned",
            -row.clicks,
            row.campaign,
            row.client,
        )
    )
    by_step = _summed(counts, lambda row: (row.client, row.reached_step), StepClicks, "reached_step")
    by_step.sort(key=lambda row: (row.client, row.reached_step))
    summary = _summed(counts, lambda row: (row.client,), Clicks)
    summary.sort(key=lambda row: row.client)
    condition, values = lead_condition(filters)
    clickers = leads.select_leads(
        connection, clients, f" and clicks > 0{condition}", values, leads.MOST_CLICKS, TOP_CLICKERS
    )
    sections = {
        "summary": Section(
            summary, leads.with_client(_COLUMNS, clients), layout=Layout.CARD, empty="There are no such leads."
        ),
        "by_campaign": Section(
            by_campaign,
            leads.with_client((_CAMPAIGN, *_COLUMNS), clients),
            "By campaign",
            link=lambda row: campaign_link(row, question, clients),
        ),
        "by_step": Section(by_step, leads.with_client((_STEP, *_COLUMNS), clients), "By step reached"),
        "top_clickers": Section(
            clickers,
            leads.with_client(_CLICKER_COLUMNS, clients),
            "Top clickers",
            empty="Nobody has clicked.",
            link=leads.lead_link(clients),
        ),
    }
    client = leads.only(filters, "client")
    links = [
        Link("Hot leads", line("hot", filters=client)),
        Link("All campaigns", line("campaigns", filters=client)),
        Link("Dashboard", line("dashboard", filters=client)),
    ]
    if "campaign" in filters:
        links.insert(0, Link(filters["campaign"], line("campaign", filters["campaign"], client)))
        links.append(Link("Clicks of all", line("clicks", filters=client)))
    within = f" of {short(filters['campaign'])}" if "campaign" in filters else ""
    return Findings(
        f"Clicks{within}",
        _said(summary, within + described(filters)),
        sections,
        notes=(_NOTE,),
        links=tuple(links),
    )


def _summed(
    counts: Iterable[ClickCounts], key: Callable[[ClickCounts], tuple[Any, ...]], row_type: type[_Row], *named: str
) -> list[_Row]:
    """Return the sums for each key (client, then what `named` says), with the rates of the sums."""
    sums: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in counts:
        total = sums.setdefault(key(row), dict.fromkeys(_COUNTS, 0))
        for name in _COUNTS:
            total[name] += getattr(row, name)
    return [
        row_type(
            **dict(zip(("client", *named), found, strict=True)),
            **total,
            link_click_rate=_rate(total["linked_clickers"], total["links"]),
            booking_rate_of_clickers=_rate(total["booked_clickers"], total["clickers"]),
            booking_rate_of_others=_rate(total["booked_others"], total["others"]),
        )
        for found, total in sums.items()
    ]


def _rate(count: int, of: int) -> float | None:
    return count / of if of else None


def _said(rows: Sequence[Clicks], which: str) -> str:
    links, clicks, clickers, booked, others, booked_others = (
        sum(getattr(row, name) for row in rows)
        for name in ("links", "clicks", "clickers", "booked_clickers", "others", "booked_others")
    )
    compared = ""
    if clickers and others:
        compared = f" {booked / clickers:.1%} of those who clicked booked, {booked_others / others:.1%} of the others."
    have = "has" if links == 1 else "have"
    return f"{counted(clicks, 'click')} by {counted(clickers, 'lead')}{which}, {links:,} {have} a link.{compared}"


def _column(label: str, kind: Kind, name: str, *, main: bool = True) -> Column:
    def value(row: Any) -> object:
        return getattr(row, name)

    return Column(label, kind, value, main=main, definition=f"click_tracking.{name}")


_NOTE = (
    "That those who click book more often does not say that the click made them: they may have been interested before."
)
_CAMPAIGN = _column("Campaign", Kind.TEXT, "campaign")
_STEP = _column("Step reached", Kind.COUNT, "reached_step")
_COLUMNS = (
    _column("Links", Kind.COUNT, "links"),
    _column("Clicks", Kind.COUNT, "clicks"),
    _column("Clickers", Kind.COUNT, "clickers"),
    _column("Clickers with a link", Kind.COUNT, "linked_clickers", main=False),
    _column("Of links clicked", Kind.RATE, "link_click_rate"),
    _column("Clickers booked", Kind.COUNT, "booked_clickers", main=False),
    _column("Booking rate of clickers", Kind.RATE, "booking_rate_of_clickers"),
    _column("Others", Kind.COUNT, "others", main=False),
    _column("Others booked", Kind.COUNT, "booked_others", main=False),
    _column("Booking rate of others", Kind.RATE, "booking_rate_of_others"),
)
_CLICKER_COLUMNS = (
    leads.NAME,
    leads.COMPANY,
    leads.CAMPAIGN,
    leads.CLICKS,
    leads.ICP_SCORE,
    leads.BOOKED,
    leads.LAST_SENT,
)

TOPIC = Topic(
    Verb(
        "clicks",
        usage="clicks [CAMPAIGN]",
        summary="clicks by campaign and by step, whether those who click book, and the top 20 clickers",
        examples=("clicks", 'clicks "ChatGPT Use Cases"', "clicks source:Webinar"),
        text="a campaign",
        filters=("campaign", *LEAD_FILTERS, "client"),
        text_filter="campaign",
    ),
    answer,
    sources=("leads", "campaigns", "sms_audit"),
    marts=("click_tracking", "campaign_performance", "leads", "sync_status"),
    section_names=("summary", "by_campaign", "by_step", "top_clickers"),
)
