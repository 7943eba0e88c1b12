"""What the outside automations share: their way to the base, their chance and clock, and what they remember."""

import random
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from playground.sample.endpoint import Cells, Endpoint, Row, quoted
from playground.sample.times import iso

REMEMBERED: Final = 300  # messages that a provider may still report on
_TEN_DIGITS: Final = re.compile(r"1?(\d{10})")


@dataclass(frozen=True)
class Happening:
    """Something that an automation did: its name, and the leads that it wrote to."""

    kind: str
    lead_ids: tuple[str, ...] = ()


@dataclass
class SentMessage:
    """A message that the provider knows. `phone` is ten digits."""

    lead_id: str
    phone: str
    email: str
    link_id: str
    sent_at: datetime
    is_reported: bool = False


@dataclass
class Outside:
    """The world outside the base.

    Attributes:
        gap: seconds between an automation's read and its write, in which others may write.
        sleep: waits so many seconds; raises when it is time to end.
        messages: the latest messages, newest last.
        click_totals: clicks by short link, as the link provider counts them; nobody ever sets them back.
    """

    endpoint: Endpoint
    rng: random.Random
    clock: Callable[[], datetime]
    gap: float
    sleep: Callable[[float], None]
    messages: deque[SentMessage] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    click_totals: dict[str, int] = field(default_factory=dict)

    def now(self) -> str:
        """This second, as Airtable writes it."""
        return iso(self.clock())

    def remember(self, lead: Row, sent_at: datetime) -> None:
        """Keep a message that went to a lead, if its phone can be one."""
        phone = ten_digits(lead.fields)
        if phone:
            email = str(lead.fields.get("Email", "")).strip().lower()
            link_id = str(lead.fields.get("Short Link ID", ""))
            self.messages.append(SentMessage(lead.id, phone, email, link_id, sent_at))

    def some_message(self) -> SentMessage | None:
        """One of the latest messages; those in the base where this process has sent none yet."""
        if not self.messages:
            sent = f"AND({{SMS Last Sent At}}, IS_BEFORE({{SMS Last Sent At}}, {quoted(self.now())}))"
            for lead in reversed(self.endpoint.select("Leads", sent, newest="SMS Last Sent At")):
                self.remember(lead, moment(lead.fields["SMS Last Sent At"]))
        return self.rng.choice(self.messages) if self.messages else None

    def leads_with_phone(self, phone: str) -> list[Row]:
        """All leads whose phone has just these ten digits, with or without a 1 before them."""
        return self.endpoint.select("Leads", same_phone(phone))

    def update_all(self, leads: list[Row], cells: Cells) -> tuple[str, ...]:
        """Write the same cells to every lead; returns their ids."""
        self.endpoint.update("Leads", {lead.id: cells for lead in leads})
        return tuple(lead.id for lead in leads)


def ten_digits(fields: Cells) -> str:
    """The digits of a lead's phone without a leading 1, or nothing where they are not ten."""
    match = _TEN_DIGITS.fullmatch(re.sub(r"[^0-9]", "", str(fields.get("Phone", ""))))
    return match[1] if match else ""


def same_phone(phone: str) -> str:
    """A formula that holds for leads with these ten digits."""
    pattern = "[^0-9]*".join(phone)
    return f"REGEX_MATCH({{Phone}} & '', {quoted(f'^[^0-9]*(1[^0-9]*)?{pattern}[^0-9]*$')})"


def number(fields: Cells, name: str) -> float:
    """A number cell; 0 where it is empty or none, or beyond what these programs can count on from."""
    value = fields.get(name, 0)
    return value if isinstance(value, int | float) and abs(value) < 2**53 else 0


def moment(text: str) -> datetime:
    """Airtable's writing of a moment, read."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
