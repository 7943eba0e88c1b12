"""marts.messages: metrics.md section 7, receipts taken one by one as the text says."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.warehouse.expected.base import Base, Json, Version
from tests.warehouse.expected.campaigns import UNASSIGNED, CampaignNames
from tests.warehouse.expected.values import clean_date, read_text, ten_digits

RESULTS = {"sent", "sms sent", "send failed"}
RESULT_WITHIN = timedelta(minutes=10)
RECEIPT_WITHIN = timedelta(days=7)


@dataclass
class Audit:
    """An SMS_Audit record that exists, clean; and what receipts have made of it."""

    record_id: str
    event: str
    campaign_id: str | None
    lead_record_id: str | None
    status: str | None
    phone: str | None
    ten_digits: str | None
    text: str | None
    sent_at: datetime | None
    delivery_at: datetime | None
    clicked_at: datetime | None
    receipts: dict[str, "Audit"] = field(default_factory=dict)

    @property
    def failed_itself(self) -> bool:
        """Whether its own record says that it failed."""
        return self.event == "send failed" or self.status_failed

    @property
    def status_failed(self) -> bool:
        """Whether Status is Failed or Undelivered, in any case."""
        return self.status is not None and self.status.lower() in {"failed", "undelivered"}


def expected_messages(
    base: Base, names: CampaignNames, lead_campaigns: dict[str, str], test_leads: set[str]
) -> list[dict[str, Json]]:
    """Return the rows of marts.messages.

    Args:
        lead_campaigns: existing lead to its present campaign.
        test_leads: every lead, gone ones too, that is a test.
    """
    audit = [_audit(base, record_id, version) for record_id, version in base.present("sms_audit").items()]
    messages = [record for record in audit if record.sent_at is not None and record.event not in {"delivery", "click"}]
    messages = _without_attempts_that_have_a_result(messages)
    # spec: metrics.md section 7: a test lead that is gone is still no reason to count its messages
    messages = [message for message in messages if message.lead_record_id not in test_leads]
    _draw_receipts(messages, audit, "delivery")
    _draw_receipts(messages, audit, "click")
    return [_row(base, message, names, lead_campaigns) for message in messages]


def _audit(base: Base, record_id: str, version: Version) -> Audit:
    def text(name: str) -> str | None:
        return read_text(base, "sms_audit", version, name)

    def date(name: str) -> datetime | None:
        return clean_date(version.fields.get(name), version.observed_at)[0]

    return Audit(
        record_id=record_id,
        event=(text("Event") or "").lower(),
        campaign_id=text("Campaign ID"),
        lead_record_id=text("Lead Record ID"),
        status=text("Status"),
        phone=text("Phone"),
        ten_digits=ten_digits(text("Phone")),
        text=text("Text"),
        sent_at=date("Sent At"),
        delivery_at=date("Delivery At"),
        clicked_at=date("Clicked At"),
    )


def _without_attempts_that_have_a_result(messages: list[Audit]) -> list[Audit]:
    results_by_lead: dict[str, list[Audit]] = defaultdict(list)
    results_by_phone: dict[str, list[Audit]] = defaultdict(list)
    for message in messages:
        if message.event in RESULTS:
            if message.lead_record_id is not None:
                results_by_lead[message.lead_record_id].append(message)
            if message.ten_digits is not None:
                results_by_phone[message.ten_digits].append(message)

    def has_result(attempt: Audit) -> bool:
        candidates = [] if attempt.lead_record_id is None else results_by_lead[attempt.lead_record_id]
        if attempt.ten_digits is not None:
            # spec: metrics.md section 7: "without one" is read as: where either of the two names no lead
            candidates = candidates + [
                result
                for result in results_by_phone[attempt.ten_digits]
                if attempt.lead_record_id is None or result.lead_record_id is None
            ]
        return any(_follows(result, attempt) for result in candidates)

    return [message for message in messages if message.event != "send attempt" or not has_result(message)]


def _follows(result: Audit, attempt: Audit) -> bool:
    assert result.sent_at is not None
    assert attempt.sent_at is not None
    return attempt.sent_at <= result.sent_at <= attempt.sent_at + RESULT_WITHIN


def _own_time(record: Audit, kind: str) -> datetime | None:
    return record.delivery_at if kind == "delivery" else record.clicked_at


def _draw_receipts(messages: list[Audit], audit: list[Audit], kind: str) -> None:
    by_phone: dict[str, list[Audit]] = defaultdict(list)
    for message in messages:
        if message.ten_digits is not None:
            by_phone[message.ten_digits].append(message)
    timed = [(_own_time(record, kind), record) for record in audit if record.event == kind]
    receipts = [(at, receipt) for at, receipt in timed if at is not None and receipt.ten_digits is not None]
    for at, receipt in sorted(receipts, key=lambda pair: (pair[0], pair[1].record_id)):
        takers = [
            (message.sent_at, message.record_id, message)
            for message in by_phone[receipt.ten_digits or ""]
            if message.sent_at is not None
            and message.sent_at <= at <= message.sent_at + RECEIPT_WITHIN
            and not message.failed_itself
            and _own_time(message, kind) is None
            and kind not in message.receipts
        ]
        if takers:
            max(takers, key=lambda taker: taker[:2])[2].receipts[kind] = receipt


def _row(base: Base, message: Audit, names: CampaignNames, lead_campaigns: dict[str, str]) -> dict[str, Json]:
    lead_id = message.lead_record_id if message.lead_record_id in lead_campaigns else None
    delivery, click = message.receipts.get("delivery"), message.receipts.get("click")
    undelivered = delivery is not None and delivery.status_failed
    delivered_at = message.delivery_at
    if delivery is not None and not undelivered:
        delivered_at = delivery.delivery_at
    if message.campaign_id is not None and names.knows(message.campaign_id):
        campaign = message.campaign_id
    else:
        campaign = UNASSIGNED if lead_id is None else lead_campaigns[lead_id]
    return {
        "client": base.client,
        "message_id": message.record_id,
        "lead_id": lead_id,
        "campaign": names.shown(campaign),
        "status": message.status,
        "failed": message.failed_itself or undelivered,
        "phone": message.phone,
        "sent_at": message.sent_at,
        "delivered_at": delivered_at,
        "clicked_at": message.clicked_at or (click.clicked_at if click else None),
        "text": message.text,
    }
