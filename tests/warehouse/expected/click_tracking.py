"""marts.click_tracking: metrics.md section 6, from the rows of marts.leads."""

from collections import defaultdict

from tests.warehouse.expected.base import Base, Json
from tests.warehouse.expected.rates import rate

Row = dict[str, Json]


def expected_click_tracking(base: Base, leads: list[Row]) -> list[Row]:
    """Return the rows of marts.click_tracking from the leads that are no tests."""
    groups: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for lead in leads:
        groups[lead["campaign"], lead["reached_step"]].append(lead)
    return [_row(base, campaign, step, members) for (campaign, step), members in groups.items()]


def _row(base: Base, campaign: str, reached_step: int, leads: list[Row]) -> Row:
    linked = [lead for lead in leads if lead["short_link_url"] is not None]
    clickers = [lead for lead in leads if lead["clicked"]]
    linked_clickers = sum(lead["clicked"] for lead in linked)
    others = [lead for lead in linked if not lead["clicked"]]
    booked_clickers = sum(lead["booked"] for lead in clickers)
    booked_others = sum(lead["booked"] for lead in others)
    return {
        "client": base.client,
        "campaign": campaign,
        "reached_step": reached_step,
        "links": len(linked),
        "clicks": sum(lead["clicks"] for lead in leads),
        "clickers": len(clickers),
        "linked_clickers": linked_clickers,
        "link_click_rate": rate(linked_clickers, len(linked)),
        "booked_clickers": booked_clickers,
        "booking_rate_of_clickers": rate(booked_clickers, len(clickers)),
        "others": len(others),
        "booked_others": booked_others,
        "booking_rate_of_others": rate(booked_others, len(others)),
    }
