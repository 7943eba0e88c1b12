"""`history`: who wrote what, of all leads, one lead, or under a reference."""

import csv
import io
import json
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import Engine, text

from slackbot.answers import ask
from slackbot.blocks import json_text
from slackbot.blocks.csv_file import csv_file
from slackbot.blocks.terminal import render
from slackbot.blocks.text import shown
from tests.slackbot.marts import add_lead, mark_synced, record_id
from uysp.settings import Settings

_INSERT = text("""
    insert into app.activity_log (at, client, actor_id, actor_name, action, lead_id, details, outcome)
    values (
        timestamptz '2026-05-01' + :number * interval '1 hour', :client, 'U1', 'Ada', :action, :lead_id,
        cast(:details as jsonb), 'done'
    )
""")


@pytest.fixture
def logged(built: Engine) -> Engine:
    """Five lines: two of Jane, one of somebody who is gone, one of another client, one that is no write."""
    for client in ("other", "uysp"):
        mark_synced(built, client)
    add_lead(built, 1, name="Jane Doe", email="jane@example.com")
    lines = [
        ("uysp", "NOTE_ADDED", record_id(1), {"reference": "1A2B3C4D"}),
        ("uysp", "LEAD_CLAIMED", record_id(1), {}),
        ("uysp", "LEAD_STATUS_CHANGED", record_id(9), {"after": "Archive"}),
        ("other", "NOTE_ADDED", record_id(1), {"reference": "1A2B3C4D"}),
        ("uysp", "ACCESS_DENIED", record_id(1), {}),
    ]
    with built.begin() as connection:
        for number, (client, action, lead_id, details) in enumerate(lines):
            values = {"number": number, "client": client, "action": action, "lead_id": lead_id}
            connection.execute(_INSERT, {**values, "details": json.dumps(details)})
    return built


def actions(line: str, engine: Engine, settings: Settings) -> list[str]:
    document: dict[str, Any] = json.loads(json_text(ask(line, engine, settings, "uysp".__eq__)))
    return [row["action"] for row in document["data"]["history"]]


def test_the_log_has_all_writes_newest_first_and_no_refusals(
    logged: Engine, reading: Engine, settings: Settings
) -> None:
    assert actions("history", reading, settings) == ["LEAD_STATUS_CHANGED", "LEAD_CLAIMED", "NOTE_ADDED"]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("history jane doe", ["LEAD_CLAIMED", "NOTE_ADDED"]),
        ("history jane@example.com", ["LEAD_CLAIMED", "NOTE_ADDED"]),
        (f"history {record_id(1)}", ["LEAD_CLAIMED", "NOTE_ADDED"]),
        (f"history {record_id(9)}", ["LEAD_STATUS_CHANGED"]),
        ("history 1a2b3c4d", ["NOTE_ADDED"]),
        ("history 2", ["LEAD_CLAIMED"]),
        ("history #2", ["LEAD_CLAIMED"]),
        ("history 4", []),
        ("history nobody", []),
    ],
)
def test_one_lead_or_one_reference_is_told_apart(
    line: str, found: list[str], logged: Engine, reading: Engine, settings: Settings
) -> None:
    assert actions(line, reading, settings) == found


@pytest.mark.parametrize(
    ("details", "said"),
    [
        (
            {
                "reference": "1A2B3C4D",
                "status": "Archive",
                "before": {"HRQ Status": None, "SMS Stop": False},
                "after": {"HRQ Status": "Archive", "SMS Stop": True},
                "version": 7,
                "said": "Jane is marked.",
            },
            "Jane is marked. status: Archive; reference: 1A2B3C4D; SMS Stop: no → yes; HRQ Status: nothing → Archive",
        ),
        ({"verb": "hot", "filters": {"icp": ">=70"}, "rows": 3}, "rows: 3; verb: hot; filters: icp >=70"),
        ({"after": "Archive"}, "after: Archive"),
        ({"said": "x" * 500}, "x" * 119 + "…"),
        ({}, "–"),
    ],
)
def test_details_are_told_in_words(
    details: dict[str, Any], said: str, built: Engine, reading: Engine, settings: Settings
) -> None:
    mark_synced(built)
    values = {"number": 1, "client": "uysp", "action": "LEAD_STATUS_CHANGED", "lead_id": record_id(1)}
    with built.begin() as connection:
        connection.execute(_INSERT, {**values, "details": json.dumps(details)})
    section = ask("history", reading, settings).sections["history"]
    [column] = [column for column in section.columns if column.label == "Details"]
    assert shown(column, section.rows[0]) == said


@pytest.mark.parametrize("line", ["history", "history 1a2b3c4d"])
@pytest.mark.parametrize("width", [80, 150])
def test_a_narrow_terminal_has_the_reference_and_says_what_it_leaves_out(
    line: str, width: int, logged: Engine, reading: Engine, settings: Settings
) -> None:
    console = Console(width=width, file=io.StringIO(), record=True)
    render(ask(line, reading, settings, "uysp".__eq__), console)
    printed = console.export_text()
    assert "1A2B3C4D" in printed
    assert "Left out for want of width: Details; --json has them" in printed


def test_a_line_names_the_lead_and_who_it_was(logged: Engine, reading: Engine, settings: Settings) -> None:
    [row] = ask("history 1a2b3c4d", reading, settings, "uysp".__eq__).sections["history"].rows
    assert (row.actor_name, row.lead_name, row.details) == ("Ada", "Jane Doe", {"reference": "1A2B3C4D"})


def test_a_file_has_person_before_after_and_reference_whole(
    logged: Engine, reading: Engine, settings: Settings
) -> None:
    long = "word " * 200
    details = {"reference": "5E6F7A8B", "before": {"HRQ Status": None}, "after": {"Notes": long}, "type": "Call"}
    with logged.begin() as connection:
        values = {"number": 9, "client": "uysp", "action": "NOTE_ADDED", "lead_id": record_id(1)}
        connection.execute(_INSERT, {**values, "details": json.dumps(details)})
    section = ask("history 5e6f7a8b", reading, settings, "uysp".__eq__, whole=True).sections["history"]
    [row] = csv.DictReader(io.StringIO(csv_file(section, personal=True).decode("utf-8-sig")))
    assert (row["Who"], row["Who id"], row["Reference"]) == ("Ada", "U1", "5E6F7A8B")
    assert json.loads(row["Before"]) == {"HRQ Status": None}
    assert json.loads(row["After"])["Notes"].split() == long.split()
    assert json.loads(row["Details"]) == {"type": "Call"}


@pytest.mark.parametrize("typed", [record_id(2), f"UYSP/{record_id(2)}"])
def test_a_record_that_was_never_here_is_no_lead_with_no_lines(
    logged: Engine, reading: Engine, settings: Settings, typed: str
) -> None:
    """It may be another client's: this one's key does not belong before it."""
    findings = ask(f"history {typed}", reading, settings, "uysp".__eq__).findings
    assert findings.summary == f"No lead “{typed}” is known here."
    with logged.begin() as connection:
        connection.execute(
            text("""
                insert into raw.leads (client, record_id, fields, created_time, modified_at, extracted_at, deleted_at,
                                       version, load_id)
                values ('uysp', :record_id, '{}', now(), now(), now(), now(), 1, 1)
            """),
            {"record_id": record_id(2)},
        )
    known = ask(f"history {typed}", reading, settings, "uysp".__eq__).findings
    assert known.summary == f"0 lines in the log of writes of uysp/{record_id(2)}."
