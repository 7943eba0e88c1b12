"""What `uysp doctor` tells about calls and pace, and that its own requests keep to both."""

from dataclasses import replace
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from playground.airtable.schema_edits import edit
from playground.airtable.server import Emulator
from tests.sync.conftest import Reader, base_file, emulator, reader
from uysp.airtable.limiter import BudgetSpentError, Kind, SharedLimiter, shared_limiter
from uysp.cli import app
from uysp.doctor import Finding, State, check_calls, check_clients, create_notes
from uysp.errors import AirtableError
from uysp.settings import Client, Settings

__all__ = ["base_file", "emulator", "reader"]  # fixtures


def configured(reader: Reader, *others: Client, **variables: Any) -> Settings:
    """Settings with the reader's client, and more."""
    settings = reader.settings.model_copy(update={"uysp_airtable_rate": 1000.0, **variables})
    vars(settings)["clients"] = (reader.client, *others)
    return settings


def pace_of(reader: Reader, engine: Engine) -> SharedLimiter:
    return shared_limiter(engine, configured(reader), reader.client)


def found(settings: Settings) -> dict[str, Finding]:
    return {finding.part: finding for finding in check_calls(settings)}


@pytest.mark.parametrize(("used", "state"), [(74, State.OK), (75, State.NOTE), (89, State.NOTE), (90, State.WRONG)])
def test_calls_used_and_left_are_told_and_when_they_run_short(
    reader: Reader, engine: Engine, used: int, state: State
) -> None:
    pace = pace_of(reader, engine)
    for number in range(used):
        pace.wait(Kind.SWEEP if number < 70 else Kind.WRITE)
    finding = found(configured(reader, uysp_airtable_monthly_calls=100))["api calls"]
    assert finding.state is state
    assert f"{used} API calls used this month, {100 - used} of 100 left" in finding.text
    assert f"70 sweep, {used - 70} write" in finding.text
    assert bool(finding.remedy) == (state is not State.OK)


def test_without_a_plan_calls_are_counted_all_the_same(reader: Reader, engine: Engine) -> None:
    pace_of(reader, engine).wait(Kind.POLL)
    finding = found(configured(reader))["api calls"]
    assert (finding.state, finding.remedy) == (State.OK, "")
    assert "1 API call used this month, no cap set; every base is looked at every 30 s. (1 poll)" in finding.text


def test_what_holds_a_base_back_is_told_with_its_client(reader: Reader, engine: Engine) -> None:
    other = Client("other", "other", "appOTHER000000000", reader.client.token)
    settings = configured(reader, other)
    shared_limiter(engine, settings, other).wait(Kind.POLL)
    pace = pace_of(reader, engine)
    pace.wait(Kind.POLL)
    assert list(found(settings)) == ["api calls"]
    pace.lock_out()
    told = [finding for finding in check_calls(settings) if finding.part == f"airtable {reader.client.key} pace"]
    assert [finding.state for finding in told] == [State.NOTE, State.NOTE]
    assert "we are silent until" in told[0].text
    assert "half the usual rate" in told[1].text
    pace.out_of_calls()
    assert found(settings)[f"airtable {reader.client.key} pace"].state is State.WRONG
    assert "airtable other pace" not in found(settings)


def test_its_own_requests_are_counted_as_what_they_are_and_leave_the_last_tenth_to_peoples_writes(
    reader: Reader, engine: Engine, emulator: Emulator
) -> None:
    findings = list(check_clients(configured(reader, uysp_airtable_monthly_calls=100)))
    assert [finding.text for finding in findings if finding.state is State.WRONG] == []
    asked = len(emulator.requests)
    with engine.connect() as connection:
        calls = connection.execute(text("select kind, calls from app.airtable_calls")).all()
    assert calls == [("poll", asked)]
    (finding,) = check_clients(configured(reader, uysp_airtable_monthly_calls=asked))
    assert finding.state is State.NOTE
    assert finding.text.startswith("not looked at: The month's API calls")
    assert len(emulator.requests) == asked


def test_what_it_creates_is_asked_for_at_the_shared_pace_and_counted(
    reader: Reader, engine: Engine, emulator: Emulator
) -> None:
    edit(emulator.store, reader.client.base_id, "delete_field", table="Leads", field="Notes")
    assert emulator.store.tokens is not None
    emulator.store.tokens[reader.client.token.get_secret_value()].scopes.append("schema.bases:write")
    said = list(create_notes(configured(reader), lambda _: True))
    assert said == [f"Client {reader.client.key}: the field 'Notes' is created; the next sync reads it."]
    with engine.connect() as connection:
        calls = connection.execute(text("select kind, calls from app.airtable_calls")).all()
    assert calls == [("write", len(emulator.requests))]


def test_its_own_requests_wait_for_the_end_of_a_lock_out(reader: Reader, engine: Engine) -> None:
    pace = pace_of(reader, engine)
    pace.wait(Kind.POLL)
    pace.lock_out()
    with engine.begin() as connection:
        connection.execute(text("update app.airtable_pace set locked_until = clock_timestamp() + interval '1 second'"))
        ends: datetime = connection.execute(text("select max(locked_until) from app.airtable_pace")).scalar_one()
    assert next(check_clients(configured(reader))).state is State.OK
    with engine.connect() as connection:
        assert connection.execute(text("select max(recent[1]) from app.airtable_pace")).scalar_one() >= ends


