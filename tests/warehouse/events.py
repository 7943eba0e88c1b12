"""What people, imports and automations do to a base, in clean and in awkward values."""

import random
from collections.abc import Callable
from copy import deepcopy
from datetime import timedelta
from decimal import Decimal

from tests.warehouse.awkward import (
    AUDIT_STATUSES,
    CHECKBOXES,
    COUNTS,
    EVENTS,
    NUMBERS,
    PHONES_AROUND,
    PROCESSING_STATUSES,
    STOP_REASONS,
    TEXTS,
    awkward_dates,
    iso,
)
from tests.warehouse.expected.base import Fields, Json, OptionName
from tests.warehouse.expected.values import clean_date
from tests.warehouse.world import FIELD_TYPES, World, load_time

CAMPAIGN_NAMES = [
    *("ChatGPT Use Cases", "chatgpt-use-cases", "PRICING RULES!", "Call Booked", "Webinar only", "Economie 2"),
    *("Webinar Only", " padded name\u00a0", "e\u0301conomie 2", None, "", "🤖 Robots", "robots", 7, "🤖", "!?"),
]
TEN_DIGITS = [f"555123{number:04}" for number in range(14)]
NOTES = [
    *("note\ufffd", "[Call] me: today"),
    "[Call] 2025-03-01T10:00:00.000Z - Bo \u00c5str\u00f6m:\nof another program",
]
GARBLED_AT_ONCE = {"leads": 30, "campaigns": 2, "sms_templates": 0, "sms_audit": 20}


def fill(world: World) -> None:
    """Put in what a base has when we first see it."""
    for name in CAMPAIGN_NAMES:
        _add_campaign(world, name)
    for _ in range(50):
        _add_lead(world)
    for _ in range(60):
        _add_audit_records(world)
    for table in ("leads", "sms_audit"):
        _add_catalogue(world, table)
    for _ in range(12):
        _add_template(world)


def live(world: World, tables: tuple[str, ...]) -> None:
    """Let some time pass: a few dozen things happen."""
    for _ in range(4):
        _add_lead(world)
    for _ in range(18):
        _add_audit_records(world)
    for _ in range(6):
        _add_late_receipt(world)
    for _ in range(45):
        if world.records["leads"]:
            happen(world, world.rng.choice(list(world.records["leads"])))
    for table in tables:
        _garble(world, table)
        _delete_and_restore(world, table)
    rename_options(world)
    _change_campaigns(world)
    _change_templates(world)


def happen(world: World, lead_id: str) -> None:
    """Let one thing happen to a lead that exists."""
    world.rng.choice(LEAD_EVENTS)(world, lead_id)


def _add_campaign(world: World, name: Json) -> None:
    fields = {
        "Campaign Name": name,
        "Campaign Type": world.rng.choice([*world.options("campaigns", "Campaign Type"), " Webinar", None]),
        "Active": world.rng.choice(CHECKBOXES[:4]),
        "Total Leads ": 3,
    }
    # some are exactly as old as others
    world.add("campaigns", fields, world.now - timedelta(days=world.rng.randrange(1, 5)))


