"""`campaigns`: how every campaign does (spec/metrics.md section 4)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from slackbot.answers.model import Column, Findings, Kind, Section, Topic, column_list, read_row
from slackbot.grammar import Question, Verb
from uysp.settings import Settings


@dataclass(frozen=True)
class CampaignPerformance:
    """A row of marts.campaign_performance; counts are numbers of leads unless named otherwise, rates fractions."""

    client: str
    campaign: str
    campaign_type: str | None
    is_paused: bool | None
    is_internal: bool
    is_unassigned: bool
    leads: int
    not_started: int
    step_1: int
    step_2: int
    step_3: int
    step_4_plus: int
    backlog: int
    queued: int
    processing: int
    ready_for_sms: int
    in_sequence: int
    stopped: int
    completed: int
    failed: int
    other_status: int
    bookings: int
    booking_rate: float | None
    opt_outs: int
    opt_out_rate: float | None
    removed: int
    sms_stopped: int
    replies: int
    reply_rate: float | None
    clicks: int
    clickers: int
    click_rate: float | None
    messages_sent: int
    messages_per_lead: float | None
    last_sent_at: datetime | None


_SELECT = text(f"""
    select {column_list(CampaignPerformance)}
    from marts.campaign_performance
    where client = any(:clients)
    order by is_internal or is_unassigned, is_unassigned, leads desc, campaign collate "C", client collate "C"
""")


def answer(_question: Question, connection: Connection, clients: tuple[str, ...], _settings: Settings) -> Findings:
    """Return all campaigns of these clients.

    Order: most leads first, because the table answers where the work is, and the small ones' rates mean little;
    equal ones by name in code-point order. Internal campaigns and then Unassigned stand last and are labelled
    (spec/metrics.md section 4), so that the sums add up without their leading a ranking.
    """
    found = connection.execute(_SELECT, {"clients": list(clients)}).mappings()
    rows = [read_row(CampaignPerformance, row) for row in found]
    columns = _COLUMNS if len(clients) == 1 else (_CLIENT, *_COLUMNS)
    section = Section(rows, columns, "Campaigns", empty="There are no campaigns yet.")
    return Findings("Campaigns", _summary(rows), {"campaigns": section})


def _summary(rows: list[CampaignPerformance]) -> str:
    """Count as marts.dashboard does: campaigns without Unassigned and internal ones, leads of all (section 9)."""
    campaigns = sum(not (row.is_internal or row.is_unassigned) for row in rows)
    leads = sum(row.leads for row in rows)
    bookings = sum(row.bookings for row in rows)
    opt_outs = sum(row.opt_outs for row in rows)
    shares = [f" ({count / leads:.1%})" if leads else "" for count in (bookings, opt_outs)]
    return (
        f"{campaigns:,} campaign{'' if campaigns == 1 else 's'}, {leads:,} leads, "
        f"{bookings:,} booked{shares[0]}, {opt_outs:,} opted out{shares[1]}."
    )


def _label(row: CampaignPerformance) -> str:
    marks = [mark for mark, holds in (("internal", row.is_internal), ("no campaign", row.is_unassigned)) if holds]
    return f"{row.campaign} ({', '.join(marks)})" if marks else row.campaign


def _state(row: CampaignPerformance) -> str | None:
    if row.is_paused is None:
        return None
    return "paused" if row.is_paused else "active"


_CLIENT = Column("Client", Kind.TEXT, lambda row: row.client)
_COLUMNS = (
    Column("Campaign", Kind.TEXT, _label),
    Column("State", Kind.TEXT, _state, main=False),
    Column("Leads", Kind.COUNT, lambda row: row.leads),
    Column("Not started", Kind.COUNT, lambda row: row.not_started, main=False),
    Column("Step 1", Kind.COUNT, lambda row: row.step_1, main=False),
    Column("Step 2", Kind.COUNT, lambda row: row.step_2, main=False),
    Column("Step 3", Kind.COUNT, lambda row: row.step_3, main=False),
    Column("Step 4+", Kind.COUNT, lambda row: row.step_4_plus, main=False),
    Column("In sequence", Kind.COUNT, lambda row: row.in_sequence),
    Column("Booked", Kind.COUNT, lambda row: row.bookings),
    Column("Booking rate", Kind.RATE, lambda row: row.booking_rate),
    Column("Opt-outs", Kind.COUNT, lambda row: row.opt_outs),
    Column("Opt-out rate", Kind.RATE, lambda row: row.opt_out_rate),
    Column("Reply rate", Kind.RATE, lambda row: row.reply_rate, main=False),
    Column("Clickers", Kind.COUNT, lambda row: row.clickers, main=False),
    Column("Click rate", Kind.RATE, lambda row: row.click_rate),
    Column("Messages", Kind.COUNT, lambda row: row.messages_sent),
    Column("Per lead", Kind.NUMBER, lambda row: row.messages_per_lead, main=False),
    Column("Last sent", Kind.TIME, lambda row: row.last_sent_at, main=False),
)

TOPIC = Topic(
    Verb(
        "campaigns",
        usage="campaigns [client:KEY]",
        summary="every campaign with its leads, bookings, opt-outs, clicks and messages",
        examples=("campaigns",),
        filters=("client",),
    ),
    answer,
    sources=("leads", "campaigns", "sms_audit"),
    marts=("campaign_performance", "sync_status"),
    section_names=("campaigns",),
)
