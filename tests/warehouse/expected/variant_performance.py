"""marts.variant_performance: metrics.md section 4, from the rows of marts.leads."""

from collections import defaultdict

from tests.warehouse.expected.base import Base, Json
from tests.warehouse.expected.rates import rate

Row = dict[str, Json]


def expected_variant_performance(base: Base, leads: list[Row]) -> list[Row]:
    """Return the rows of marts.variant_performance from the leads that are no tests."""
    groups: dict[tuple[str, str | None], list[Row]] = defaultdict(list)
    for lead in leads:
        groups[lead["campaign"], lead["variant"]].append(lead)
    return [_row(base, campaign, variant, members) for (campaign, variant), members in groups.items()]


def _row(base: Base, campaign: str, variant: str | None, leads: list[Row]) -> Row:
    bookings = sum(lead["booked"] for lead in leads)
    clickers = sum(lead["clicked"] for lead in leads)
    opt_outs = sum(lead["stop_cause"] == "opted_out" for lead in leads)
    return {
        "client": base.client,
        "campaign": campaign,
        "variant": variant,
        "leads": len(leads),
        "bookings": bookings,
        "booking_rate": rate(bookings, len(leads)),
        "clickers": clickers,
        "click_rate": rate(clickers, len(leads)),
        "opt_outs": opt_outs,
        "opt_out_rate": rate(opt_outs, len(leads)),
        "messages_sent": sum(lead["messages_sent"] for lead in leads),
    }
