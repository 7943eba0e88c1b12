"""The sample base: the same for the same seed, true to the real base's schema, and as dirty as real ones."""

import io
import json
import re
import subprocess
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from playground.airtable.behaviour import Behaviour
from playground.airtable.server import running_emulator
from playground.airtable.store import Store
from playground.sample.base import generate, write
from playground.sample.schema import DEFINITION

Cells = dict[str, Any]

NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
LEADS, AUDIT = 2_000, 4_000
COMPUTED = {"formula", "lastModifiedTime", "createdTime"}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return generate(seed=7, leads=LEADS, audit=AUDIT, now=NOW)


@pytest.fixture(scope="module")
def tables(document: dict[str, Any]) -> dict[str, Any]:
    return {table["name"]: table for table in document["bases"][0]["tables"]}


@pytest.fixture(scope="module")
def lead_cells(tables: dict[str, Any]) -> list[Cells]:
    return [record["fields"] for record in tables["Leads"]["records"]]


@pytest.fixture(scope="module")
def audit_cells(tables: dict[str, Any]) -> list[Cells]:
    return [record["fields"] for record in tables["SMS_Audit"]["records"]]


def written(**arguments: Any) -> str:
    out = io.StringIO()
    write(out, **arguments)
    return out.getvalue()


def test_the_same_seed_and_moment_give_the_same_bytes() -> None:
    first = written(seed=3, leads=300, audit=400, now=NOW)
    assert first == written(seed=3, leads=300, audit=400, now=NOW)
    assert first.isascii()


def test_streaming_and_building_whole_give_the_same_document(document: dict[str, Any]) -> None:
    assert json.loads(written(seed=7, leads=LEADS, audit=AUDIT, now=NOW)) == document


def test_another_seed_shares_no_id(document: dict[str, Any]) -> None:
    other = generate(seed=8, leads=300, audit=300, now=NOW)
    assert not set(ids(other)) & set(ids(document))


def test_a_moment_in_another_zone_is_the_same_moment() -> None:
    eastern = NOW.astimezone().replace(tzinfo=None).astimezone()
    assert written(leads=50, audit=50, now=eastern) == written(leads=50, audit=50, now=NOW)


def test_every_id_is_an_airtable_id_and_used_once(document: dict[str, Any]) -> None:
    all_ids = list(ids(document))
    assert len(set(all_ids)) == len(all_ids)
    assert all(re.fullmatch(r"(app|tbl|fld|sel|rec)[0-9A-Za-z]{14}", one) for one in all_ids)


def ids(document: dict[str, Any]) -> Iterator[str]:
    for base in document["bases"]:
        yield base["id"]
        for table in base["tables"]:
            yield table["id"]
            for field in table["fields"]:
                yield field["id"]
                yield from (choice["id"] for choice in field.get("options", {}).get("choices", ()))
            yield from (record["id"] for record in table["records"])


def test_fields_types_and_options_are_those_of_the_real_base_in_its_order(tables: dict[str, Any]) -> None:
    specified = json.loads(DEFINITION.read_text(encoding="utf-8"))["tables"]
    assert list(tables) == [table["name"] for table in specified]
    for wanted in specified:
        fields = tables[wanted["name"]]["fields"]
        assert [(field["name"], field["type"]) for field in fields] == [
            (field["name"], field["type"]) for field in wanted["fields"]
        ]
        primary = next(field for field in fields if field["id"] == tables[wanted["name"]]["primaryFieldId"])
        assert primary["name"] == wanted["primary"]
        for field, one in zip(fields, wanted["fields"], strict=True):
            options = field.get("options", {})
            assert [choice["name"] for choice in options.get("choices", [])] == one.get("choices", [])
            if "precision" in one:
                assert options["precision"] == one["precision"]
            if "result" in one:
                assert options["result"]["type"] == one["result"]
            if one.get("links_to"):
                assert options["linkedTableId"] == tables[one["links_to"]]["id"]


def test_every_cell_is_what_airtable_would_hold_in_a_field_of_its_type(tables: dict[str, Any]) -> None:
    record_ids = {record["id"] for table in tables.values() for record in table["records"]}
    for table in tables.values():
        fields = {field["name"]: field for field in table["fields"]}
        for record in table["records"]:
            assert MOMENT.fullmatch(record["createdTime"])
            assert record["createdTime"] <= "2026-03-14T15:09:26.000Z"
            for name, cell in record["fields"].items():
                assert cell is not False, f"{name} is not left out"
                assert cell not in ("", [], None), f"{name} is not left out"
                assert fits(fields[name], cell, record_ids), (name, cell)


def fits(field: Cells, cell: Any, record_ids: set[str]) -> bool:
    match field["type"]:
        case "checkbox":
            return cell is True
        case "number" | "currency":
            return isinstance(cell, int | float) and not isinstance(cell, bool)
        case "singleSelect":
            return cell in [choice["name"] for choice in field["options"]["choices"]]
        case "dateTime":
            return MOMENT.fullmatch(cell) is not None
        case "multipleRecordLinks":
            return len(set(cell)) == len(cell) and set(cell) <= record_ids
        case computed if computed in COMPUTED:
            return isinstance(cell, dict) and cell.keys() <= {"error", "specialValue"}
    return isinstance(cell, str)


def test_links_hold_at_both_ends(tables: dict[str, Any]) -> None:
    from_leads = {
        (campaign, lead["id"])
        for lead in tables["Leads"]["records"]
        for campaign in lead["fields"].get("Linked Campaign", [])
    }
    from_campaigns = {
        (campaign["id"], lead)
        for campaign in tables["Campaigns"]["records"]
        for lead in campaign["fields"].get("Leads", [])
    }
    assert from_leads == from_campaigns
    assert from_leads