def _add_lead(world: World) -> None:
    rng = world.rng

    def option(name: str) -> str | None:
        return rng.choice([*world.options("leads", name), None])

    fields: Fields = {
        "Lead": rng.choice([None, "Ann Lee", " "]),
        "First Name": rng.choice([None, "Ann", "Bo", " Zoe\u0308 ", "Ann"]),
        "Last Name": rng.choice([None, "Lee", "\u00c5str\u00f6m", ""]),
        "Email": rng.choice([None, "ann@example.com", "bo@example.com"]),
        "Phone": _phone(rng),
        "Company": rng.choice([None, "Acme"]),
        "Job Title": rng.choice([None, "CEO"]),
        "Campaign (CORRECTED)": option("Campaign (CORRECTED)"),
        "Linked Campaign": _links(world),
        "SMS Status": rng.choice(["Test", *["Sent", None, "Not Sent"] * 4]),
        "SMS Sequence Position": rng.choice([None, 0, 1, 2, 3, 4, 7]),
        "SMS Sent Count": rng.choice([None, 0, 1, 2, 3]),
        "Click Count": rng.choice([None, None, 0, 1, 2]),
        "Clicked Link": rng.choice([None, True]),
        "Reply Count": rng.choice([None, None, 0, 1]),
        "ICP Score": rng.choice([None, 40, 87, Decimal("71.5")]),
        "SMS Stop": rng.choice([None, None, True]),
        "SMS Stop Reason": rng.choice([None, None, *STOP_REASONS]),
        "Booked": rng.choice([None, None, True]),
        "Booked At": rng.choice([None, world.past(), iso(world.now + timedelta(days=3)), iso(world.now)]),
        "SMS Last Sent At": rng.choice([None, world.past()]),
        "Short Link URL": rng.choice([None, "https://hi.example.com/1"]),
        "Kajabi Tags": "a, b",
        **{name: option(name) for name in ("Processing Status", "HRQ Status", "SMS Variant", "Lead Source")},
        **{name: option(name) for name in ("Conversation Status", "Engagement - Level")},
    }
    for name in fields:
        if rng.random() < 0.06:
            fields[name] = _awkward_value(world, "leads", name)
    world.add("leads", fields)


def _phone(rng: random.Random) -> Json:
    digits = rng.choice(TEN_DIGITS)
    return rng.choice([digits, f"+1{digits}", rng.choice(PHONES_AROUND).format(digits), "123456789", None, int(digits)])


def _links(world: World) -> Json:
    existing = list(world.records["campaigns"])
    gone = list(world.gone["campaigns"])
    links = world.rng.sample(existing, k=min(len(existing), world.rng.randrange(3)))
    links += world.rng.sample(gone, k=min(len(gone), world.rng.randrange(2)))
    world.rng.shuffle(links)
    return links or world.rng.choice([None, ["recNowhere0000000"]])


def _awkward_values(world: World, table: str, name: str) -> list[Json]:
    """Return all values that a field may surprise us with."""
    special: dict[str, list[Json]] = {
        "Processing Status": PROCESSING_STATUSES,
        "SMS Status": [*TEXTS, " Test", "test", "Test"],
        "SMS Stop Reason": STOP_REASONS,
        "Event": EVENTS,
        "Status": AUDIT_STATUSES,
        "ICP Score": NUMBERS,
        "Linked Campaign": [[], None, {"error": "#ERROR!"}, [None, "recNowhere0000000"]],
    }
    by_type = {"number": COUNTS, "checkbox": CHECKBOXES, "dateTime": awkward_dates(load_time(world, table))}
    return special.get(name) or by_type.get(FIELD_TYPES[table][name], TEXTS)


def _awkward_value(world: World, table: str, name: str) -> Json:
    return deepcopy(world.rng.choice(_awkward_values(world, table, name)))


def _add_catalogue(world: World, table: str) -> None:
    """Add records that between them have every awkward value in every field, but for the names of campaigns."""
    pools = {name: _awkward_values(world, table, name) for name in FIELD_TYPES[table]}
    pools["Campaign (CORRECTED)"] = [None, "Pricing Rules"]
    starts = {name: world.rng.randrange(100) for name in pools}
    for number in range(max(map(len, pools.values()))):
        fields = {name: deepcopy(pool[(number + starts[name]) % len(pool)]) for name, pool in pools.items()}
        world.add(table, fields)


def _garble(world: World, table: str) -> None:
    records = list(world.records[table])
    for record_id in world.rng.sample(records, k=min(len(records), GARBLED_AT_ONCE[table])):
        name = world.rng.choice(list(FIELD_TYPES[table]))
        world.set(table, record_id, **{name: _awkward_value(world, table, name)})


def _delete_and_restore(world: World, table: str) -> None:
    records, gone = world.records[table], world.gone[table]
    for record_id in world.rng.sample(list(records), k=min(len(records), world.rng.randrange(4))):
        gone[record_id] = records.pop(record_id)
    for record_id in world.rng.sample(list(gone), k=min(len(gone), world.rng.randrange(3))):
        records[record_id] = gone.pop(record_id)


