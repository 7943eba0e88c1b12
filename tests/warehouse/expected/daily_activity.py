"""marts.daily_activity: metrics.md section 8."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from zoneinfo import ZoneInfo

from tests.warehouse.expected.base import Base, Json
from tests.warehouse.expected.lead_versions import LeadVersion, click_rises

KINDS = ("new_leads", "messages_sent", "messages_delivered", "bookings", "opt_outs", "clicks")
KNOWN_SINCE_FIRST_LOAD = ("opt_outs", "clicks")
Row = dict[str, Json]


def expected_daily_activity(
    base: Base, leads: list[Row], versions: dict[str, list[LeadVersion]], messages: list[Row]
) -> list[Row]:
    """Return the rows of marts.daily_activity.

    Args:
        leads: the rows of marts.leads that are no tests.
        versions: every lead's versions.
        messages: the rows of marts.messages.
    """
    zone = ZoneInfo(base.timezone)
    first_load_at = base.first_load_at.get("leads")
    first_day = None if first_load_at is None else first_load_at.astimezone(zone).date()
    counts: dict[tuple[str, date], Counter[str]] = defaultdict(Counter)
    for campaign, kind, at, count in _events(leads, versions, messages):
        counts[campaign, at.astimezone(zone).date()][kind] += count
    return [
        {"client": base.client, "campaign": campaign, "day": day}
        | {
            kind: None if kind in KNOWN_SINCE_FIRST_LOAD and (first_day is None or day < first_day) else of_day[kind]
            for kind in KINDS
        }
        for (campaign, day), of_day in counts.items()
    ]


def _events(
    leads: list[Row], versions: dict[str, list[LeadVersion]], messages: list[Row]
) -> Iterator[tuple[str, str, datetime, int]]:
    """Yield campaign, kind, time and count of everything that has a time."""
    for lead in leads:
        times = {"new_leads": "created_at", "bookings": "booking_made_at", "opt_outs": "opted_out_at"}
        for kind, column in times.items():
            if lead[column] is not None:
                yield lead["campaign"], kind, lead[column], 1
        for at, rise in click_rises(versions[lead["lead_id"]]):
            yield lead["campaign"], "clicks", at, rise
    for message in messages:
        if not message["failed"]:
            yield message["campaign"], "messages_sent", message["sent_at"], 1
            if message["delivered_at"] is not None:
                yield message["campaign"], "messages_delivered", message["delivered_at"], 1
