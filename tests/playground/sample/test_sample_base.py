"""The sample base: the same for the same seed, true to the real base's schema, and as dirty as real ones."""

import io
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import requests

from playground.airtable.behaviour import Behaviour
from playground.airtable.server import running_emulator
from playground.airtable.store import Store
from playground.sample.base import generate, write
from playground.sample.schema import DEFINITION
from tests.playground.sample.sample import AUDIT, LEADS, NOW, SEED, Cells

COMPUTED = {"formula", "lastModifiedTime", "createdTime"}
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z")


def written(**arguments: Any) -> str:
    out = io.StringIO()
    write(out, **arguments)
    return out.getvalue()


def test_the_same_seed_and_moment_give_the_same_bytes() -> None:
    first = written(seed=3, leads=300, audit=400, now=NOW)
    assert first == written(seed=3, leads=300, audit=400, now=NOW)
    assert first.isascii()


def test_streaming_and_building_whole_give_the_same_document(document: dict[str, Any]) -> None:
    assert json.loads(written(seed=SEED, leads=LEADS, audit=AUDIT, now=NOW)) == document


def test_another_seed_shares_no_id(document: dict[str, Any]) -> None:
    other = generate(seed=8, leads=300, audit=300, now=NOW)
    assert not set(ids(other)) & set(ids(document))


def test_a_moment_in_another_zone_is_the_same_moment() -> None:
    eastern = NOW.astimezone(timezone(timedelta(hours=-4)))
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