def rename_options(world: World) -> None:
    """Rename an option to a new name, or to one that another option had until now."""
    current = [name for name in world.option_names if name.seen_to is None]
    chosen = world.rng.choice(current)
    same_field = [name for name in current if (name.source_table, name.field) == (chosen.source_table, chosen.field)]
    if world.rng.random() < 0.4 and len(same_field) > 1:
        other = world.rng.choice([name for name in same_field if name is not chosen])
        _rename_option(world, other, f"{other.name} (old)")
        _rename_option(world, chosen, other.name)
    else:
        _rename_option(world, chosen, world.rng.choice([f"{chosen.name} new", f" {chosen.name.upper()} 2"]))


def _rename_option(world: World, option: OptionName, name: str) -> None:
    seen_at = world.now - timedelta(milliseconds=200)
    table, field_name = option.source_table, option.field
    kept = [other for other in world.option_names if other is not option]
    world.option_names = [
        *kept,
        OptionName(table, field_name, option.option_id, option.name, option.seen_from, seen_at),
        OptionName(table, field_name, option.option_id, name, seen_at, None),
    ]
    for fields in world.records[table].values():
        value = fields.get(field_name)
        if value == option.name:
            fields[field_name] = name
        elif isinstance(value, list):
            fields[field_name] = [name if item == option.name else item for item in value]


def _change_campaigns(world: World) -> None:
    if world.records["campaigns"]:
        renamed = world.rng.choice(list(world.records["campaigns"]))
        name = world.rng.choice(["Renamed Campaign", "renamed campaign", "ChatGPT use cases", "default nurture"])
        world.set("campaigns", renamed, **{"Campaign Name": name})
    if world.rng.random() < 0.5:
        _add_campaign(world, world.rng.choice(CAMPAIGN_NAMES))


def _add_template(world: World) -> None:
    fields = {
        "Campaign": world.rng.choice(["chatgpt_use_cases", "PRICING rules", "Unassigned", None, *CAMPAIGN_NAMES]),
        "Variant": world.rng.choice([*world.options("sms_templates", "Variant"), None, " B "]),
        "Step": world.rng.choice([1, 1, 2, 2, 3, 4, Decimal("2.0"), Decimal("2.5"), " 3 ", "two", None]),
        "Body": "Hello",
    }
    world.add("sms_templates", fields)


def _change_templates(world: World) -> None:
    if world.records["sms_templates"]:
        changed = world.rng.choice(list(world.records["sms_templates"]))
        world.set("sms_templates", changed, Step=world.rng.choice([1, 2, 3]), Variant="B")
    _add_template(world)


