"""marts.dashboard as it must read at a given moment: metrics.md section 9."""

from datetime import datetime, timedelta

from tests.warehouse.expected.base import Base, Json
from tests.warehouse.expected.lead_versions import LeadVersion, click_rises
from tests.warehouse.expected.rates import rate

PERIODS = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30), "all": None}
Row = dict[str, Json]
Events = dict[str, list[tuple[datetime, int]]]  # column to when and how many


def expected_dashboard(
    base: Base,
    as_of: datetime,
    leads: list[Row],
    versions: dict[str, list[LeadVersion]],
    messages: list[Row],
    campaigns: list[Row],
) -> list[Row]:
    """Return the rows of marts.dashboard.

    Args:
        as_of: the moment of reading.
        leads: the rows of marts.leads that are no tests.
        versions: every lead's versions.
        messages: the rows of marts.messages.
        campaigns: the rows of marts.campaign_performance.
    """
    all_time = _all_time(base, as_of, leads, campaigns)
    events: Events = {
        "new_leads_in_period": [(lead["created_at"], 1) for lead in leads],
        "messages_in_period": [(message["sent_at"], 1) for message in messages if not message["failed"]],
        "bookings_in_period": [(lead["booking_made_at"], 1) for lead in leads if lead["booking_made_at"] is not None],
        "opt_outs_in_period": [(lead["opted_out_at"], 1) for lead in leads if lead["opted_out_at"] is not None],
        "clicks_in_period": [rise for lead in leads for rise in click_rises(versions[lead["lead_id"]])],
    }
    as_they_stand = {
        "new_leads_in_period": all_time["leads"],
        "messages_in_period": len(events["messages_in_period"]),
        "bookings_in_period": all_time["bookings"],
        "opt_outs_in_period": all_time["opt_outs"],
        "clicks_in_period": all_time["clicks"],
    }
    rows = []
    for period, length in PERIODS.items():
        row = all_time | {"period": period}
        for column, happened in events.items():
            if length is None:
                row[column], row[f"previous_{column}"] = as_they_stand[column], None
            else:
                row[column] = _count(happened, as_of - length, as_of)
                row[f"previous_{column}"] = _count(happened, as_of - 2 * length, as_of - length)
        rows.append(row)
    return rows


def _count(events: list[tuple[datetime, int]], after: datetime, until: datetime) -> int:
    return sum(count for at, count in events if after < at <= until)


def _all_time(base: Base, as_of: datetime, leads: list[Row], campaigns: list[Row]) -> Row:
    outreach = [row for row in campaigns if not row["is_unassigned"] and not row["is_internal"]]
    bookings = sum(lead["booked"] for lead in leads)
    opt_outs = sum(lead["stop_cause"] == "opted_out" for lead in leads)
    clickers = sum(lead["clicked"] for lead in leads)
    created = [(lead["created_at"], 1) for lead in leads]
    return {
        "client": base.client,
        "as_of": as_of,
        "history_since": base.first_load_at.get("leads"),
        "leads": len(leads),
        "active_leads": sum(lead["is_active"] for lead in leads),
        "done_leads": sum(lead["is_done"] for lead in leads),
        "messages_sent": sum(lead["messages_sent"] for lead in leads),
        "bookings": bookings,
        "booking_rate": rate(bookings, len(leads)),
        "opt_outs": opt_outs,
        "opt_out_rate": rate(opt_outs, len(leads)),
        "clicks": sum(lead["clicks"] for lead in leads),
        "clickers": clickers,
        "click_rate": rate(clickers, len(leads)),
        "new_leads_24h": _count(created, as_of - timedelta(hours=24), as_of),
        "new_leads_7d": _count(created, as_of - timedelta(days=7), as_of),
        "campaigns": len(outreach),
        "active_campaigns": sum(row["in_sequence"] > 0 for row in outreach),
        "paused_campaigns": sum(row["is_paused"] is True for row in outreach),
    }
