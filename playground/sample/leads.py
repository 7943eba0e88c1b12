"""The Leads table of the sample base: who is in it, how far outreach got with each, and what each did.

Mixes of statuses, scores and outcomes follow what the real base looked like; how cells go wrong is in `lead_dirt`.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from playground.sample.campaigns import TITLES, UNLISTED_SLUGS
from playground.sample.lead_dirt import LEAD_DIRT
from playground.sample.lead_texts import TAGS, note_entries, reply_text
from playground.sample.people import ACCOUNT_EXECUTIVES, Person, person, spell_phone
from playground.sample.schema import Json, new_id, options_of
from playground.sample.times import iso

DIRTY_EVERY: Final = 11  # one lead in so many goes wrong in the next way of LEAD_DIRT
_SAME_PERSON_AGAIN: Final = 0.05
_WITHOUT_CAMPAIGN: Final = 0.135
_BULK_IMPORT: Final = 0.6

_STATUSES: Final = {
    "Ready for SMS": 330, "Queued": 260, "In Sequence": 140, "Complete": 100, "Completed": 55, "Backlog": 55,
    "Stopped": 20, "Failed": 12, "Processing": 8, "": 20,
}  # fmt: skip
_STATUS_NAMES: Final = tuple(_STATUSES)
_STATUS_WEIGHTS: Final = tuple(_STATUSES.values())
_MESSAGES_BY_STATUS: Final[dict[str, tuple[tuple[int, ...], tuple[int, ...]]]] = {
    "In Sequence": ((1, 2, 3, 4, 5, 6), (66, 20, 9, 3, 1, 1)),
    "Complete": ((0, 1, 3, 4, 7), (45, 10, 40, 4, 1)),
    "Completed": ((1, 2, 3, 4), (45, 30, 20, 5)),
    "Stopped": ((1, 2, 3), (60, 25, 15)),
    "Ready for SMS": ((0, 1), (92, 8)),
}
_NO_MESSAGES: Final = ((0,), (1,))
_REMOVAL_REASONS: Final = ("Removed: wrong number", "Asked by phone, Robin", "bounced", "Competitor", "unsubscribed")

_COMPANY_TYPES: Final = options_of("Leads", "Company Type")[:4]
_PAIN_POINTS: Final = options_of("Leads", "Pain Point")
_REPLIED: Final = options_of("Leads", "Conversation Status")[1:]
_HRQ_STATUSES: Final = options_of("Leads", "HRQ Status")
_AI_COUNTERS: Final = (
    "🤖 ai_message_count_today", "🤖 messages_in_last_2_hours", "🤖 safety_violations_count",
    "🤖 total_ai_messages_sent", "🤖 total_ai_cost_usd", "🤖 retry_count", "SMS Retry Count",
)  # fmt: skip
_SCORE_COMPONENTS: Final = ("Company Score Component", "Role Score Component", "Dynamic Signals Score")
_BOOKING_ZEROES: Final = ("SMS Sequence Position", "SMS Sent Count", "SMS Cost", "Click Count", *_SCORE_COMPONENTS)
_SCHEDULER_ZEROES: Final = (
    "SMS Sequence Position", "Click Count", "Reply Count", "SMS Cost", *_SCORE_COMPONENTS, *_AI_COUNTERS,
    "Engagement - Tag Count", "Engagement - Recency Points", "Engagement - Total Score",
)  # fmt: skip


@dataclass(slots=True)
class Contact:
    """What the messages of a lead are made from.

    Attributes:
        phone: ten digits, or empty where the lead has none that could be texted.
        campaign: as the message log writes it: slug, title, or empty.
        sent: when each message went out, oldest first.
        clicked_at: when the short link was opened.
    """

    lead_id: str
    phone: str
    first_name: str
    campaign: str
    variant: str
    created: datetime
    is_test: bool
    sent: list[datetime] = field(default_factory=list)
    clicked_at: datetime | None = None


def lead_records(seed: int, count: int, now: datetime, campaigns: list[Json]) -> Iterator[tuple[Json, Contact]]:
    """All leads in the order of their creation in the base, each with what its messages are made from.

    Args:
        seed: what everything follows from.
        count: how many leads.
        now: the latest moment that anything has happened at.
        campaigns: rows of the Campaigns table in the order of `TITLES`; ids of linked leads are added to them.
    """
    rng = random.Random(f"{seed}/leads")
    slugs = [title.slug for title in TITLES] + list(UNLISTED_SLUGS)
    shares = [title.share for title in TITLES] + list(UNLISTED_SLUGS.values())
    choices = range(len(slugs))
    for index in range(count):
        number = rng.randrange(index) if index > 20 and rng.random() < _SAME_PERSON_AGAIN else index
        somebody = person(seed, number)
        bulk = rng.random() < _BULK_IMPORT
        age = (rng.choice((298, 284, 270, 255)) if bulk else 250 * rng.random() ** 1.5) + rng.random()
        created = now - timedelta(days=age)
        record: Json = {"id": new_id(rng, "rec"), "createdTime": iso(created), "fields": {}}
        fields: Json = record["fields"]
        contact = Contact(record["id"], somebody.phone, somebody.first_name, "", "", created, is_test=False)

        _identify(rng, fields, somebody)
        _enrich(rng, fields, somebody)
        _import(rng, fields, created, bulk=bulk)
        if rng.random() >= _WITHOUT_CAMPAIGN:
            chosen = rng.choices(choices, shares)[0]
            linked = campaigns[chosen] if chosen < len(campaigns) else None
            _enrol(rng, fields, contact, slugs[chosen], linked)
        else:
            fields["HRQ Status"] = "Review"
            fields["HRQ Reason"] = "Form not mapped to a campaign"
        _send(rng, fields, contact, now)
        if contact.sent:
            _react(rng, fields, contact, now)
        _claim(rng, fields, created, now)

        if index % DIRTY_EVERY == DIRTY_EVERY // 2:
            make_dirty = LEAD_DIRT[index // DIRTY_EVERY % len(LEAD_DIRT)]
            make_dirty(rng, fields, now, campaigns)
        contact.is_test = fields.get("SMS Status") == "Test"
        for linked_id in fields.get("Linked Campaign", ()):
            linked = next(campaign for campaign in campaigns if campaign["id"] == linked_id)
            linked["fields"].setdefault("Leads", []).append(record["id"])
        yield record, contact


def _identify(rng: random.Random, fields: Json, somebody: Person) -> None:
    fields["Lead"] = f"{somebody.first_name} {somebody.last_name}"
    fields["Email"] = somebody.email
    fields["Phone"] = spell_phone(somebody.phone, rng.random())
    if rng.random() < 0.82:
        fields["Phone Valid"] = True
    fields["First Name"] = somebody.first_name
    if rng.random() < 0.97:
        fields["Last Name"] = somebody.last_name
    fields["Job Title"] = somebody.job_title
    fields["Company"] = somebody.company


def _enrich(rng: random.Random, fields: Json, somebody: Person) -> None:
    """Company, score components and what an enrichment run leaves behind."""
    if rng.random() < 0.72:
        fields["Location Country"] = somebody.country
    fields["Enrichment Outcome"] = rng.choices(("Success", "No Match", "Error"), (70, 25, 5))[0]
    if rng.random() < 0.85:
        fields["Company Domain"] = somebody.domain
        fields["Company Type"] = rng.choice(_COMPANY_TYPES)
        fields["Company Industry"] = rng.choice(("Software", "Staffing", "Insurance", "Manufacturing", "Education"))
        fields["Company Description"] = f"{somebody.company} sells to mid-sized companies."
        fields["Company LinkedIn"] = f"https://social.example/company/{somebody.domain.removesuffix('.example')}"
    if rng.random() < 0.37:
        fields["Linkedin URL - Person"] = f"https://social.example/in/{somebody.email.partition('@')[0]}"
    fit = rng.random()
    if fit < 0.04:
        scores = (25, rng.randrange(25, 46), rng.randrange(5, 11))
        fields["Prime Fit Bonus"] = True
    elif fit < 0.085:
        scores = (rng.choice((10, 18, 25)), rng.randrange(8, 25), rng.randrange(11))
    elif fit < 0.2:
        scores = (rng.choice((2, 10)), rng.randrange(11), rng.randrange(5))
    else:
        scores = (0, 0, 0)
    if any(scores) or rng.random() < 0.6:
        fields.update(zip(_SCORE_COMPONENTS, scores, strict=True))


def _import(rng: random.Random, fields: Json, created: datetime, *, bulk: bool) -> None:
    tags = rng.sample(TAGS, rng.randrange(1, 15))
    fields["Imported At"] = iso(created)
    if bulk:
        fields["Lead Source"] = rng.choices(("Bulk Import", "Manual"), (95, 5))[0]
        fields["Lead Source Detail"] = f"list {created:%Y-%m}"
    else:
        fields["Lead Source"] = rng.choices(("Standard Form", "Kajabi-API", "Webinar Form"), (60, 30, 10))[0]
        fields["Kajabi Contact ID"] = str(2_300_000_000 + rng.randrange(90_000_000))
        fields["Kajabi Member Status"] = rng.choices(("Prospect", "Active", "Trial", "Churned"), (70, 20, 5, 5))[0]
        fields["Kajabi Last Sync"] = iso(created + timedelta(minutes=rng.randrange(1, 30)))
        fields["Form ID"] = str(2_100_000_000 + rng.randrange(21))
    if not bulk or rng.random() < 0.7:
        fields["Kajabi Tags"] = ", ".join(tags)
        fields["Engagement - Tag Count"] = len(tags)
        fields["Engagement - Recency Points"] = round(rng.random() * 10, 1)
        fields["Engagement - Total Score"] = float(2 * len(tags))
        fields["Engagement - Level"] = "Green" if len(tags) > 7 else "Yellow" if len(tags) > 3 else "Red"
    if rng.random() < 0.65:
        fields.update(dict.fromkeys(_AI_COUNTERS, 0))
        fields["Reply Count"] = 0
        fields["Conversation Status"] = "No Reply"
        fields["Coaching Tier"] = rng.choices(("None", "Bronze", "Silver", "Gold", "Platinum"), (90, 4, 3, 2, 1))[0]
    if rng.random() < 0.03:
        fields["Current Coaching Client"] = True
    fields["HRQ Status"] = rng.choices(("None", "Archive", "Qualified", "Manual Process", "Review"), (74, 10, 7, 3, 6))[
        0
    ]
    if fields["HRQ Status"] in ("Archive", "Review"):
        fields["HRQ Reason"] = rng.choice(("Low ICP score", "Personal email", "Outside US/Canada"))


def _enrol(rng: random.Random, fields: Json, contact: Contact, slug: str | None, linked: Json | None) -> None:
    """Put a lead into a campaign: by slug, by link, or both; the log later names the campaign in its own way."""
    name = linked["fields"].get("Campaign Name", "") if linked else ""
    if slug is not None and rng.random() < 0.93:
        fields["Campaign (CORRECTED)"] = slug
    if linked is not None and ("Campaign (CORRECTED)" not in fields or rng.random() < 0.55):
        fields["Linked Campaign"] = [linked["id"]]
    if rng.random() < 0.1 and (slug or name):
        fields["Campaign"] = slug or name
    contact.campaign = rng.choice((slug or name, slug or name, name))


def _send(rng: random.Random, fields: Json, contact: Contact, now: datetime) -> None:
    """Processing status, the messages that went out, and the cells that the senders left."""
    if fields.get("Campaign (CORRECTED)") == "call_booked":
        fields["Processing Status"] = "Complete"
        fields["HRQ Status"] = "Archive"
        fields["Booked"] = True
        fields["Booked At"] = iso(contact.created)
        return
    status = rng.choices(_STATUS_NAMES, _STATUS_WEIGHTS)[0]
    if status:
        fields["Processing Status"] = status
    if status == "Ready for SMS" and rng.random() < 0.4:
        fields["SMS Batch Control"] = "Active"
    fields["SMS Variant"] = contact.variant = rng.choice("AB")
    counts, weights = _MESSAGES_BY_STATUS.get(status, _NO_MESSAGES)
    messages = rng.choices(counts, weights)[0]
    if messages == 0:
        fields["SMS Status"] = "Not Sent"
        if rng.random() < 0.6:
            fields.update(dict.fromkeys(("SMS Sequence Position", "SMS Sent Count", "SMS Cost", "Click Count"), 0))
        return

    age = now - contact.created
    first = contact.created + age * (0.02 + 0.8 * rng.random())
    gap = min((now - first) / messages, timedelta(days=rng.choice((3, 5, 7))))
    contact.sent = [first + gap * step for step in range(messages)]
    fields["SMS Status"] = rng.choices(("Sent", "Delivered", "Failed", "Queued"), (70, 25, 3, 2))[0]
    fields["SMS Sequence Position"] = messages
    fields["SMS Sent Count"] = messages
    fields["SMS Cost"] = round(0.04 * messages, 2)
    fields["SMS Last Sent At"] = iso(contact.sent[-1])
    if rng.random() < 0.8:
        fields["Short Link ID"] = contact.lead_id[-8:]
        fields["Short Link URL"] = f"https://s.example/{contact.lead_id[-8:]}"
    if fields["Lead Source"] == "Standard Form" and rng.random() < 0.5:
        # The latest scheduler counts the message, and writes constants into everything else.
        fields.update(dict.fromkeys(_SCHEDULER_ZEROES, 0))


def _react(rng: random.Random, fields: Json, contact: Contact, now: datetime) -> None:
    """Clicks, replies, opt-outs, removals and bookings of a lead that got messages."""
    last = contact.sent[-1]
    if rng.random() < 0.09:
        contact.clicked_at = last + (now - last) * rng.random() ** 3
        fields["Click Count"] = rng.choices((1, 2, 3, 5, 12, 31), (70, 17, 6, 4, 2, 1))[0]
        fields["Clicked Link"] = True
        fields["First Clicked At"] = iso(contact.clicked_at)
        fields["SMS Status"] = "Clicked"
        if rng.random() < 0.3:
            fields["Last Reply At"] = iso(contact.clicked_at)
            fields["🤖 active_conversation"] = True
    if rng.random() < 0.11:
        fields["Conversation Status"] = rng.choice(_REPLIED)
        fields["Reply Count"] = rng.choices((1, 2, 4), (70, 20, 10))[0]
        fields["Last Reply At"] = iso(last + (now - last) * rng.random() ** 2)
        fields["Last Reply Text"] = reply_text(rng)
        fields["Pain Point"] = rng.choice(_PAIN_POINTS)
        fields["SMS Status"] = "Replied"
        fields["Interested in Coaching"] = True
    if fields.get("Processing Status") == "Stopped":
        fields["SMS Stop"] = True
        fields["SMS Stop Reason"] = "STOP" if rng.random() < 0.7 else rng.choice(_REMOVAL_REASONS)
    elif rng.random() < (0.75 if fields.get("Processing Status") == "Completed" else 0.012):
        fields.update(dict.fromkeys(_BOOKING_ZEROES, 0))
        fields["Booked"] = True
        fields["Booked At"] = iso(last + timedelta(days=rng.uniform(1, 25)))
        fields["SMS Stop"] = True
        fields["SMS Stop Reason"] = "BOOKED"
        fields["Processing Status"] = "Completed"
        fields["SMS Status"] = rng.choice(("Meeting Booked", "Sent", "Delivered"))


def _claim(rng: random.Random, fields: Json, created: datetime, now: datetime) -> None:
    if rng.random() < 0.04:
        fields["Claimed By"] = rng.choice(ACCOUNT_EXECUTIVES)
        fields["Claimed At"] = iso(created + (now - created) * rng.random())
    if rng.random() < 0.09:
        fields["Notes"] = note_entries(rng, created, now)
    if rng.random() < 0.02:
        fields["Follow-up Date/Time"] = iso(now + timedelta(days=rng.uniform(-10, 30)))
        fields["Follow-up Type"] = rng.choice(("Manual Call", "Manual Email"))
        fields["Follow-up Note"] = "Call back on 31/02, after the quarter ends."
