"""marts.leads: metrics.md sections 2 and 3."""

from collections import defaultdict
from datetime import datetime
from decimal import Decimal

from tests.warehouse.expected.base import Base, Json
from tests.warehouse.expected.campaigns import CampaignNames
from tests.warehouse.expected.lead_versions import (
    LeadVersion,
    booking_made_at,
    highest_step,
    in_present_campaign,
    is_test,
    opted_out_at,
)
from tests.warehouse.expected.values import clean_count, clean_date, clean_number, read_text

MOST_TEXTS = 100
LEVELS = {"Green": "High", "Yellow": "Medium", "Red": "Low"}
Row = dict[str, Json]


def expected_leads(
    base: Base, names: CampaignNames, versions: dict[str, list[LeadVersion]], messages: list[Row]
) -> list[Row]:
    """Return the rows of marts.leads.

    Args:
        versions: every lead's versions.
        messages: the rows of marts.messages.
    """
    sent: dict[str, list[Row]] = defaultdict(list)
    for message in messages:
        if message["lead_id"] is not None and not message["failed"]:
            sent[message["lead_id"]].append(message)
    return [_row(base, lead_id, names, versions[lead_id], sent[lead_id]) for lead_id in base.present("leads")]


def _row(base: Base, lead_id: str, names: CampaignNames, versions: list[LeadVersion], sent: list[Row]) -> Row:
    raw = base.history("leads")[lead_id][-1]
    now = versions[-1]

    def text(name: str) -> str | None:
        return read_text(base, "leads", raw, name)

    def date(name: str) -> datetime | None:
        return clean_date(raw.fields.get(name), raw.observed_at)[0]

    def number(name: str) -> Decimal | None:
        return clean_number(raw.fields.get(name))[0]

    test = is_test(versions)
    sent_count = clean_count(raw.fields.get("SMS Sent Count"))[0]
    clicks = max(version.clicks for version in versions)
    clicked = raw.fields.get("Clicked Link") is True or clicks > 0
    level = text("Engagement - Level")
    names_of_person = [part for part in (text("First Name"), text("Last Name")) if part is not None]
    return {
        "client": base.client,
        "lead_id": lead_id,
        "name": " ".join(names_of_person) or text("Lead") or text("Email") or lead_id,
        "first_name": text("First Name"),
        "last_name": text("Last Name"),
        "email": text("Email"),
        "phone": now.phone,
        "company": text("Company"),
        "job_title": text("Job Title"),
        "campaign": names.shown(now.campaign),
        "variant": now.variant,
        "icp_score": number("ICP Score"),
        "processing_status": now.processing_status,
        "hrq_status": now.hrq_status,
        "sms_status": now.sms_status,
        "step": now.step,
        "reached_step": highest_step(versions) or (0 if test else _texts_in_campaign(versions, sent)),
        "messages_sent": sent_count if test else max(sent_count, len(sent)),
        "last_sent_at": now.last_sent_at,
        "sms_stopped": now.stopped,
        "stop_reason": text("SMS Stop Reason"),
        "stop_cause": now.stop_cause,
        "opted_out_at": opted_out_at(versions),
        "booked": now.booked,
        "booked_at": now.booked_at,
        "booking_made_at": booking_made_at(versions),
        "short_link_url": text("Short Link URL"),
        "click_count": now.clicks,
        "clicks": clicks,
        "clicked": clicked,
        "first_clicked_at": date("First Clicked At"),
        "replied": any(version.replies > 0 for version in versions) or now.said_to_have_replied,
        "engagement_level": None if level is None else LEVELS.get(level, level),
        "lead_source": text("Lead Source"),
        "claimed_by": now.claimed_by,
        "claimed_at": date("Claimed At"),
        "notes": now.notes,
        "is_active": now.processing_status in {"In Sequence", "Ready for SMS"},
        "is_done": now.processing_status in {"Completed", "Stopped"},
        "is_hot": clicked and not now.booked and now.stop_cause not in {"opted_out", "removed"},
        "is_test": test,
        "created_at": base.created_times["leads"][lead_id],
        "modified_at": now.observed_at,
    }


def _texts_in_campaign(versions: list[LeadVersion], sent: list[Row]) -> int:
    first_stay = in_present_campaign(versions)[0]
    from_the_start = first_stay is versions[0]
    texts = {
        message["text"]
        for message in sent
        if message["text"] is not None and (from_the_start or message["sent_at"] >= first_stay.observed_at)
    }
    return min(len(texts), MOST_TEXTS)