def _add_audit_records(world: World) -> None:
    """Add a message in one to three records, and receipts at awkward moments."""
    rng = world.rng
    leads = [*world.records["leads"], *world.gone["leads"]]
    lead_id = rng.choice([*rng.sample(leads, k=min(9, len(leads))), None, "recNowhere0000000", "\ufffd"])
    # few instants and few phones, so that messages and receipts compete
    sent_at = world.now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=rng.choice([1, 1, 30, 60, 200]))
    phone = rng.choice(TEN_DIGITS[:6])
    fields: Fields = {
        "Event": rng.choice(["Send Attempt", "Sent", "SMS Sent", "Send Failed", "Send Attempt"]),
        "Phone": rng.choice(PHONES_AROUND).format(phone),
        "Lead Record ID": lead_id,
        "Campaign ID": rng.choice([None, "Pricing rules", "no such campaign", "webinar only", "SM123", "robots"]),
        "Text": rng.choice([None, "One", "Two", " Two ", "Zoe\u0308", "Zo\u00eb", ""]),
        "Status": rng.choice([None, "Sent", "Sent", "Delivered", *AUDIT_STATUSES]),
        "Sent At": iso(sent_at),
        "Delivery At": rng.choice([None, None, None, iso(sent_at + timedelta(seconds=9)), "soon"]),
        "Clicked At": rng.choice([None, None, None, iso(sent_at + timedelta(hours=1))]),
    }
    for name in fields:
        if rng.random() < 0.03:
            fields[name] = _awkward_value(world, "sms_audit", name)
    world.add("sms_audit", fields)
    if fields["Event"] == "Send Attempt" and rng.random() < 0.8:
        after = rng.choice(
            [timedelta(), timedelta(minutes=10), timedelta(minutes=10, seconds=1), timedelta(seconds=-1)]
        )
        result = {"Event": rng.choice(["Sent", "sms sent", "Send Failed"]), "Sent At": iso(sent_at + after)}
        known_by: Fields = rng.choice(
            [{}, {"Lead Record ID": None}, {"Phone": None}, {"Phone": rng.choice(TEN_DIGITS[:6])}]
        )
        world.add("sms_audit", fields | result | known_by)
    for _ in range(rng.randrange(4)):
        after = rng.choice(
            [
                *(timedelta(), timedelta(seconds=-1), timedelta(minutes=1), timedelta(hours=30), timedelta(days=7)),
                timedelta(days=7, microseconds=1),
            ]
        )
        kind = rng.choice([("Delivery", "Delivery At"), ("CLICK", "Clicked At"), (" delivery ", "Delivery At")])
        receipt = {"Event": kind[0], kind[1]: rng.choice([iso(sent_at + after)] * 5 + [None, "soon"])}
        receipt["Phone"] = rng.choice(PHONES_AROUND).format(phone)
        receipt["Status"] = rng.choice(["Delivered", "Undelivered", "failed", None])
        world.add("sms_audit", receipt)


def _add_late_receipt(world: World) -> None:
    """Add a receipt for a message that was there before, older or newer than receipts that came already."""
    record = world.rng.choice(list(world.records["sms_audit"].values()))
    sent_at, _ = clean_date(record.get("Sent At"), world.now)
    if sent_at is not None and sent_at <= world.now:
        kind, time = world.rng.choice([("Delivery", "Delivery At"), ("Click", "Clicked At")])
        at = iso(sent_at + world.rng.choice([timedelta(), timedelta(seconds=5), timedelta(hours=2)]))
        status = world.rng.choice(["Delivered", "Undelivered", None])
        world.add("sms_audit", {"Event": kind, "Phone": record.get("Phone"), time: at, "Status": status})


# What happens to leads. Each takes the world and the id of a lead that exists.


def _send(world: World, lead_id: str) -> None:
    lead = world.records["leads"][lead_id]
    position = lead.get("SMS Sequence Position")
    position = position + 1 if isinstance(position, int) and not isinstance(position, bool) else 1
    sent_at = world.past()
    world.set(
        "leads",
        lead_id,
        **{"SMS Sequence Position": position, "SMS Sent Count": position, "SMS Last Sent At": sent_at},
        **{"Processing Status": world.rng.choice(world.options("leads", "Processing Status"))},
    )
    audit = {"Lead Record ID": lead_id, "Phone": lead.get("Phone"), "Text": f"Step {position}", "Sent At": sent_at}
    world.add("sms_audit", audit | {"Event": "Sent", "Campaign ID": lead.get("Campaign (CORRECTED)")})


def _book(world: World, lead_id: str) -> None:
    meeting = iso(world.now + timedelta(days=world.rng.randrange(-2, 20)))
    reason = world.rng.choice(["BOOKED", "Booked", None, "STOP"])
    zeroes = dict.fromkeys(("SMS Sequence Position", "SMS Sent Count", "Click Count"), 0)
    fields = {"Booked": True, "Booked At": meeting, "SMS Stop": True, "SMS Stop Reason": reason} | zeroes
    world.set("leads", lead_id, **fields, **{"Processing Status": "Completed"})


def _unbook(world: World, lead_id: str) -> None:
    world.set("leads", lead_id, **{"Booked": None, "Booked At": None})