def test_sizes_are_as_asked(tables: dict[str, Any]) -> None:
    assert len(tables["Leads"]["records"]) == LEADS
    assert len(tables["Campaigns"]["records"]) == 26
    assert len(tables["SMS_Audit"]["records"]) == AUDIT
    assert len(tables["SMS_Templates"]["records"]) > 90


@pytest.mark.parametrize(("leads", "audit"), [(0, 0), (0, 20), (1, 0), (30, 500)])
def test_small_bases_work_too(leads: int, audit: int) -> None:
    base = generate(leads=leads, audit=audit, now=NOW)["bases"][0]
    sizes = {table["name"]: len(table["records"]) for table in base["tables"]}
    assert (sizes["Leads"], sizes["SMS_Audit"]) == (leads, audit)


def test_the_mixes_are_those_of_the_real_base(lead_cells: list[Cells]) -> None:
    without_campaign = [c for c in lead_cells if not c.keys() & {"Campaign (CORRECTED)", "Linked Campaign"}]
    assert 0.11 < len(without_campaign) / LEADS < 0.17
    assert sum(len(cells) for cells in lead_cells) / LEADS > 35
    assert sum(len(cells) >= 40 for cells in lead_cells) > LEADS / 2
    statuses = Counter(cells.get("Processing Status") for cells in lead_cells)
    assert [status for status, _ in statuses.most_common(3)] == ["Ready for SMS", "Queued", "In Sequence"]
    assert set(statuses) > {"Backlog", "Processing", "Failed", "Stopped", "Completed", "Complete", None}
    assert 0.02 < sum("Booked" in cells for cells in lead_cells) / LEADS < 0.13
    assert max(Counter(map(phone_digits, lead_cells)).values()) > 1, "nobody is there twice"


def phone_digits(cells: Cells) -> str:
    digits = re.sub(r"\D", "", cells.get("Phone", ""))
    return digits[-10:] if len(digits) >= 10 else f"none: {id(cells)}"


def test_phones_are_numbers_that_nobody_has(lead_cells: list[Cells], audit_cells: list[Cells]) -> None:
    for cells in (*lead_cells, *audit_cells):
        digits = re.sub(r"\D", "", re.split(r"(?i)\s*(?:;?ext|x|/)", cells.get("Phone", ""))[0])
        if len(digits.removeprefix("1")) == 10:
            assert digits[-7:-4] == "555"


def test_a_booking_by_calendar_left_zeroes_and_the_messages_stayed_in_the_log(
    lead_cells: list[Cells], tables: dict[str, Any]
) -> None:
    booked = [cells for cells in lead_cells if cells.get("SMS Stop Reason") == "BOOKED"]
    zeroed = [c for c in booked if c.get("SMS Sequence Position") == 0 and c.get("SMS Sent Count") == 0]
    assert len(zeroed) > 0.8 * len(booked) > 10
    logged = {cells.get("Lead Record ID") for cells in (r["fields"] for r in tables["SMS_Audit"]["records"])}
    booked_ids = {r["id"] for r in tables["Leads"]["records"] if r["fields"].get("SMS Stop Reason") == "BOOKED"}
    assert len(booked_ids & logged) > 0.8 * len(booked_ids)


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


def test_airtable_computes_what_the_sample_leaves_out(tmp_path: Path) -> None:
    file = tmp_path / "base.json"
    file.write_text(written(seed=7, leads=150, audit=150, now=NOW), encoding="ascii")
    document = json.loads(file.read_text(encoding="ascii"))
    base_id, token = document["bases"][0]["id"], document["tokens"][0]["token"]
    unlimited = Behaviour(requests_per_second=None, user_requests_per_second=None)
    with running_emulator(Store.load(file), unlimited) as emulator:
        page = requests.get(
            f"{emulator.url}/v0/{base_id}/Leads", headers={"Authorization": f"Bearer {token}"}, timeout=10
        ).json()
    assert len(page["records"]) == 100
    scores = set()
    for record in page["records"]:
        cells = record["fields"]
        assert cells["Record ID"] == record["id"]
        assert cells["Record Created AT"] == record["createdTime"]
        assert cells["ICP Score"] == score(cells)
        scores.add(cells["ICP Score"])
        eligible = (
            "Phone Valid" in cells
            and re.search("united states|canada", cells.get("Location Country", "").lower()) is not None
            and cells.get("HRQ Status") != "Archive"
            and not cells.keys() & {"Current Coaching Client", "SMS Stop", "Booked"}
        )
        assert cells.get("SMS Eligible", False) is eligible
    assert {0, 20} < scores


def score(cells: Cells) -> Any:
    country = cells.get("Location Country", "").lower()
    location = 20 if "us" in country or "united states" in country else 0
    if not location and re.search("canada|united kingdom|ireland|australia", country):
        location = 18
    if not location and "germany" in country:
        location = 15
    parts = ("Company Score Component", "Role Score Component", "Dynamic Signals Score")
    return location + sum(cells.get(part, 0) for part in parts) + 5 * ("Prime Fit Bonus" in cells)


def test_the_command_writes_a_file(tmp_path: Path) -> None:
    file = tmp_path / "base.json"
    run = command("--out", str(file), "--leads", "40", "--audit", "60")
    assert run.returncode == 0, run.stderr
    assert "40 Leads" in run.stdout
    assert json.loads(file.read_text(encoding="ascii"))["tokens"]
    assert [path.name for path in tmp_path.iterdir()] == ["base.json"]


def test_a_file_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    run = command("--out", str(tmp_path / "missing" / "base.json"), "--leads", "5")
    assert run.returncode == 1
    assert run.stderr.count("\n") == 1
    assert "No such file or directory" in run.stderr


def command(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "playground.sample", *arguments], capture_output=True, text=True, timeout=60
    )
