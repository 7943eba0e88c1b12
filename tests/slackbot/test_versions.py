"""A record's past: every version, what changed from one to the next, options under their present names."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
import sqlalchemy
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from rich.console import Console
from sqlalchemy import text

from slackbot.answers import ask
from slackbot.answers.search import AmbiguousLeadError
from slackbot.answers.versions import SHOWN_CHARACTERS
from slackbot.blocks import json_text
from slackbot.blocks.actions import Sharing
from slackbot.blocks.message import Form, answer_message, shared_message
from slackbot.blocks.terminal import render
from slackbot.blocks.views import share_view
from tests.slackbot.marts import add_lead, mark_synced, record_id
from uysp.settings import Settings

Engine = sqlalchemy.Engine
Fields = dict[str, Any]

START = datetime(2026, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def write_past(
    engine: Engine, lead_id: str, past: list[tuple[str, Fields]], client: str = "uysp", *, replace: bool = False
) -> None:
    """Store versions an hour apart, as the loader does."""
    with engine.begin() as connection:
        if replace:
            connection.execute(text("truncate raw.leads, raw.leads_history"))
        for version, (operation, fields) in enumerate(past, 1):
            connection.execute(
                text("""
                    insert into raw.leads_history (client, record_id, version, fields, observed_at, operation, load_id)
                    values (:client, :lead_id, :version, cast(:fields as jsonb), :at, :operation, 1)
                """),
                {
                    "client": client,
                    "lead_id": lead_id,
                    "version": version,
                    "fields": orjson.dumps(fields).decode(),
                    "at": START + version * HOUR,
                    "operation": operation,
                },
            )
        connection.execute(
            text("""
                insert into raw.leads (client, record_id, fields, created_time, modified_at, extracted_at, deleted_at,
                                       version, load_id)
                select client, record_id, fields, observed_at, observed_at, observed_at,
                       case when operation = 'deleted' then observed_at end, version, 1
                from raw.leads_history
                where client = :client and record_id = :lead_id order by version desc limit 1
            """),
            {"client": client, "lead_id": lead_id},
        )


def add_field(engine: Engine, field_id: str, name: str, kind: str) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("""
                insert into raw.airtable_fields
                    (client, source_table, field_id, canonical_name, current_name, type, first_seen, last_seen)
                values ('uysp', 'leads', :field_id, :name, :name, :kind, :at, :at)
            """),
            {"field_id": field_id, "name": name, "kind": kind, "at": START},
        )


def name_option(engine: Engine, option_id: str, name: str, since: datetime, until: datetime | None = None) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "insert into raw.airtable_options values ('uysp', 'leads', 'fld1', :option_id, :name, :since, :until)"
            ),
            {"option_id": option_id, "name": name, "since": since, "until": until},
        )


def past_of(line: str, engine: Engine, settings: Settings) -> dict[str, list[dict[str, Any]]]:
    document: dict[str, Any] = json.loads(json_text(ask(f"versions {line}", engine, settings)))
    data: dict[str, list[dict[str, Any]]] = document["data"]
    assert list(data) == ["versions", "changes"]
    return data


VALUES = st.one_of(st.text(max_size=3), st.integers(-3, 3), st.booleans(), st.lists(st.sampled_from("ab"), max_size=2))
PASTS = st.lists(st.dictionaries(st.sampled_from(["Notes", "Company", "Tags", "x"]), VALUES), min_size=1, max_size=6)


@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)
@given(past=PASTS)
def test_the_changes_lead_from_the_first_version_to_the_last(
    past: list[Fields], built: Engine, reading: Engine, settings: Settings
) -> None:
    storable = json.loads(json.dumps(past).replace("\\u0000", " "))
    write_past(
        built,
        record_id(1),
        [("created" if not number else "updated", fields) for number, fields in enumerate(storable)],
        replace=True,
    )
    with built.begin() as connection:
        connection.execute(text("truncate marts.sync_status"))
    mark_synced(built)
    data = past_of(record_id(1), reading, settings)
    assert [row["version"] for row in data["versions"]] == list(range(len(past), 0, -1))
    newest_first = [row["version"] for row in data["changes"]]
    assert newest_first == sorted(newest_first, reverse=True)
    state = dict(storable[0])
    for row in reversed(data["changes"]):
        assert row["before"] != row["after"]
        assert state.get(row["field"]) == row["before"]
        state[row["field"]] = row["after"]
    assert {field: value for field, value in state.items() if value is not None} == storable[-1]


def test_each_version_is_told_with_when_it_was_seen_and_what_happened(
    built: Engine, reading: Engine, settings: Settings
) -> None:
    mark_synced(built)
    lead = add_lead(built, 1, name="Anna Bell")
    fields = {"Company": "Acme", "Notes": "n" * 500}
    write_past(
        built,
        lead,
        [("created", {"Company": "Acme"}), ("updated", fields), ("deleted", fields), ("restored", {"Company": "B"})],
    )
    data = past_of("anna", reading, settings)
    assert [(row["version"], row["observed_at"], row["operation"]) for row in data["versions"]] == [
        (4, "2026-05-01T04:00:00Z", "restored"),
        (3, "2026-05-01T03:00:00Z", "deleted"),
        (2, "2026-05-01T02:00:00Z", "updated"),
        (1, "2026-05-01T01:00:00Z", "created"),
    ]
    assert [(row["version"], row["field"], row["before"], row["after"]) for row in data["changes"]] == [
        (4, "Company", "Acme", "B"),
        (4, "Notes", "n" * 500, None),
        (2, "Notes", None, "n" * 500),
    ]
    answer = ask("versions anna", reading, settings)
    changes = answer.sections["changes"]
    longest = max(len(str(column.value(row))) for row in changes.rows for column in changes.columns)
    assert longest == SHOWN_CHARACTERS


def test_nothing_in_a_value_steers_slack_or_the_terminal(built: Engine, reading: Engine, settings: Settings) -> None:
    mark_synced(built)
    lead = add_lead(built, 1)
    write_past(built, lead, [("created", {}), ("updated", {"Notes": "<!channel> \x1b[31m[bold]red\u202e"})])
    answer = ask(f"versions {lead}", reading, settings)
    console = Console(record=True, width=200, file=io.StringIO())
    render(answer, console)
    message = answer_message(answer)
    assert "<!channel>" not in message["text"]
    cells = [cell for block in message["blocks"] for row in block.get("rows", ()) for cell in row]
    rich = [part for cell in cells for run in cell.get("elements", ()) for part in run["elements"]]
    assert {cell["type"] for cell in cells} <= {"raw_text", "raw_number", "rich_text"}
    assert {part["type"] for part in rich} == {"date"}, "a time in its reader's zone, and nothing else"
    assert any("<!channel>" in cell.get("text", "") for cell in cells), "raw cells are not mark-up"
    for text_shown in (console.export_text(), json.dumps(message, ensure_ascii=False)):
        assert "\x1b" not in text_shown
        assert "\u202e" not in text_shown
        assert "[bold]red" in text_shown


def test_options_are_called_as_now_also_where_two_changed_their_names_at_once(
    built: Engine, reading: Engine, settings: Settings
) -> None:
    mark_synced(built)
    lead = add_lead(built, 1)
    add_field(built, "fld1", "Processing Status", "singleSelect")
    swap = START + 2 * HOUR + timedelta(minutes=30)
    for option_id, before, after in (("o1", "Queued", "Stopped"), ("o2", "Stopped", "Failed")):
        name_option(built, option_id, before, START, swap)
        name_option(built, option_id, after, swap)
    write_past(
        built,
        lead,
        [
            ("created", {"Processing Status": "Queued", "Notes": "Queued"}),
            ("updated", {"Processing Status": "Stopped", "Notes": "Queued"}),
            ("updated", {"Processing Status": "Stopped", "Notes": "Stopped"}),
        ],
    )
    data = past_of(lead, reading, settings)
    assert [(row["version"], row["field"], row["before"], row["after"]) for row in data["changes"]] == [
        (3, "Notes", "Queued", "Stopped"),
        (3, "Processing Status", "Failed", "Stopped"),
        (2, "Processing Status", "Stopped", "Failed"),
    ]


def test_an_option_that_was_only_renamed_is_no_change_also_in_a_list(
    built: Engine, reading: Engine, settings: Settings
) -> None:
    mark_synced(built)
    lead = add_lead(built, 1)
    add_field(built, "fld1", "Tags", "multipleSelects")
    noticed = START + HOUR + timedelta(minutes=1)  # after the first version, whose name it is
    name_option(built, "o1", "old", noticed, noticed + HOUR)
    name_option(built, "o1", "new", noticed + HOUR)
    past = [{"Tags": ["x", "old"]}, {"Tags": ["x", "old"]}, {"Tags": ["x", "new"]}]
    write_past(built, lead, [("created", past[0]), ("updated", past[1]), ("updated", past[2])])
    data = past_of(lead, reading, settings)
    assert (len(data["versions"]), data["changes"]) == (3, [])


def test_a_deletion_changes_no_field_also_where_an_option_was_renamed_before_it_was_seen(
    built: Engine, reading: Engine, settings: Settings
) -> None:
    mark_synced(built)
    lead = add_lead(built, 1)
    add_field(built, "fld1", "SMS Status", "singleSelect")
    renamed = START + HOUR + timedelta(minutes=30)
    name_option(built, "o1", "Not Sent", START, renamed)
    name_option(built, "o1", "Unsent", renamed)
    # What is gone cannot be read under the new name: a deletion has the cells as they were last seen.
    old = {"SMS Status": "Not Sent"}
    past = [("created", old), ("deleted", old), ("restored", {"SMS Status": "Unsent", "Notes": "back"})]
    write_past(built, lead, past)
    data = past_of(lead, reading, settings)
    assert [row["operation"] for row in data["versions"]] == ["restored", "deleted", "created"]
    assert [(row["version"], row["field"]) for row in data["changes"]] == [(3, "Notes")]


def test_addresses_of_attachments_that_expire_are_no_change(built: Engine, reading: Engine, settings: Settings) -> None:
    mark_synced(built)
    lead = add_lead(built, 1)
    add_field(built, "fld1", "Files", "multipleAttachments")

    def files(url: str, *names: str) -> list[Fields]:
        return [{"id": name, "filename": name, "url": f"{url}/{name}", "thumbnails": {"s": url}} for name in names]

    write_past(
        built,
        lead,
        [
            ("created", {"Files": files("1", "a")}),
            ("updated", {"Files": files("2", "a"), "Notes": "n"}),
            ("updated", {"Files": files("3", "a", "b"), "Notes": "n"}),
        ],
    )
    changed = [(row["version"], row["field"]) for row in past_of(lead, reading, settings)["changes"]]
    assert changed == [(3, "Files"), (2, "Notes")]


def test_a_deleted_lead_is_found_by_its_record_id_of_the_client_that_is_named(
    built: Engine, reading: Engine, settings: Settings
) -> None:
    mark_synced(built)
    mark_synced(built, "second")
    for client in ("uysp", "second"):
        write_past(built, record_id(1), [("created", {"Notes": client}), ("deleted", {"Notes": client})], client)
    for line in (f"second/{record_id(1)}", f"SECOND/{record_id(1)}", f"{record_id(1)} client:second"):
        assert {row["client"] for row in past_of(line, reading, settings)["versions"]} == {"second"}
    for line in (record_id(2), f"third/{record_id(1)}", "nobody"):
        assert past_of(line, reading, settings) == {"versions": [], "changes": []}


def test_a_client_that_may_not_be_seen_has_no_past(built: Engine, reading: Engine, settings: Settings) -> None:
    mark_synced(built)
    mark_synced(built, "second")
    write_past(built, record_id(1), [("created", {}), ("deleted", {})], "second")
    for line in (record_id(1), f"second/{record_id(1)}"):
        hidden = ask(f"versions {line}", reading, settings, lambda key: key == "uysp")
        assert not hidden.sections["versions"].rows
        assert ask(f"versions {line}", reading, settings).sections["versions"].rows


def test_where_several_leads_may_be_meant_they_are_named_and_none_is_chosen(
    built: Engine, reading: Engine, settings: Settings
) -> None:
    mark_synced(built)
    for number in range(1, 8):
        add_lead(built, number, name=f"Anna {number}", company="Acme" if number == 1 else None)
    with pytest.raises(AmbiguousLeadError) as several:
        ask("versions anna", reading, settings)
    said = str(several.value)
    assert "7 leads match “anna”" in said
    assert f"Anna 1 (Acme, uysp/{record_id(1)}); Anna 2 (uysp/{record_id(2)})" in said
    assert said.count("uysp/rec") == 5
    assert "and 2 more" in said


def test_of_long_values_the_part_that_differs_is_shown(built: Engine, reading: Engine, settings: Settings) -> None:
    mark_synced(built)
    lead = add_lead(built, 1)
    long = "Called on Monday, was out; asked to be called again next week. " * 5
    write_past(
        built,
        lead,
        [
            ("created", {"Notes": long}),
            ("updated", {"Notes": f"{long}Met on Tuesday."}),
            ("updated", {"Notes": "Moved to another city, keeps the number. " * 8}),
        ],
    )
    section = ask(f"versions {lead}", reading, settings).sections["changes"]
    shown = [tuple(str(column.value(row)) for column in section.columns)[2:] for row in section.rows]
    assert shown[1] == (f"…{long[-20:]}", f"…{long[-20:]}Met on Tuesday.")
    assert shown[0][0].startswith("Called on Monday")
    assert shown[0][1].startswith("Moved to another city")
    assert {len(each) for each in shown[0]} == {SHOWN_CHARACTERS}


@pytest.mark.parametrize(
    ("past", "said"),
    [
        (["created"], "No field changed since."),
        (["created", "deleted"], "No field changed before it was deleted."),
        (["created", "deleted", "restored"], "No field changed since."),
    ],
)
def test_without_changes_it_is_said_of_which_time(
    past: list[str], said: str, built: Engine, reading: Engine, settings: Settings
) -> None:
    mark_synced(built)
    write_past(built, record_id(1), [(operation, {"Company": "Acme"}) for operation in past])
    console = Console(width=160, file=io.StringIO(), record=True)
    render(ask(f"versions {record_id(1)}", reading, settings), console)
    assert said in console.export_text()


@pytest.mark.parametrize("form", Form)
def test_a_copy_for_a_channel_has_no_values_of_the_record(
    built: Engine, reading: Engine, settings: Settings, form: Form
) -> None:
    mark_synced(built)
    lead_id = add_lead(built, 1)
    past = [{"Notes": "her husband left", "Private": "pays badly"}, {"Notes": "she is ill", "Private": "owes us"}]
    write_past(built, lead_id, [("created", past[0]), ("updated", past[1])])
    answer = ask(f"versions {lead_id}", reading, settings)
    view = share_view(answer, Sharing(answer.findings.line, "C0GENERAL1"), "All will see this.")
    assert "Left out, because it is personal: Before, After." in str(view["blocks"])
    for copy in (str(shared_message(answer, "Ada", form)), str(view)):
        assert "Notes" in copy
        assert not [value for fields in past for value in fields.values() if value in copy]
