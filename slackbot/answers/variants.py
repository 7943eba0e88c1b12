"""`variants [CAMPAIGN]`: how the variants of a campaign's messages do (spec/metrics.md section 4)."""

from collections.abc import Sequence

from sqlalchemy import Connection

from slackbot.answers.aggregates import VariantPerformance, variants
from slackbot.answers.campaigns import campaign_link
from slackbot.answers.filters import LEAD_FILTERS, described
from slackbot.answers.leads import only, with_client
from slackbot.answers.model import Column, Findings, Kind, Link, Section, Topic
from slackbot.answers.wording import counted, short
from slackbot.grammar import Question, Verb, line
from uysp.settings import Settings


def answer(question: Question, connection: Connection, clients: tuple[str, ...], _settings: Settings) -> Findings:
    """Return campaigns' variants, by campaign in code-point order, then variant; leads without one last."""
    filters = question.filters
    rows = sorted(
        variants(connection, clients, filters),
        key=lambda row: (row.campaign, row.client, row.variant is None, row.variant or ""),
    )
    section = Section(
        rows,
        with_client(_COLUMNS, clients),
        "Variants",
        empty="There are no such leads.",
        link=lambda row: campaign_link(row, question, clients),
    )
    client = only(filters, "client")
    links = [Link("All campaigns", line("campaigns", filters=client))]
    if "campaign" in filters:
        links.insert(0, Link(filters["campaign"], line("campaign", filters["campaign"], client)))
        links.append(Link("All variants", line("variants", filters=client)))
    return Findings("Variants", _summary(rows, question), {"variants": section}, links=tuple(links))


def _summary(rows: Sequence[VariantPerformance], question: Question) -> str:
    within = f" of {short(question.filters['campaign'])}" if "campaign" in question.filters else ""
    leads = sum(row.leads for row in rows)
    named = {row.variant for row in rows if row.variant is not None}
    said = f"{counted(len(named), 'variant')}{within}, {counted(leads, 'lead')}{described(question.filters)}"
    by_name = {
        name: (
            sum(row.bookings for row in rows if row.variant == name),
            sum(row.leads for row in rows if row.variant == name),
        )
        for name in sorted(named)
    }
    shares = [f"{short(name)} {booked / of:.1%} booked" for name, (booked, of) in by_name.items() if of]
    return f"{said}{': ' if shares else ''}{', '.join(shares)}."


_COLUMNS = (
    Column("Campaign", Kind.TEXT, lambda row: row.campaign, definition="variant_performance.campaign"),
    Column("Variant", Kind.TEXT, lambda row: row.variant or "(none)", definition="variant_performance.variant"),
    Column("Leads", Kind.COUNT, lambda row: row.leads, definition="variant_performance.leads"),
    Column("Booked", Kind.COUNT, lambda row: row.bookings, definition="variant_performance.bookings"),
    Column("Booking rate", Kind.RATE, lambda row: row.booking_rate, definition="variant_performance.booking_rate"),
    Column("Clickers", Kind.COUNT, lambda row: row.clickers, main=False, definition="variant_performance.clickers"),
    Column("Click rate", Kind.RATE, lambda row: row.click_rate, definition="variant_performance.click_rate"),
    Column("Opt-outs", Kind.COUNT, lambda row: row.opt_outs, main=False, definition="variant_performance.opt_outs"),
    Column("Opt-out rate", Kind.RATE, lambda row: row.opt_out_rate, definition="variant_performance.opt_out_rate"),
    Column("Messages", Kind.COUNT, lambda row: row.messages_sent, definition="variant_performance.messages_sent"),
)

TOPIC = Topic(
    Verb(
        "variants",
        usage="variants [CAMPAIGN]",
        summary="how the variants of the messages do, by campaign",
        examples=("variants", 'variants "ChatGPT Use Cases"'),
        text="a campaign",
        filters=("campaign", *LEAD_FILTERS, "client"),
        text_filter="campaign",
    ),
    answer,
    sources=("leads", "campaigns", "sms_audit"),
    marts=("variant_performance", "campaign_performance", "leads", "sync_status"),
    section_names=("variants",),
)
