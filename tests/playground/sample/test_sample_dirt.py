"""The sample base is as dirty as real ones: every way in which a cell or a record has gone wrong is there."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.playground.sample.sample import AUDIT, LEADS, NOW, Cells


def after(cells: Cells, name: str, moment: datetime) -> bool:
    return name in cells and cells[name] > f"{moment:%Y-%m-%dT%H:%M:%S}"


def any_text(cells: Cells) -> str:
    return "\n".join(cell for cell in cells.values() if isinstance(cell, str))


def letters(text: str) -> str:
    return re.sub(r"[\W\d_]", "", text).lower()


LEAD_DIRT: dict[str, Callable[[Cells], bool]] = {
    "blanks around": lambda c: c.get("First Name", "x") != c.get("First Name", "x").strip(),
    "only blanks": lambda c: "Job Title" in c and not c["Job Title"].strip(),
    "line breaks in a line": lambda c: "\n" in c.get("Job Title", ""),
    "not NFC": lambda c: not unicodedata.is_normalized("NFC", any_text(c)),
    "NUL": lambda c: "\0" in c.get("Company", ""),
    "emoji": lambda c: "🚀" in c.get("First Name", ""),
    "zero-width": lambda c: "\u200b" in c.get("Last Name", ""),
    "right to left": lambda c: unicodedata.bidirectional(c.get("First Name", "x")[:1] or "x") in ("R", "AL"),
    "other scripts": lambda c: c.get("First Name", "x")[:1] > "\u0370",
    "overrides of direction": lambda c: "\u202e" in c.get("Company", ""),
    "mark-up": lambda c: "<script>" in c.get("Company", ""),
    "mentions": lambda c: "<!channel>" in c.get("Last Name", ""),
    "formulas": lambda c: c.get("First Name", "").startswith("=cmd"),
    "very long": lambda c: len(c.get("Company", "")) > 1_000,
    "very long notes": lambda c: len(c.get("Notes", "")) > 10_000,
    "several notes": lambda c: len(re.findall(r"^\[\w+\] \d{4}-.*:$", c.get("Notes", ""), re.MULTILINE)) > 1,
    "no last name": lambda c: "First Name" in c and "Last Name" not in c,
    "no name": lambda c: bool(c) and not c.keys() & {"Lead", "First Name", "Last Name"},
    "neither name nor mail": lambda c: bool(c) and not c.keys() & {"Lead", "First Name", "Last Name", "Email"},
    "nothing": lambda c: not c,
    "mail in capitals": lambda c: c.get("Email", "") != c.get("Email", "").lower(),
    "no phone": lambda c: "Phone" not in c,
    "phone too short": lambda c: 0 < len(re.sub(r"\D", "", c.get("Phone", ""))) < 10,
    "phone too long": lambda c: len(c.get("Phone", "")) > 20,
    "phone with extension": lambda c: re.search(r"(?i)x|ext", c.get("Phone", "")) is not None,
    "phone with +1": lambda c: c.get("Phone", "").startswith("+1"),
    "phone with brackets": lambda c: c.get("Phone", "").startswith("("),
    "phone of ten digits": lambda c: re.fullmatch(r"\d{10}", c.get("Phone", "")) is not None,
    "half a message": lambda c: c.get("SMS Sent Count", 0) % 1 != 0,
    "half a click": lambda c: c.get("Click Count", 0) % 1 != 0,
    "negative position": lambda c: c.get("SMS Sequence Position", 0) < 0,
    "negative clicks": lambda c: c.get("Click Count", 0) < 0,
    "position above 100": lambda c: c.get("SMS Sequence Position", 0) > 100,
    "count above a million": lambda c: c.get("SMS Sent Count", 0) > 1_000_000,
    "count beyond 64 bits": lambda c: c.get("SMS Sent Count", 0) > 2**64,
    "clicks that no float holds": lambda c: c.get("Click Count", 0) == 2**53 + 1,
    "step above 3": lambda c: 3 < c.get("SMS Sequence Position", 0) < 10,
    "no counters at all": lambda c: (
        bool(c) and not c.keys() & {"SMS Sent Count", "Click Count", "SMS Sequence Position", "Reply Count"}
    ),
    "before 2000": lambda c: c.get("SMS Last Sent At", "9") < "2000",
    "year 1": lambda c: c.get("First Clicked At", "9") < "0002",
    "too far ahead": lambda c: after(c, "Claimed At", NOW + timedelta(days=3 * 366)),
    "sent in the future": lambda c: after(c, "SMS Last Sent At", NOW),
    "meeting in the future": lambda c: "Booked" in c and after(c, "Booked At", NOW),
    "clicks unchecked": lambda c: c.get("Click Count", 0) > 0 and "Clicked Link" not in c,
    "checked without clicks": lambda c: "Clicked Link" in c and c.get("Click Count", 0) == 0,
    "reply time without reply": lambda c: (
        "Last Reply At" in c and not c.get("Reply Count") and c.get("Conversation Status", "No Reply") == "No Reply"
    ),
    "replied, counted 0": lambda c: c.get("Conversation Status", "").startswith("Repl") and c.get("Reply Count") == 0,
    "counted, not replied": lambda c: c.get("Conversation Status") == "No Reply" and c.get("Reply Count", 0) > 0,
    "option with a blank": lambda c: c.get("Enrichment Outcome", "").startswith(" "),
    "junk option": lambda c: c.get("Company Type") == "/company",
    "no statuses": lambda c: bool(c) and not c.keys() & {"Processing Status", "HRQ Status", "SMS Status"},
    "score is an error": lambda c: c.get("ICP Score") == {"error": "#ERROR!"},
    "score is NaN": lambda c: c.get("ICP Score") == {"specialValue": "NaN"},
    "score is infinite": lambda c: c.get("ICP Score") == {"specialValue": "Infinity"},
    "stop spelled otherwise": lambda c: (
        "SMS Stop" in c and c.get("SMS Stop Reason") != "STOP" and letters(c.get("SMS Stop Reason", "")) == "stop"
    ),
    "stopped by a person": lambda c: c.get("SMS Stop Reason", "").startswith("Removed"),
    "stopped for no reason": lambda c: "SMS Stop" in c and "SMS Stop Reason" not in c and "Booked" not in c,
    "booked, stopped for no reason": lambda c: "SMS Stop" in c and "SMS Stop Reason" not in c and "Booked" in c,
    "stopped by a booking": lambda c: c.get("SMS Stop Reason") == "BOOKED" and "Booked" in c,
    "booking's reason alone": lambda c: letters(c.get("SMS Stop Reason", "")) == "booked" and "Booked" not in c,
    "opted out and booked": lambda c: c.get("SMS Stop Reason") == "STOP" and "Booked" in c,
    "reason without stop": lambda c: "SMS Stop Reason" in c and "SMS Stop" not in c,
    "booked without stop": lambda c: "Booked" in c and "SMS Stop" not in c,
    "slug and link": lambda c: {"Campaign (CORRECTED)", "Linked Campaign"} <= c.keys(),
    "link alone": lambda c: "Linked Campaign" in c and "Campaign (CORRECTED)" not in c,
    "slug alone": lambda c: "Linked Campaign" not in c and "Campaign (CORRECTED)" in c,
    "several links": lambda c: len(c.get("Linked Campaign", ())) > 1,
    "old campaign text alone": lambda c: (
        "Campaign" in c and not c.keys() & {"Linked Campaign", "Campaign (CORRECTED)"}
    ),
    "a slug that no campaign has": lambda c: c.get("Campaign (CORRECTED)") == "executive_email",
    "test lead": lambda c: c.get("SMS Status") == "Test",
    "claimed": lambda c: "Claimed By" in c,
    "internal campaign": lambda c: c.get("Campaign (CORRECTED)") == "call_booked",
    "country of the automation": lambda c: c.get("Location Country") == "United States or Canada - Auto",
}  # fmt: skip


@pytest.mark.parametrize("kind", LEAD_DIRT)
def test_leads_are_dirty_in_every_known_way(kind: str, lead_cells: list[Cells]) -> None:
    found = sum(LEAD_DIRT[kind](cells) for cells in lead_cells)
    assert 0 < found < LEADS, f"{kind}: {found}"


AUDIT_DIRT: dict[str, Callable[[Cells], bool]] = {
    "no lead": lambda c: c.get("Event") == "Sent" and "Lead Record ID" not in c,
    "no lead that is a record": lambda c: c.get("Lead Record ID") == "not a record id",
    "no time": lambda c: c.get("Event") in ("Sent", "SMS Sent") and "Sent At" not in c,
    "impossible time": lambda c: not "2000" < c.get("Sent At", "2026") < "2100",
    "time in the future": lambda c: after(c, "Sent At", NOW),
    "attempt": lambda c: c.get("Event") == "Send Attempt",
    "failed": lambda c: c.get("Event") == "Send Failed",
    "failed in capitals": lambda c: c.get("Event") == "SEND FAILED" and "Status" not in c,
    "undelivered by itself": lambda c: c.get("Event") == "Sent" and c.get("Status") == "Undelivered",
    "delivered by itself": lambda c: c.get("Event") == "Sent" and "Delivery At" in c,
    "clicked by itself": lambda c: c.get("Event") == "Sent" and "Clicked At" in c,
    "delivery": lambda c: c.get("Event") == "Delivery" and c.get("Status") == "Delivered",
    "failed delivery": lambda c: c.get("Event") == "Delivery" and c.get("Status") in ("Undelivered", "Failed"),
    "click": lambda c: c.get("Event") == "Click" and "Clicked At" in c,
    "click in another spelling": lambda c: c.get("Event") == " click ",
    "receipt without time": lambda c: c.get("Event") == "Delivery" and "Delivery At" not in c,
    "no event": lambda c: "Event" not in c,
    "no phone": lambda c: "Phone" not in c,
    "short phone": lambda c: 0 < len(re.sub(r"\D", "", c.get("Phone", ""))) < 10,
    "extension": lambda c: "ext" in c.get("Phone", "") or "x12" in c.get("Phone", ""),
    "message id for a campaign": lambda c: c.get("Campaign ID", "").startswith("msg_"),
    "title for a campaign": lambda c: c.get("Campaign ID") == "ChatGPT Use Cases",
    "campaign in another spelling": lambda c: c.get("Campaign ID") == "ChatGPT use-cases",
    "no campaign": lambda c: c.get("Event") == "Sent" and "Campaign ID" not in c,
    "no text": lambda c: c.get("Event") == "Sent" and "Text" not in c,
    "NUL": lambda c: "\0" in c.get("Text", ""),
}


@pytest.mark.parametrize("kind", AUDIT_DIRT)
def test_the_message_log_is_dirty_in_every_known_way(kind: str, audit_cells: list[Cells]) -> None:
    found = sum(AUDIT_DIRT[kind](cells) for cells in audit_cells)
    assert 0 < found < AUDIT, f"{kind}: {found}"


def test_some_messages_are_of_leads_that_are_gone(tables: dict[str, Any], audit_cells: list[Cells]) -> None:
    there = {record["id"] for record in tables["Leads"]["records"]}
    gone = {c["Lead Record ID"] for c in audit_cells if re.fullmatch(r"rec\w{14}", c.get("Lead Record ID", ""))} - there
    assert gone


def test_some_messages_are_of_test_leads(tables: dict[str, Any], audit_cells: list[Cells]) -> None:
    tests = {r["id"] for r in tables["Leads"]["records"] if r["fields"].get("SMS Status") == "Test"}
    assert tests & {cells.get("Lead Record ID") for cells in audit_cells}


@pytest.mark.parametrize(("shortest", "longest"), [(0, 60), (590, 600), (601, 610)])
def test_attempts_lie_before_their_results_by_less_and_by_more_than_ten_minutes(
    shortest: float, longest: float, audit_cells: list[Cells]
) -> None:
    by_lead: dict[str, list[Cells]] = {}
    for cells in audit_cells:
        if "Lead Record ID" in cells and "Sent At" in cells:
            by_lead.setdefault(cells["Lead Record ID"], []).append(cells)
    gaps = [
        (datetime.fromisoformat(result["Sent At"]) - datetime.fromisoformat(attempt["Sent At"])).total_seconds()
        for records in by_lead.values()
        for attempt in records
        if attempt.get("Event") == "Send Attempt"
        for result in records
        if result.get("Event") in ("Sent", "SMS Sent", "Send Failed")
    ]
    assert any(shortest <= gap <= longest for gap in gaps)


def test_campaign_names_fail_to_meet_as_they_do_in_real_bases(tables: dict[str, Any]) -> None:
    records = tables["Campaigns"]["records"]
    names = [record["fields"].get("Campaign Name", "") for record in records]
    keys = Counter(letters(name) for name in names if name.strip())
    assert sorted(key for key, count in keys.items() if count > 1) == ["chatgptusecases", "pricingrules"]
    assert sum(not name.strip() for name in names) == 2
    assert sum("Active" not in record["fields"] for record in records) > 3
    unreached = [r["fields"].get("Campaign Name") for r in records if not r["fields"].get("Leads")]
    assert "Old List Re-engagement 🎯" in unreached
    options = set(choice_names(tables["Leads"], "Campaign (CORRECTED)"))
    templates = {record["fields"]["Campaign"].strip() for record in tables["SMS_Templates"]["records"]}
    assert templates - options == {"rad_goals", "topical_mindset", "Q4 2025 Webinar"}
    steps = {
        (r["fields"]["Campaign"].strip(), r["fields"]["Step"], r["fields"]["Variant"])
        for r in tables["SMS_Templates"]["records"]
    }
    assert ("pricing_rules", 2, "A") in steps
    assert ("pricing_rules", 2, "B") not in steps


def choice_names(table: Cells, name: str) -> list[str]:
    field = next(field for field in table["fields"] if field["name"] == name)
    return [choice["name"] for choice in field["options"]["choices"]]
