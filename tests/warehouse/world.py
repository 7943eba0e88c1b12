"""One Airtable base as it stands at a moment, and what loads see of it."""

import random
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.warehouse.awkward import iso
from tests.warehouse.expected.base import SOURCE_TABLES, Action, Base, Fields, Json, OptionName, Version

FIELD_TYPES: dict[str, dict[str, str]] = {
    "leads": {
        **dict.fromkeys(("Lead", "First Name", "Last Name", "Company", "Job Title"), "singleLineText"),
        **dict.fromkeys(("SMS Stop Reason", "Campaign", "Claimed By"), "singleLineText"),
        **dict.fromkeys(("Notes", "Kajabi Tags"), "multilineText"),
        **dict.fromkeys(("Processing Status", "HRQ Status", "SMS Status", "SMS Variant"), "singleSelect"),
        **dict.fromkeys(("Campaign (CORRECTED)", "Conversation Status"), "singleSelect"),
        **dict.fromkeys(("Engagement - Level", "Lead Source"), "singleSelect"),
        **dict.fromkeys(("SMS Sequence Position", "SMS Sent Count", "Click Count", "Reply Count"), "number"),
        **dict.fromkeys(("SMS Stop", "Booked", "Clicked Link"), "checkbox"),
        **dict.fromkeys(("SMS Last Sent At", "Booked At", "First Clicked At", "Claimed At"), "dateTime"),
        "Email": "email",
        "Phone": "phoneNumber",
        "Short Link URL": "url",
        "ICP Score": "formula",
        "Linked Campaign": "multipleRecordLinks",
        "Last Reply At": "dateTime",
    },
    "campaigns": {
        "Campaign Name": "singleLineText",
        "Campaign Type": "singleSelect",
        "Active": "checkbox",
        "Total Leads ": "number",
    },
    "sms_templates": {
        "Campaign": "singleLineText",
        "Variant": "singleSelect",
        "Step": "number",
        "Body": "multilineText",
    },
    "sms_audit": {
        **dict.fromkeys(("Event", "Campaign ID", "Phone", "Carrier", "Lead Record ID"), "singleLineText"),
        **dict.fromkeys(("Text", "Webhook Raw"), "multilineText"),
        **dict.fromkeys(("Sent At", "Delivery At", "Clicked At"), "dateTime"),
        "Status": "singleSelect",
        "Clicked": "checkbox",
    },
}
OPTIONS: dict[tuple[str, str], list[str]] = {
    ("leads", "Processing Status"): [
        *("Backlog", "Queued", "Processing", "Ready for SMS", "Failed", "In Sequence", "Stopped", "Completed"),
        "Complete",
    ],
    ("leads", "HRQ Status"): ["None", "Archive", "Qualified", "Manual Process", "Review"],
    ("leads", "SMS Status"): ["Not Sent", "Sent", "Delivered", "Clicked", "Test"],
    ("leads", "SMS Variant"): ["A", "B"],
    ("leads", "Campaign (CORRECTED)"): [
        *("chatgpt_use_cases", "pricing_rules", "Pricing Rules", "call_booked", "vsl_500k_1m", "Économie 2"),
        "default_nurture",
    ],
    ("leads", "Conversation Status"): ["No Reply", "Replied - Interested", "Manual Review Required"],
    ("leads", "Engagement - Level"): ["Green", "Yellow", "Red", "Blue"],
    ("leads", "Lead Source"): ["Manual", "Bulk Import", "Kajabi-API"],
    ("sms_templates", "Variant"): ["A", "B"],
    ("campaigns", "Campaign Type"): ["Standard", "Webinar", "Custom"],
    ("sms_audit", "Status"): ["Sent", "Delivered", "Undelivered", "Failed", "Clicked"],
}
AGES = (10**3, 10**5, 10**6, 10**7)  # seconds that a record may be older than when we first see it, at most
_RECORD_ID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"


@dataclass
class World:
    """What one Airtable base holds at the moment, and what it once held."""

    rng: random.Random
    now: datetime
    records: dict[str, dict[str, Fields]] = field(default_factory=lambda: {table: {} for table in SOURCE_TABLES})
    gone: dict[str, dict[str, Fields]] = field(default_factory=lambda: {table: {} for table in SOURCE_TABLES})
    created: dict[str, dict[str, datetime]] = field(default_factory=lambda: {table: {} for table in SOURCE_TABLES})
    option_names: list[OptionName] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    clicks: dict[str, int] = field(default_factory=dict)  # the tracker's own totals
    away: dict[str, Fields] = field(default_factory=dict)  # where leads came from that a campaign only borrowed

    def add(self, table: str, fields: Fields, created: datetime | None = None) -> str:
        """Put in a record without its empty cells and return its id."""
        record_id = "rec" + "".join(self.rng.choices(_RECORD_ID_LETTERS, k=14))
        self.records[table][record_id] = {name: value for name, value in fields.items() if value is not None}
        age = timedelta(seconds=self.rng.randrange(self.rng.choice(AGES)))
        self.created[table][record_id] = created or self.now - age
        return record_id

    def set(self, table: str, record_id: str, **fields: Json) -> None:
        """Change cells; None empties one."""
        record = self.records[table][record_id] | fields
        self.records[table][record_id] = {name: value for name, value in record.items() if value is not None}

    def past(self) -> str:
        """Return a moment shortly before now, as Airtable writes it."""
        return iso(self.now - timedelta(milliseconds=self.rng.randrange(5 * 86_400_000)))

    def options(self, table: str, field_name: str) -> list[str]:
        """Return the present names of a select field's options."""
        return [
            name.name
            for name in self.option_names
            if (name.source_table, name.field) == (table, field_name) and name.seen_to is None
        ]


def load_time(world: World, table: str) -> datetime:
    """Return when a table is loaded: one after the other, each in a transaction of its own."""
    return world.now + timedelta(seconds=SOURCE_TABLES.index(table) * 1.25)


def observe(world: World, base: Base, table: str, at: datetime, lacking: set[str]) -> None:
    """Add to the history what a complete read of a table finds changed."""
    base.first_load_at.setdefault(table, at)
    history = base.histories.setdefault(table, {})
    found = {
        record_id: {name: value for name, value in fields.items() if name not in lacking}
        for record_id, fields in world.records[table].items()
    }
    for record_id, fields in found.items():
        _append(history.setdefault(record_id, []), fields, at)
    for record_id, rows in history.items():
        if record_id not in found and rows[-1].operation != "deleted":
            rows.append(Version(len(rows) + 1, rows[-1].fields, at, "deleted"))


def observe_written(world: World, base: Base, lead_id: str, at: datetime, lacking: set[str]) -> None:
    """Add to the history what Airtable answered a write of the bot with: one record, whole."""
    fields = {name: value for name, value in world.records["leads"][lead_id].items() if name not in lacking}
    _append(base.histories["leads"].setdefault(lead_id, []), fields, at)


def _append(rows: list[Version], fields: Fields, at: datetime) -> None:
    if not rows or rows[-1].operation == "deleted" or rows[-1].fields != fields:
        operation = "created" if not rows else "restored" if rows[-1].operation == "deleted" else "updated"
        rows.append(Version(len(rows) + 1, deepcopy(fields), at, operation))
