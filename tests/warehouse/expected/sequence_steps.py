"""marts.sequence_steps: metrics.md section 5, from the rows of marts.leads and marts.step_visits."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta

from tests.warehouse.expected.base import Base, Json
from tests.warehouse.expected.rates import rate

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Row = dict[str, Json]


def expected_sequence_steps(base: Base, leads: list[Row], visits: list[Row]) -> list[Row]:
    """Return the rows of marts.sequence_steps.

    Args:
        leads: the rows of marts.leads that are no tests.
        visits: the rows of marts.step_visits.
    """
    by_campaign: dict[str, list[Row]] = defaultdict(list)
    for lead in leads:
        by_campaign[lead["campaign"]].append(lead)
    days: dict[tuple[str, int], list[float]] = defaultdict(list)
    for visit in visits:
        if visit["left_at"] is not None:
            days[visit["campaign"], visit["step"]].append(visit["days"])
    return [
        {"client": base.client, "campaign": campaign, "step": step} | _figures(step, members, days[campaign, step])
        for campaign, members in by_campaign.items()
        for step in range(max(lead["reached_step"] for lead in members) + 1)
    ]


def _figures(step: int, leads: list[Row], days: list[float]) -> Row:
    def reached(lowest: int) -> int:
        return sum(lead["reached_step"] >= lowest for lead in leads)

    furthest = [lead for lead in leads if lead["reached_step"] == step]
    bookings = sum(lead["booked"] for lead in furthest)
    opt_outs = sum(lead["stop_cause"] == "opted_out" for lead in furthest)
    clickers = sum(lead["clicked"] for lead in furthest)
    is_last = reached(step + 1) == 0
    waiting = [lead for lead in leads if lead["step"] == step and lead["processing_status"] == "In Sequence"]
    return {
        "leads_at_step": sum(lead["step"] == step for lead in leads),
        "leads_reached": reached(step),
        "leads_furthest": len(furthest),
        "conversion_rate": None if is_last else rate(reached(step + 1), reached(step)),
        "bookings": bookings,
        "booking_rate": rate(bookings, len(furthest)),
        "opt_outs": opt_outs,
        "opt_out_rate": rate(opt_outs, len(furthest)),
        "clickers": clickers,
        "click_rate": rate(clickers, len(furthest)),
        "clicks": sum(lead["clicks"] for lead in furthest),
        "avg_last_sent_at": _mean([lead["last_sent_at"] for lead in waiting if lead["last_sent_at"] is not None]),
        "avg_days_at_step": sum(days) / len(days) if days else None,
        "completed_visits": len(days),
    }


def _mean(instants: list[datetime]) -> datetime | None:
    if not instants:
        return None
    return EPOCH + sum((instant - EPOCH for instant in instants), timedelta()) / len(instants)
