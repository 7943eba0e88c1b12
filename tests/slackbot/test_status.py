"""`status`: the age of each table, what went wrong, and the month's calls."""

import io
import json
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import Engine, text

from slackbot.answers import ask
from slackbot.blocks import json_text, plain_text
from slackbot.blocks.terminal import render
from slackbot.grammar import NotUnderstoodError
from tests.slackbot import marts
from tests.slackbot.marts import add, mark_synced
from uysp.settings import Settings


@pytest.fixture
def two(built: Engine) -> Engine:
    """Two clients: of `acme` one table could not be read, and deletions are held back."""
    mark_synced(built, "uysp")
    add(
        built,
        "sync_status",
        {
            "client": "acme",
            "source_table": "leads",
            "last_synced_at": marts.SYNCED_AT,
            "last_changed_at": marts.SYNCED_AT,
            "rows": 11_046,
            "deleted_rows": 3,
            "last_error": "Airtable does not know the token",
        },
    )
    with built.begin() as connection:
        connection.execute(
            text("""
                insert into app.airtable_held_deletions
                select 'acme', 'leads', 'rec' || number, now() from generate_series(1, 1234) as number;
                insert into app.airtable_hooks (client, unavailable) values ('acme', 'Acme may not be followed.');
                insert into app.airtable_calls
                values ('acme', (now() at time zone 'UTC')::date, 'write', 2),
                    ('uysp', (now() at time zone 'UTC')::date, 'poll', 1998);
                insert into app.airtable_months values (date_trunc('month', now() at time zone 'UTC'), 2000)
            """)
        )
    return built


def tables(answer: Any) -> list[dict[str, Any]]:
    found: dict[str, list[dict[str, Any]]] = json.loads(json_text(answer))["data"]
    assert list(found) == ["tables"]
    return found["tables"]


def test_tables_have_the_columns_of_the_definition_in_the_order_of_clients_and_names(
    two: Engine, reading: Engine, settings: Settings
) -> None:
    rows = tables(ask("status", reading, settings))
    assert [(row["client"], row["source_table"]) for row in rows] == [
        ("acme", "leads"),
        ("uysp", "campaigns"),
        ("uysp", "leads"),
        ("uysp", "sms_audit"),
        ("uysp", "sms_templates"),
    ]
    assert rows[0] == {
        "client": "acme",
        "source_table": "leads",
        "last_synced_at": "2026-05-04T12:00:00Z",
        "last_changed_at": "2026-05-04T12:00:00Z",
        "rows": 11_046,
        "deleted_rows": 3,
        "last_error": "Airtable does not know the token",
    }
    assert (rows[1]["last_changed_at"], rows[1]["last_error"]) == (None, None)


def test_people_read_what_failed_what_waits_for_them_and_how_many_calls_are_left(
    two: Engine, reading: Engine, settings: Settings
) -> None:
    planned = settings.model_copy(update={"uysp_airtable_monthly_calls": 100_000})
    answer = ask("status", reading, planned)
    shown = plain_text(answer)
    assert "At the last look 1 of 5 tables could not be read. 2,000" in shown
    assert "2,000 API calls used this month, 98,000 of 100,000 left" in shown
    assert "1,234 deletions of leads (acme) wait for a person: uysp sync --accept-deletions." in shown
    assert "Acme may not be followed." in shown
    console = Console(width=160, file=io.StringIO(), record=True)
    render(answer, console)
    assert "11,046" in console.export_text()
    assert "2,000 API calls used this month, no cap set; every base is looked at every 30 s" in plain_text(
        ask("status", reading, settings)
    )


@pytest.mark.parametrize("line", ["status client:UYSP", "status"])
def test_of_clients_that_are_not_asked_for_or_may_not_be_seen_nothing_is_told(
    line: str, two: Engine, reading: Engine, settings: Settings
) -> None:
    answer = ask(line, reading, settings, lambda key: "client:" in line or key != "acme")
    assert {row["client"] for row in tables(answer)} == {"uysp"}
    shown = plain_text(answer).casefold()
    assert "acme" not in shown
    assert "deletions" not in shown
    assert "every table was read" in shown


def test_a_table_that_is_gone_from_airtable_is_named_if_it_was_ever_read(
    two: Engine, reading: Engine, settings: Settings
) -> None:
    with two.begin() as connection:
        connection.execute(
            text("""
                insert into raw.airtable_tables
                    (client, source_table, table_id, current_name, first_seen, last_seen, deleted_at)
                select 'uysp', name, 'tbl' || name, name, now(), now(), '2026-05-04 11:30Z'
                from unnest(array['sms_templates', 'sms_audit']) as name;
                insert into raw.loads
                    (client, source_table, observed_at, is_first, records_read, created, updated, deleted, restored)
                values ('uysp', 'sms_templates', now(), true, 1, 1, 0, 0, 0)
            """)
        )
    shown = plain_text(ask("status client:uysp", reading, settings))
    assert "At the last look every table that Airtable has was read." in shown
    assert (
        "The table sms_templates (uysp) is gone from Airtable, as seen on 2026-05-04 11:30 UTC; its records stay as "
        "they were last read."
    ) in shown
    assert "sms_audit (uysp) is gone" not in shown
    assert "is gone from Airtable" not in plain_text(ask("status client:acme", reading, settings))


def test_a_client_that_there_is_not_is_named(two: Engine, reading: Engine, settings: Settings) -> None:
    with pytest.raises(NotUnderstoodError, match=r"no client “acne”\. Did you mean acme"):
        ask("status client:acne", reading, settings)
