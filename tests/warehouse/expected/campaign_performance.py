"""marts.campaign_performance: metrics.md section 4, from the rows of marts.leads."""

from collections import defaultdict

from tests.warehouse.expected.base import Base, Json
from tests.warehouse.expected.campaigns import UNASSIGNED, CampaignNames, name_key
from tests.warehouse.expected.rates import rate

Row = dict[str, Json]

STATUS_COLUMNS = {
    "Backlog": "backlog",
    "Queued": "queued",
    "Processing": "processing",
    "Ready for SMS": "ready_for_sms",
    "In Sequence": "in_sequence",
    "Stopped": "stopped",
    "Completed": "completed",
    "Failed": "failed",
}


def expected_campaign_performance(base: Base, names: CampaignNames, leads: list[Row]) -> list[Row]:
    """Return the rows of marts.campaign_performance from the leads that are no tests."""
    by_campaign: dict[str, list[Row]] = defaultdict(list)
    for name in (UNASSIGNED, *(campaign.name for campaign in names.from_table.values())):
        by_campaign[name] = []
    for lead in leads:
        by_campaign[lead["campaign"]].append(lead)
    return [_row(base, names, campaign, members) for campaign, members in by_campaign.items()]


def _row(base: Base, names: CampaignNames, campaign: str, leads: list[Row]) -> Row:
    in_table = names.from_table.get(name_key(campaign))
    internal = {name_key(name) for name in base.internal_campaigns}
    steps = [lead["reached_step"] for lead in leads]
    statuses = [STATUS_COLUMNS.get(lead["processing_status"], "other_status") for lead in leads]
    bookings = sum(lead["booked"] for lead in leads)
    opt_outs = sum(lead["stop_cause"] == "opted_out" for lead in leads)
    replies = sum(lead["replied"] for lead in leads)
    clickers = sum(lead["clicked"] for lead in leads)
    messages = sum(lead["messages_sent"] for lead in leads)
    last_sent = [lead["last_sent_at"] for lead in leads if lead["last_sent_at"] is not None]

    return {
        "client": base.client,
        "campaign": campaign,
        "is_unassigned": campaign == UNASSIGNED,
        "is_internal": name_key(campaign) in internal,
        "campaign_type": in_table.campaign_type if in_table else None,
        "is_paused": in_table.is_paused if in_table else None,
        "leads": len(leads),
        "not_started": steps.count(0),
        "step_1": steps.count(1),
        "step_2": steps.count(2),
        "step_3": steps.count(3),
        "step_4_plus": sum(step >= 4 for step in steps),
        **{column: statuses.count(column) for column in (*STATUS_COLUMNS.values(), "other_status")},
        "bookings": bookings,
        "booking_rate": rate(bookings, len(leads)),
        "opt_outs": opt_outs,
        "opt_out_rate": rate(opt_outs, len(leads)),
        "removed": sum(lead["stop_cause"] == "removed" for lead in leads),
        "sms_stopped": sum(lead["sms_stopped"] for lead in leads),
        "replies": replies,
        "reply_rate": rate(replies, len(leads)),
        "clicks": sum(lead["clicks"] for lead in leads),
        "clickers": clickers,
        "click_rate": rate(clickers, len(leads)),
        "messages_sent": messages,
        "messages_per_lead": rate(messages, len(leads)),
        "last_sent_at": max(last_sent, default=None),
    }
