"""What is answered, from marts that hold what the test put there."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy
from pydantic import SecretStr
from sqlalchemy import text

from slackbot.answers import VERBS, NotVisibleError, ask
from slackbot.blocks import json_text, plain_text
from slackbot.blocks.text import clean
from slackbot.grammar import NotUnderstoodError
from tests.slackbot import marts
from tests.slackbot.marts import add_campaign, add_lead, mark_synced, record_id
from uysp.database import Role, open_database
from uysp.errors import DatabaseError
from uysp.settings import Client, Settings

Engine = sqlalchemy.Engine


def rows(line: str, engine: Engine, settings: Settings, section: str = "leads") -> list[dict[str, Any]]:
    """Return a section of the JSON that a line gives."""
    found: list[dict[str, Any]] = json.loads(json_text(ask(line, engine, settings)))["data"][section]
    return found


def ids(line: str, engine: Engine, settings: Settings) -> list[str]:
    """Return the record ids that a line finds, in order."""
    return [row["lead_id"] for row in rows(line, engine, settings)]


@pytest.mark.parametrize("number", ["leads", "0", "1001", "many of them"])
def test_what_is_no_number_is_told_without_a_filter_that_nobody_typed(
    built: Engine, reading: Engine, settings: Settings, number: str
) -> None:
    mark_synced(built)
    with pytest.raises(NotUnderstoodError) as caught:
        ask(f"hot {number} icp:>=70", reading, settings)
    assert "top:" not in str(caught.value)
    assert f"“hot {number}” is not understood; after “hot” stands a number from 1 to 1,000, or none." in str(
        caught.value
    )
    assert caught.value.suggestions == ("hot icp:>=70",)


@pytest.mark.parametrize("unused", ["sort:clicks", "page:9", "sort:clicks page:9"])
def test_an_order_or_a_page_of_a_campaign_without_a_list_of_leads_is_refused(
    built: Engine, reading: Engine, settings: Settings, unused: str
) -> None:
    mark_synced(built)
    add_campaign(built, "Webinar")
    with pytest.raises(NotUnderstoodError, match=r"add one, such as step:1\.$") as caught:
        ask(f"campaign webinar {unused}", reading, settings)
    assert unused.replace(" ", " and ") in str(caught.value)
    assert caught.value.suggestions == (f"campaign Webinar step:1 {unused}", "campaign Webinar")


# campaigns


def test_campaigns_come_by_leads_with_internal_and_unassigned_last(
    built: Engine, reading: Engine, settings: Settings
) -> None:
    mark_synced(built)
    for name, leads in (("Small", 3), ("b", 7), ("B", 7), ("Large", 900)):
        add_campaign(built, name, leads=leads)
    add_campaign(built, "call_booked", leads=5000, is_internal=True)
    add_campaign(built, "Unassigned", leads=6000, is_unassigned=True)
    names = [row["campaign"] for row in rows("campaigns", reading, settings, "campaigns")]
    assert names == ["Large", "B", "b", "Small", "call_booked", "Unassigned"]


def test_a_row_has_the_columns_of_the_definition_with_rates_as_fractions_and_null_as_null(
    built: Engine, reading: Engine, settings: Settings
) -> None:
    mark_synced(built)
    add_campaign(built, "Webinar", leads=8, bookings=1, booking_rate=0.125, last_sent_at=marts.SYNCED_AT)
    [row] = rows("campaigns", reading, settings, "campaigns")
    assert list(row) == [part.split()[0] for part in marts.CAMPAIGN_PERFORMANCE.split(",")]
    assert (row["leads"], row["booking_rate"], row["click_rate"]) == (8, 0.125, None)
    assert row["last_sent_at"] == "2026-05-04T12:00:00Z"


def test_exact_decimals_of_the_database_become_json_numbers(reading: Engine, built: Engine, settings: Settings) -> None:
    mark_synced(built)
    with built.begin() as connection:
        connection.execute(text("alter table marts.campaign_performance alter clicks type numeric"))
        connection.execute(text("alter table marts.campaign_performance alter messages_per_lead type numeric"))
    add_campaign(built, "Webinar", clicks=12, messages_per_lead=2.5)
    [row] = rows("campaigns", reading, settings, "campaigns")
    assert (row["clicks"], row["messages_per_lead"]) == (12, 2.5)


def test_the_summary_counts_every_lead_but_no_internal_campaign(
    built: Engine, reading: Engine, settings: Settings
) -> None:
    mark_synced(built)
    add_campaign(built, "Webinar", leads=1000, bookings=30, opt_outs=5)
    add_campaign(built, "call_booked", leads=200, bookings=20, is_internal=True)
    summary = ask("campaigns", reading, settings).findings.summary
    assert summary == "1 campaign, 1,200 leads, 50 booked (4.2%), 5 opted out (0.4%)."


def test_leads_that_were_made_lately_are_left_by_created(built: Engine, reading: Engine, settings: Settings) -> None:
    mark_synced(built)
    for number, days in enumerate((0.1, 2, 10, 40, -1), 1):
        add_lead(built, number, is_hot=True, created_at=datetime.now(UTC) - timedelta(days=days))
    found = {typed: sorted(ids(f"hot created:{typed}", reading, settings)) for typed in ("24h", "7D", "2w", "9w")}
    numbers = {"24h": (1,), "7D": (1, 2), "2w": (1, 2, 3), "9w": (1, 2, 3, 4)}
    assert found == {typed: [record_id(number) for number in left] for typed, left in numbers.items()}


EMOJI = ("👩\u200d💻", "🎉", "👩\u200d🚀", "!?")


@pytest.mark.parametrize("name", EMOJI)
def test_a_campaign_without_letters_and_digits_is_opened_by_its_whole_name(
    built: Engine, reading: Engine, settings: Settings, name: str
) -> None:
    mark_synced(built)
    for each in (*EMOJI, "Webinar"):
        add_campaign(built, each)
    assert rows(f"campaign {name}", reading, settings, "campaign")[0]["campaign"] == name
    (link,) = (
        shown.link(row)
        for shown in ask("campaigns", reading, settings).sections.values()
        for row in shown.rows
        if shown.link is not None and row.campaign == name
    )
    assert rows(clean(link.line), reading, settings, "campaign")[0]["campaign"] == name
    with pytest.raises(NotUnderstoodError, match="There is no campaign “🤖”") as caught:
        ask("campaign 🤖", reading, settings)
    assert caught.value.suggestions == ("campaigns",)


# lead


@pytest.fixture
def people(built: Engine) -> Engine:
    """Leads that look alike."""
    mark_synced(built)
    add_lead(
        built,
        1,
        name="Zoë O’Brien-Łukasz",
        company="Acme, Inc.",
        email="zoe@acme.example",
        phone="+1 (415) 555-0100 x12",
    )
    add_lead(built, 2, name="Jane Doe", company="Acme", email="Jane@Acme.example", phone="415.555.0101")
    add_lead(built, 3, name="Doe Janeway", company="Jane Doe Ltd", email="dj@other.example", phone="0044 20 7946 0000")
    add_lead(built, 4, name="Иван Петров", company="Пример", email="ivan@example.test", notes="call back")
    add_lead(built, 5, name="Mary Poe", company="100%_sure\\ 'quoted'", email="mary@example.test")
    return built


FOUND_BY = {
    record_id(2): 2,
    f"uysp/{record_id(2)}": 2,
    f"UYSP/{record_id(2)}": 2,
    "jane@acme.EXAMPLE": 2,
    "<mailto:jane@acme.example|jane@acme.example>": 2,
    "415-555-0101": 2,
    "+1 415 555 0100": 1,
    "(415) 555-0100 ext. 7": 1,
    "<tel:4155550100|415 555 0100>": 1,
    "+442079460000": 3,
    "0101": 2,
    "obrien zoe": 1,
    "O'BRIEN": 1,
    "o’brien lukasz": 1,
    "zoe acme": 1,
    "петров": 4,
    "ИВАН пример": 4,
    "100%_": 5,
    "'quoted'": 5,
    "janew": 3,
}


def test_a_lead_is_found_by_id_email_phone_name_or_company(people: Engine, reading: Engine, settings: Settings) -> None:
    found = {typed: ids(f'lead "{typed}"', reading, settings) for typed in FOUND_BY}
    assert found == {typed: [record_id(number)] for typed, number in FOUND_BY.items()}


def test_the_best_match_comes_first(people: Engine, reading: Engine, settings: Settings) -> None:
    assert ids("lead doe jane", reading, settings) == [record_id(2), record_id(3)]
    assert ids("lead acme", reading, settings) == [record_id(2), record_id(1)]


def test_an_exact_phone_number_wins_over_a_name_that_holds_it(
    people: Engine, reading: Engine, settings: Settings
) -> None:
    add_lead(people, 6, name="4155550101", phone="9995550000")
    assert ids("lead 4155550101", reading, settings) == [record_id(2)]


def test_two_records_of_one_person_are_both_shown(people: Engine, reading: Engine, settings: Settings) -> None:
    add_lead(people, 6, name="Jane D.", email="jane@ACME.example")
    assert set(ids("lead jane@acme.example", reading, settings)) == {record_id(2), record_id(6)}


def test_at_most_twenty_are_listed_and_how_many_there_are_is_told(
    people: Engine, reading: Engine, settings: Settings
) -> None:
    for number in range(100, 130):
        add_lead(people, number, name=f"Sam Smith {number}")
    answer = ask("lead smith", reading, settings)
    assert len(answer.sections["leads"].rows) == 20
    assert "30 leads match “smith”; the best 20" in answer.findings.summary
    assert "timeline" not in answer.sections


def test_what_nobody_has_finds_nobody(people: Engine, reading: Engine, settings: Settings) -> None:
    typed = (
        "nobody",
        "' or 1=1 --",
        "rec00000000000099",
        "nobody@example.test",
        "+",
        "%%",
        "j_ne",
        "999 555 0101",
        "jane mary",
    )
    assert {each: ids(f'lead "{each}"', reading, settings) for each in typed} == {each: [] for each in typed}


def test_a_single_lead_has_every_column_and_its_timeline_newest_first(
    people: Engine, reading: Engine, settings: Settings
) -> None:
    [row] = rows(f"lead {record_id(4)}", reading, settings)
    assert list(row) == [part.split()[0] for part in marts.LEADS.split(",")]
    assert rows(f"lead {record_id(4)}", reading, settings, "timeline") == []
    for number in (1, 2):
        event = {"event_id": f"e{number}", "at": marts.SYNCED_AT + timedelta(hours=number), "kind": "clicked"}
        marts.add(people, "lead_timeline", {"client": "uysp", "lead_id": record_id(4), "source": "airtable", **event})
    assert [event["event_id"] for event in rows(f"lead {record_id(4)}", reading, settings, "timeline")] == ["e2", "e1"]


# clients


def test_a_client_filter_narrows_and_an_unknown_client_names_the_known_ones(
    built: Engine, reading: Engine, settings: Settings
) -> None:
    for client in ("alpha", "beta"):
        mark_synced(built, client)
        add_campaign(built, "Webinar", client=client, leads=1)
        add_lead(built, 1, client=client)
    assert [row["client"] for row in rows("campaigns", reading, settings, "campaigns")] == ["alpha", "beta"]
    assert [row["client"] for row in rows("campaigns client:BETA", reading, settings, "campaigns")] == ["beta"]
    assert [row["client"] for row in rows(f"lead beta/{record_id(1)}", reading, settings)] == ["beta"]
    assert json.loads(json_text(ask("campaigns client:Beta", reading, settings)))["filters"] == {"client": "beta"}
    with pytest.raises(NotUnderstoodError, match=r"no client “alfa”\. Did you mean alpha\? There are: alpha, beta\."):
        ask("campaigns client:alfa", reading, settings)


def test_clients_that_may_not_be_seen_do_not_exist_for_the_answer(
    built: Engine, reading: Engine, settings: Settings
) -> None:
    for client in ("alpha", "beta"):
        mark_synced(built, client)
        add_lead(built, 1, client=client)
    only_alpha = "alpha".__eq__
    found = ask(f"lead {record_id(1)}", reading, settings, only_alpha)
    assert [lead.client for lead in found.sections["leads"].rows] == ["alpha"]
    with pytest.raises(NotUnderstoodError) as caught:
        ask("campaigns client:beta", reading, settings, only_alpha)
    assert "There are: alpha." in str(caught.value)
    with pytest.raises(NotVisibleError):
        ask("campaigns", reading, settings, lambda _client: False)


# freshness


def test_data_is_as_old_as_the_oldest_table_behind_it(built: Engine, reading: Engine, settings: Settings) -> None:
    mark_synced(
        built,
        campaigns=marts.SYNCED_AT - timedelta(hours=3),
        sms_templates=marts.SYNCED_AT - timedelta(days=9),  # no campaign figure comes from it
    )
    assert ask("campaigns", reading, settings).data_as_of == marts.SYNCED_AT - timedelta(hours=3)


def test_people_read_the_age_of_the_data_in_words(built: Engine, reading: Engine, settings: Settings) -> None:
    for passed, said in (
        (timedelta(seconds=10), "Data less than a minute old."),
        (timedelta(minutes=1, seconds=30), "Data 1 minute old."),
        (timedelta(minutes=14, seconds=30), "Data 14 minutes old."),
        (timedelta(minutes=16), "Careful, data 16 minutes old"),
        (timedelta(hours=5), "Careful, data 5 hours old"),
        (timedelta(days=3), "Careful, data 3 days old"),
    ):
        with built.begin() as connection:
            connection.execute(text("truncate marts.sync_status"))
            now: datetime = connection.execute(text("select now()")).scalar_one()
        mark_synced(built, at=now - passed)
        assert said in plain_text(ask("campaigns", reading, settings))


def test_before_anything_was_read_the_answer_says_what_to_do(engine: Engine, settings: Settings) -> None:
    steps: list[Callable[[], None]] = [
        lambda: None,
        lambda: marts.create_marts(engine),
        lambda: mark_synced(engine, at=None),
    ]
    for step in steps:
        step()
        for line in ("campaigns", "lead jane"):
            answer = ask(line, engine, settings)
            assert answer.data_as_of is None
            assert [list(section.rows) for section in answer.sections.values()] == [[]]
            assert "Nothing has been read from Airtable yet: run “uysp sync”" in plain_text(answer)


def test_while_the_marts_are_built_the_first_time_the_answer_says_so(engine: Engine, settings: Settings) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("""
                insert into raw.loads (client, source_table, observed_at, is_first,
                                       records_read, created, updated, deleted, restored)
                values ('uysp', 'leads', now(), true, 1, 1, 0, 0, 0)
            """)
        )
    settings.__dict__["clients"] = (Client("uysp", "UYSP", "app1", SecretStr("t")),)  # what reading a file gives
    with open_database(settings, Role.BOT) as reading:
        answer = ask("campaigns", reading, settings)
        said = plain_text(answer)
    assert "the marts are being built" in said
    assert "Nothing has been read" not in said
    assert answer.data_as_of is None


def test_a_table_whose_last_read_failed_is_named(built: Engine, reading: Engine, settings: Settings) -> None:
    mark_synced(built)
    with built.begin() as connection:
        connection.execute(text("update marts.sync_status set last_error = 'no' where source_table = 'sms_audit'"))
    assert "The last read of sms_audit (uysp) from Airtable failed" in plain_text(ask("campaigns", reading, settings))


def test_a_client_that_was_never_read_is_named(built: Engine, reading: Engine, settings: Settings) -> None:
    mark_synced(built)
    configured = settings.model_copy(
        update={"airtable_api_key": SecretStr("pat"), "airtable_base_id": "app00000000000000", "uysp_client": "second"}
    )
    assert "Nothing of second has been read" in plain_text(ask("campaigns", reading, configured))


def test_help_needs_no_database(settings: Settings) -> None:
    away = sqlalchemy.create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    verbs = [row.verb for row in ask("help", away, settings).sections["verbs"].rows]
    assert verbs == [verb.name for verb in VERBS]
    assert ask("help LEAD", away, settings).sections["verbs"].rows[0].usage == "lead TEXT"
    with pytest.raises(NotUnderstoodError, match="there are: dashboard, campaigns, campaign, "):
        ask("help campaing", away, settings)


def test_a_database_that_is_away_is_told_with_a_reference_that_the_log_has(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    away = sqlalchemy.create_engine("postgresql+psycopg://someone:hidden@127.0.0.1:1/none")
    with pytest.raises(DatabaseError, match=r"cannot be reached.*Reference [0-9A-F]{8}\.") as caught:
        ask("lead jane@example.com", away, settings)
    assert str(caught.value).split("Reference ")[1].rstrip(".") in caplog.text
    assert "hidden" not in caplog.text
    assert "jane" not in caplog.text


@contextmanager
def locked(engine: Engine, table: str) -> Iterator[None]:
    """Keep a table from being read."""
    with engine.connect() as connection:
        connection.execute(text(f"lock table {table} in access exclusive mode"))
        yield


def test_an_answer_that_takes_too_long_is_given_up(built: Engine, reading: Engine, settings: Settings) -> None:
    mark_synced(built)
    quick = reading.execution_options()
    sqlalchemy.event.listen(
        quick, "begin", lambda connection: connection.exec_driver_sql("set statement_timeout = '200ms'")
    )
    with locked(built, "marts.campaign_performance"), pytest.raises(DatabaseError, match="took too long"):
        ask("campaigns", quick, settings)
