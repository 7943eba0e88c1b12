"""The message log of the sample base (SMS_Audit): several records for one message, in the words of several programs.

A message may have an attempt, a result, a delivery receipt and a click receipt, each a record of its own
(spec/metrics.md section 7); how the records of a message go wrong is in `AUDIT_DIRT`.
"""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Final

from playground.sample.campaigns import message_text
from playground.sample.leads import Contact
from playground.sample.people import phone_number, spell_phone
from playground.sample.schema import Json, new_id, options_of
from playground.sample.times import iso

DIRTY_EVERY: Final = 13  # one message in so many goes wrong in the next way of AUDIT_DIRT

_EARLIER_CAMPAIGNS: Final = options_of("Leads", "Campaign (CORRECTED)")
_CARRIERS: Final = ("Northwire", "Blue Mesa Mobile", "Tricell")
_RESULTS: Final = ("Sent", "SMS Sent", "sent", "SENT")


def audit_records(seed: int, contacts: Sequence[Contact], total: int, now: datetime) -> Iterator[Json]:
    """Exactly `total` records: what the leads' cells tell of first, then campaigns that leads were in before."""
    rng = random.Random(f"{seed}/audit")
    written = 0
    for number, message in enumerate(_messages(rng, contacts, now)):
        if number % DIRTY_EVERY == DIRTY_EVERY // 2:
            AUDIT_DIRT[number // DIRTY_EVERY % len(AUDIT_DIRT)](rng, message, now)
        for at, fields in message.rows():
            if written == total:
                return
            written += 1
            yield {"id": new_id(rng, "rec"), "createdTime": iso(min(at, now)), "fields": fields}


class Message:
    """The records of one message while they are made up.

    Attributes:
        sent_at: when the result says that it went out.
        result: cells of the record that says so.
        others: cells of attempt, delivery and click records, each with the moment it was written.
    """

    def __init__(self, sent_at: datetime, result: Json) -> None:
        self.sent_at = sent_at
        self.result = result
        self.others: list[tuple[datetime, Json]] = []

    def rows(self) -> list[tuple[datetime, Json]]:
        """All records in the order in which they were written."""
        return sorted([(self.sent_at, self.result), *self.others], key=lambda row: row[0])

    def add_receipt(self, event: str, phone: str, at: datetime, status: str) -> None:
        """A record of its own that says what became of the message; it knows the phone, not the lead."""
        fields: Json = {"Event": event, "Phone": phone, "Status": status}
        if event.strip().lower() == "click":
            fields |= {"Clicked": True, "Clicked At": iso(at)}
        else:
            fields["Delivery At"] = iso(at)
            fields["Webhook Raw"] = json.dumps({"type": "DELIVERY_REPORT", "contactPhone": phone, "status": status})
        self.others.append((at, fields))


def _messages(rng: random.Random, contacts: Sequence[Contact], now: datetime) -> Iterator[Message]:
    """One message after the other, without end."""
    for contact in contacts:
        for step, sent_at in enumerate(contact.sent, start=1):
            clicked_at = contact.clicked_at if step == len(contact.sent) else None
            yield _message(rng, contact, contact.campaign, step, sent_at, clicked_at)
    stranger = Contact("recGoneLongAgo000", phone_number(7), "Casey", "", "A", now - timedelta(days=90), is_test=False)
    for unused in count():
        contact = rng.choice(contacts) if contacts else stranger
        sent_at = contact.created + (now - contact.created) * (rng.random() * 0.9)
        clicked_at = sent_at + timedelta(hours=rng.random() * 30) if rng.random() < 0.06 else None
        campaign = rng.choice(_EARLIER_CAMPAIGNS)
        yield _message(rng, contact, campaign, 1 + unused % 3, sent_at, clicked_at)


def _message(
    rng: random.Random, contact: Contact, campaign: str, step: int, sent_at: datetime, clicked_at: datetime | None
) -> Message:
    """The records of a message on which everything went as it usually does."""
    failed = rng.random() < 0.016
    result: Json = {"Event": "Send Failed" if failed else rng.choices(_RESULTS, (70, 26, 2, 2))[0]}
    if campaign and rng.random() < 0.95:
        result["Campaign ID"] = campaign
    if contact.phone:
        result["Phone"] = spell_phone(contact.phone, rng.random())
    result["Status"] = "Failed" if failed else "Sent"
    if rng.random() < 0.5:
        result["Carrier"] = rng.choice(_CARRIERS)
    result["Lead Record ID"] = contact.lead_id
    result["Text"] = message_text(campaign or "our training", contact.variant or "A", step, contact.first_name)
    result["Sent At"] = iso(sent_at)
    message = Message(sent_at, result)
    if rng.random() < 0.45:
        attempted_at = sent_at - timedelta(seconds=rng.randrange(1, 40))
        attempt = {name: cell for name, cell in result.items() if name not in ("Status", "Carrier")}
        message.others.append((attempted_at, attempt | {"Event": "Send Attempt", "Sent At": iso(attempted_at)}))
    if failed:
        return message

    digits = spell_phone(contact.phone, rng.choice((0, 0.15))) if contact.phone else ""
    delivered_at = sent_at + timedelta(seconds=rng.randrange(2, 90))
    receipt = rng.random()
    if receipt < 0.15:
        result |= {"Status": "Delivered", "Delivery At": iso(delivered_at)}
    elif receipt < 0.9:
        status = rng.choices(("Delivered", "Undelivered", "Failed"), (970, 22, 8))[0]
        message.add_receipt("Delivery", digits, delivered_at, status)
    if clicked_at is not None:
        if rng.random() < 0.3:
            result |= {"Clicked": True, "Clicked At": iso(clicked_at)}
        else:
            message.add_receipt("Click", digits, clicked_at, "Clicked")
    return message


def _of_a_lead_that_is_gone(rng: random.Random, message: Message, _now: datetime) -> None:
    message.result["Lead Record ID"] = new_id(rng, "rec")


def _without_lead(_rng: random.Random, message: Message, _now: datetime) -> None:
    del message.result["Lead Record ID"]


def _attempt_and_result_without_lead(rng: random.Random, message: Message, _now: datetime) -> None:
    number = phone_number(rng.randrange(20_000))
    message.result["Phone"] = spell_phone(number, 0.4)
    message.result.pop("Lead Record ID")
    attempted_at = message.sent_at - timedelta(seconds=20)
    attempt = {"Event": "Send Attempt", "Phone": f"+1{number}", "Sent At": iso(attempted_at)}
    message.others = [(attempted_at, attempt)]


def _without_sent_at(_rng: random.Random, message: Message, _now: datetime) -> None:
    del message.result["Sent At"]


def _impossible_sent_at(rng: random.Random, message: Message, _now: datetime) -> None:
    message.result["Sent At"] = rng.choice(("1970-01-01T00:00:00.000Z", "2999-01-01T09:00:00.000Z"))


def _sent_tomorrow(_rng: random.Random, message: Message, now: datetime) -> None:
    message.result["Sent At"] = iso(now + timedelta(days=1))


def _attempt_without_result(_rng: random.Random, message: Message, _now: datetime) -> None:
    message.result["Event"] = "Send Attempt"
    del message.result["Status"]
    message.others.clear()


def _attempt(minutes_before: float) -> Callable[[random.Random, Message, datetime], None]:
    def replace_attempt(_rng: random.Random, message: Message, _now: datetime) -> None:
        at = message.sent_at - timedelta(minutes=minutes_before)
        attempt = {name: cell for name, cell in message.result.items() if name not in ("Status", "Carrier")}
        message.others = [(at, attempt | {"Event": "Send Attempt", "Sent At": iso(at)})]

    return replace_attempt


def _failed_after_an_attempt(rng: random.Random, message: Message, now: datetime) -> None:
    _attempt(0.5)(rng, message, now)
    message.result |= {"Event": "Send Failed", "Status": "Failed"}


def _receipt(
    event: str, after: timedelta, status: str, phone: Callable[[str], str] = lambda phone: phone
) -> Callable[[random.Random, Message, datetime], None]:
    """One more receipt, `after` the message; `phone` spells the number."""

    def add_receipt(_rng: random.Random, message: Message, now: datetime) -> None:
        at = min(message.sent_at + after, now)
        message.add_receipt(event, phone(message.result.get("Phone", "")), at, status)

    return add_receipt


def _receipt_without_time(_rng: random.Random, message: Message, _now: datetime) -> None:
    fields = {"Event": "Delivery", "Phone": message.result.get("Phone", ""), "Status": "Delivered"}
    message.others.append((message.sent_at + timedelta(minutes=1), fields))


def _receipt_of_nobody(rng: random.Random, message: Message, _now: datetime) -> None:
    message.add_receipt("Delivery", "555-0142", message.sent_at + timedelta(minutes=2), "Delivered")
    message.add_receipt("Click", phone_number(3_000_000 + rng.randrange(1000)), message.sent_at, "Clicked")


def _set(**by_alias: str | None) -> Callable[[random.Random, Message, datetime], None]:
    """Cells of the result; names are written with _ for blanks, None empties one."""
    cells = {alias.replace("_", " "): cell for alias, cell in by_alias.items()}

    def set_cells(_rng: random.Random, message: Message, _now: datetime) -> None:
        for name, cell in cells.items():
            if cell is None:
                message.result.pop(name, None)
            else:
                message.result[name] = cell

    return set_cells


def _delivered_by_itself(_rng: random.Random, message: Message, _now: datetime) -> None:
    at = iso(message.sent_at + timedelta(seconds=30))
    message.result |= {"Status": "Delivered", "Delivery At": at, "Clicked": True, "Clicked At": at}


def _spoil_phone(_rng: random.Random, message: Message, _now: datetime) -> None:
    message.result["Phone"] = f"{message.result.get('Phone', '')} ext. 77"


AUDIT_DIRT: Final[tuple[Callable[[random.Random, Message, datetime], None], ...]] = (
    _of_a_lead_that_is_gone,
    _without_lead,
    _attempt_and_result_without_lead,
    _set(Lead_Record_ID="not a record id"),
    _without_sent_at,
    _impossible_sent_at,
    _sent_tomorrow,
    # One message or two: attempts with and without a result
    _attempt_without_result,
    _attempt(9.9),
    _attempt(10.1),
    _attempt(-1),
    _failed_after_an_attempt,
    # Failed, by its own word or another's
    _set(Event="Send Failed", Status="Failed"),
    _set(Event="SEND FAILED", Status=None),
    _set(Status="Undelivered"),
    _receipt("Delivery", timedelta(seconds=40), "Undelivered"),
    _receipt("delivery", timedelta(seconds=50), "Failed"),
    # Receipts: own and separate, late, early, twice, for nobody
    _delivered_by_itself,
    _receipt("Delivery", timedelta(seconds=45), "Delivered", lambda phone: phone + " x12"),
    _receipt("DELIVERY", timedelta(days=6, hours=23), "Delivered"),
    _receipt("Delivery", timedelta(days=8), "Delivered"),
    _receipt("Delivery", timedelta(minutes=-2), "Delivered"),
    _receipt("Click", timedelta(hours=1), "Clicked"),
    _receipt(" click ", timedelta(days=2), "Clicked"),
    _receipt_without_time,
    _receipt_of_nobody,
    # Cells
    _set(Phone=None),
    _set(Phone="1-555"),
    _spoil_phone,
    _set(Campaign_ID=None),
    _set(Campaign_ID="msg_68b1f0c2"),
    _set(Campaign_ID="ChatGPT use-cases"),
    _set(Campaign_ID=" Rad Goals "),
    _set(Event=None),
    _set(Event=" Sent "),
    _set(Event="Test Mode"),
    _set(Text=None),
    _set(Text="NUL \u0000 <b>bold</b> <!channel> =1+1 🙂 \u202eabc\u202c"),
)