def _track_clicks(world: World, lead_id: str) -> None:
    clicks = world.clicks.get(lead_id, 0) + world.rng.choice([1, 1, 2, 9])
    world.clicks[lead_id] = clicks
    fields = {"Click Count": clicks, "Clicked Link": world.rng.choice([True, None]), "First Clicked At": world.past()}
    world.set("leads", lead_id, **fields)


def _write_total_again(world: World, lead_id: str) -> None:
    if world.rng.random() < 0.5:  # the tracker's own total, whatever a booking made of the cell
        world.set("leads", lead_id, **{"Click Count": world.clicks.get(lead_id, 1)})
    world.set("leads", lead_id, **{"SMS Sent Count": world.rng.choice([2, 5]), "Reply Count": world.rng.choice([0, 1])})


def _return(world: World, lead_id: str) -> None:
    """Move to another campaign and back, the position as it was."""
    lead = world.records["leads"][lead_id]
    kept = {name: lead.get(name) for name in ("Campaign (CORRECTED)", "Linked Campaign", "SMS Sequence Position")}
    if lead_id in world.away:
        world.set("leads", lead_id, **world.away.pop(lead_id))
    else:
        world.away[lead_id] = kept
        _move(world, lead_id)


def _move(world: World, lead_id: str) -> None:
    campaign = world.rng.choice([*world.options("leads", "Campaign (CORRECTED)"), None])
    fields = {"Campaign (CORRECTED)": campaign, "Linked Campaign": _links(world)}
    world.set("leads", lead_id, **fields, **{"SMS Sequence Position": world.rng.choice([0, 1])})
    # sent at the very moment at which the lead is first seen in its new campaign
    message = {"Event": "Sent", "Lead Record ID": lead_id, "Sent At": iso(world.now)}
    world.add("sms_audit", message | {"Text": f"Welcome to {campaign}"})


def _stop(world: World, lead_id: str) -> None:
    world.set("leads", lead_id, **{"SMS Stop": True, "SMS Stop Reason": world.rng.choice(["STOP", *STOP_REASONS])})


def _start(world: World, lead_id: str) -> None:
    world.set("leads", lead_id, **{"SMS Stop": None, "SMS Stop Reason": world.rng.choice([None, "START"])})


def _wait_for_a_send(world: World, lead_id: str) -> None:
    ready: Fields = {"Processing Status": "Ready for SMS", "SMS Stop": None}
    step = world.rng.choice([0, 1, 2, 3])
    waiting: Fields = {"Processing Status": "In Sequence", "SMS Variant": "A", "SMS Sequence Position": step}
    campaign = {"Campaign (CORRECTED)": world.rng.choice(["chatgpt_use_cases", "pricing_rules"])}
    world.set("leads", lead_id, **world.rng.choice([ready, waiting, waiting | campaign]))


def _converse(world: World, lead_id: str) -> None:
    said = world.rng.choice([*world.options("leads", "Conversation Status"), None])
    world.set("leads", lead_id, **{"Conversation Status": said, "Reply Count": world.rng.choice([None, 1, 2, 3])})


def _flag_as_test(world: World, lead_id: str) -> None:
    if world.rng.random() < 0.15:
        world.set("leads", lead_id, **{"SMS Status": "Test"})


def _clear_test(world: World, lead_id: str) -> None:
    world.set("leads", lead_id, **{"SMS Status": "Sent"})


def _claim(world: World, lead_id: str) -> None:
    world.set("leads", lead_id, **{"Claimed By": "Cy", "Claimed At": world.past(), "Notes": world.rng.choice(NOTES)})


def _repair(world: World, lead_id: str) -> None:
    counts = dict.fromkeys(("SMS Sequence Position", "SMS Sent Count", "Click Count", "ICP Score"), 2)
    world.set("leads", lead_id, **counts, **{"Clicked Link": True, "Notes": "note", "Booked At": None})


LEAD_EVENTS: list[Callable[[World, str], None]] = [
    *(_send, _send, _send, _book, _unbook, _track_clicks, _write_total_again, _move, _move, _stop, _stop, _start),
    *(_return, _return, _wait_for_a_send, _flag_as_test, _clear_test, _claim, _repair, _converse),
]