def test_bases_are_looked_at_without_a_database_too(reader: Reader) -> None:
    away = configured(reader, database_url=None, uysp_home=reader.settings.uysp_home / "a file")
    away.uysp_home.parent.mkdir(parents=True)
    away.uysp_home.touch()
    findings = list(check_clients(away))
    assert findings[0].part == f"airtable {reader.client.key} token"
    assert findings[0].state is State.OK


def test_what_was_renamed_in_airtable_is_still_found_and_nothing_is_told_to_be_created(
    reader: Reader, emulator: Emulator
) -> None:
    settings, base_id = configured(reader), reader.client.base_id
    reader.sync()
    before = {finding for finding in check_clients(settings) if finding.state is not State.OK}
    for old, new in {"Phone": "Telefon", "Processing Status": "Pipeline", "Notes": "Notizen"}.items():
        edit(emulator.store, base_id, "rename_field", table="Leads", field=old, name=new)
    edit(emulator.store, base_id, "rename_table", table="SMS_Audit", name="Texts")
    reader.sync()
    findings = list(check_clients(settings))
    assert {finding for finding in findings if finding.state is not State.OK} == before
    audit = {finding.part: finding for finding in findings}[f"airtable {reader.client.key} SMS_Audit"]
    assert "is called 'Texts' now" in audit.text
    assert list(create_notes(settings, lambda _: True)) == [f"Client {reader.client.key}: nothing to create."]


def test_what_went_from_airtable_is_named_as_what_it_was(reader: Reader, emulator: Emulator) -> None:
    settings, base_id = configured(reader), reader.client.base_id
    reader.sync()
    for name in ("Phone", "Booked"):
        edit(emulator.store, base_id, "delete_field", table="Leads", field=name)
    edit(emulator.store, base_id, "delete_table", table="SMS_Audit")
    told = {(finding.state, finding.part.split()[-1], finding.text) for finding in check_clients(settings)}
    assert (State.NOTE, "Leads", "no field 'Phone'; what depends on it stays empty") in told
    assert (State.WRONG, "Leads", "no field 'Booked', without which no number is right") in told
    assert (State.NOTE, "SMS_Audit", "the base has no such table") in told


def test_names_of_the_clients_file_that_the_base_lacks_are_told_by_doctor_and_with_every_sync(
    reader: Reader, emulator: Emulator
) -> None:
    edit(emulator.store, reader.client.base_id, "rename_field", table="Leads", field="Phone", name="Telefon")
    edit(emulator.store, reader.client.base_id, "delete_field", table="Leads", field="Job Title")
    reader = reader.named(field_names={"Company": "Firma", "Job Title": "Beruf", "Phone": "Telefon"})
    told = [finding.text for finding in check_clients(configured(reader)) if finding.part.endswith(("Leads", "Audit"))]
    instead = "says 'Firma' for 'Company', but Leads has no field of that name; its field 'Company' is read instead"
    missing = "no field 'Beruf' (in the clients file for 'Job Title')"
    for said in (told, reader.sync()["leads"].warnings, reader.sync()["leads"].warnings):
        assert len([each for each in said if instead in each]) == 1
        assert len([each for each in said if missing in each]) == 1
        assert not [each for each in said if "Phone" in each]


@pytest.mark.parametrize("command", ["sync", "doctor"])
def test_a_raised_plan_is_noticed_by_a_persons_next_command(
    command: str, reader: Reader, emulator: Emulator, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.sync()
    settings = configured(reader)
    pace = pace_of(reader, engine)
    for name, value in {
        "DATABASE_URL": str(settings.database_url and settings.database_url.get_secret_value()),
        "AIRTABLE_ENDPOINT_URL": emulator.url,
        "AIRTABLE_BASE_ID": reader.client.base_id,
        "AIRTABLE_API_KEY": reader.client.token.get_secret_value(),
        "UYSP_AIRTABLE_RATE": "1000",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(
        "pipelines.warehouse.build_marts", lambda *_: SimpleNamespace(models=0, seconds=0.0, failures=[])
    )
    emulator.fail(billing=True, times=None)
    with pytest.raises(AirtableError):
        list(replace(reader.gateway, pace=pace).pages(emulator.store.table(reader.client.base_id, "Leads")[1].id))
    refused = CliRunner().invoke(app, [command])
    assert "no API calls left this month" in refused.output
    assert refused.exit_code == 1
    emulator.heal()
    asked_before = len(emulator.requests)
    with pytest.raises(BudgetSpentError, match="uysp sync, which asks at once"):
        pace.wait(Kind.REREAD)
    assert len(emulator.requests) == asked_before
    answered = CliRunner().invoke(app, [command])
    assert "no API calls left" not in answered.output
    pace.wait(Kind.REREAD)  # for everybody
