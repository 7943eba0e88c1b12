"""The sensor and the schedule: what they ask of Airtable, when they ask for a run, and what they show without one."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import psycopg
import pytest
from sqlalchemy import Engine, text

from pipelines.airtable import DRIFT_CHECK, HEARTBEAT, HELD_CHECK, KEYS, READ_CHECK
from pipelines.automation import look_for_changes, sync_every_five_minutes
from playground.airtable.schema_edits import edit
from playground.airtable.server import Emulator, running_emulator
from playground.airtable.store import Store
from tests.conftest import TEST_DATABASE, Template, new_settings
from tests.pipelines.conftest import configure, unlimited
from uysp.airtable.budget import budget
from uysp.airtable.client import Gateway
from uysp.airtable.fields import known_tables
from uysp.airtable.limiter import Limiter
from uysp.raw import load_written
from uysp.settings import load_settings
from uysp.sync import sync_client


@dataclass(frozen=True)
class Cycled:
    """Everything after one cycle: the database, and the folder of Dagster's storage."""

    template: Template
    storage: Path


@pytest.fixture(scope="module")
def cycled(
    database_url: str,
    built_template: Template,
    base_file: Path,
    definitions: dg.Definitions,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cycled]:
    """One cycle, for all tests of this file."""
    storage = tmp_path_factory.mktemp("storage")
    with (
        pytest.MonkeyPatch.context() as patch,
        new_settings(database_url, built_template, tmp_path_factory.mktemp("cycled")) as settings,
        running_emulator(Store.load(base_file), unlimited()) as emulator,
        dg.DagsterInstance.local_temp(str(storage)) as instance,
    ):
        configure(patch, settings, emulator)
        assert run(definitions, instance)
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(f"create database cycled_template template {TEST_DATABASE}")
    yield Cycled(Template("cycled_template", built_template.dbt), storage)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("drop database cycled_template")


@pytest.fixture
def template(cycled: Cycled) -> Template:
    """A database in which a cycle loaded and built everything."""
    return cycled.template


@pytest.fixture
def built(configured: dict[str, str], cycled: Cycled, engine: Engine, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """Dagster after the cycle, and the hook that each test's Airtable lacks made again, as if it had been lost."""
    storage = shutil.copytree(cycled.storage, tmp_path / "storage")
    settings = load_settings()
    outcomes = sync_client(engine, settings, settings.clients[0])
    assert [(each.error, each.changed) for each in outcomes] == [(None, 0)] * len(outcomes)
    with dg.DagsterInstance.local_temp(str(storage)) as instance:
        yield instance


def run(definitions: dg.Definitions, instance: dg.DagsterInstance, tags: dict[str, str] | None = None) -> bool:
    return (
        definitions.resolve_job_def("sync")
        .execute_in_process(instance=instance, raise_on_error=False, tags=tags)
        .success
    )


def sensor(instance: dg.DagsterInstance) -> dg.RunRequest | dg.SkipReason:
    decision = look_for_changes(dg.build_sensor_context(instance=instance))
    assert isinstance(decision, dg.RunRequest | dg.SkipReason)
    return decision


def schedule(instance: dg.DagsterInstance) -> dg.RunRequest | dg.SkipReason:
    decision = sync_every_five_minutes(dg.build_schedule_context(instance=instance))
    assert isinstance(decision, dg.RunRequest | dg.SkipReason)
    return decision


def let_pass(engine: Engine, seconds: int) -> None:
    """As if the last look had been so long ago."""
    with engine.begin() as connection:
        for table, column in {"app.airtable_hooks": "looked_at", "raw.sync_state": "last_error_at"}.items():
            connection.execute(
                text(f"update {table} set {column} = now() - make_interval(secs => :seconds) where {column} < now()"),
                {"seconds": seconds},
            )


def heartbeats(instance: dg.DagsterInstance) -> int:
    return len(instance.fetch_materializations(HEARTBEAT, limit=100).records)


def shown(instance: dg.DagsterInstance, table: str, check: str) -> dg.AssetCheckEvaluation:
    (record,) = instance.event_log_storage.get_asset_check_execution_history(
        dg.AssetCheckKey(KEYS[table], check), limit=1
    )
    assert record.event is not None
    assert record.event.dagster_event is not None
    evaluation = record.event.dagster_event.event_specific_data
    assert isinstance(evaluation, dg.AssetCheckEvaluation)
    return evaluation


def change_a_lead(emulator: Emulator) -> None:
    (base_id,) = emulator.store.bases
    record_id = next(iter(emulator.store.table(base_id, "Leads")[1].records))
    emulator.store.update(base_id, "Leads", {record_id: {"Company": "Changed"}})


def test_an_idle_look_is_one_call_and_starts_nothing(
    built: dg.DagsterInstance, emulator: Emulator, engine: Engine
) -> None:
    let_pass(engine, 30)
    before = len(emulator.requests)
    assert isinstance(sensor(built), dg.SkipReason)
    assert [seen.path.rpartition("/")[2] for seen in emulator.requests[before:]] == ["payloads"]


def test_heartbeats_go_on_without_runs(
    built: dg.DagsterInstance, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = heartbeats(built)
    let_pass(engine, 30)
    sensor(built)
    assert heartbeats(built) == before, "the run's own is not five minutes old"
    monkeypatch.setattr("pipelines.automation.HEARTBEAT_EVERY", timedelta(0))
    let_pass(engine, 30)
    sensor(built)
    assert heartbeats(built) == before + 1


def test_a_change_is_read_at_once_and_asks_for_one_run(
    built: dg.DagsterInstance, definitions: dg.Definitions, emulator: Emulator, engine: Engine
) -> None:
    change_a_lead(emulator)
    let_pass(engine, 30)
    assert isinstance(sensor(built), dg.RunRequest)
    with engine.connect() as connection:
        read: int = connection.execute(
            text("select count(*) from raw.leads where fields ->> 'Company' = 'Changed'")
        ).scalar_one()
    assert read == 1, "before any run"
    assert run(definitions, built)
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from marts.leads where company = 'Changed'")).scalar_one() == 1
    let_pass(engine, 30)
    assert isinstance(sensor(built), dg.SkipReason)


def test_a_change_right_after_a_run_does_not_wait_for_the_second_next_tick(
    built: dg.DagsterInstance, emulator: Emulator, engine: Engine
) -> None:
    change_a_lead(emulator)
    let_pass(engine, 20)  # a run looks some seconds after the tick that asked for it
    assert isinstance(sensor(built), dg.RunRequest)


def test_a_plan_of_few_calls_is_not_looked_at_more_often_than_it_allows(
    built: dg.DagsterInstance, emulator: Emulator, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UYSP_AIRTABLE_MONTHLY_CALLS", "3000")
    with engine.connect() as connection:
        every = budget(connection, load_settings()).look_seconds
    assert every >= 300
    change_a_lead(emulator)
    let_pass(engine, every - 30)
    assert isinstance(sensor(built), dg.SkipReason)
    let_pass(engine, every - 10)
    assert isinstance(sensor(built), dg.RunRequest)


def test_the_schedule_does_not_look_again_within_a_minute(
    built: dg.DagsterInstance, emulator: Emulator, engine: Engine
) -> None:
    let_pass(engine, 50)
    before = len(emulator.requests)
    assert isinstance(schedule(built), dg.SkipReason)
    assert len(emulator.requests) == before
    let_pass(engine, 61)
    assert isinstance(schedule(built), dg.SkipReason)
    assert len(emulator.requests) == before + 1


def test_without_the_sensor_the_schedule_does_everything(
    built: dg.DagsterInstance, emulator: Emulator, engine: Engine
) -> None:
    change_a_lead(emulator)
    let_pass(engine, 300)
    assert isinstance(schedule(built), dg.RunRequest)


def test_a_failure_is_shown_as_one_failed_run_and_then_as_a_reason(
    built: dg.DagsterInstance, definitions: dg.Definitions, emulator: Emulator, engine: Engine
) -> None:
    emulator.revoke(load_settings().clients[0].token.get_secret_value())
    let_pass(engine, 30)
    skipped = sensor(built)
    assert isinstance(skipped, dg.SkipReason)
    assert "does not know the token for client uysp" in str(skipped.skip_message)
    assert not shown(built, "leads", READ_CHECK).passed
    let_pass(engine, 300)
    asked = schedule(built)
    assert isinstance(asked, dg.RunRequest)
    assert not run(definitions, built, dict(asked.tags))
    let_pass(engine, 300)
    assert isinstance(schedule(built), dg.SkipReason), "the same failure is not shown again and again"


def test_a_clients_file_that_is_broken_is_told_with_every_tick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "clients.toml").write_text("[clients.acme\n")
    monkeypatch.setenv("UYSP_CLIENTS_FILE", str(tmp_path / "clients.toml"))
    (tmp_path / "storage").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "storage")) as instance:
        for decide in (sensor, schedule):
            skipped = decide(instance)
            assert isinstance(skipped, dg.SkipReason)
            assert "clients.toml" in str(skipped.skip_message)


def test_a_base_that_cannot_be_read_is_asked_no_more_often_than_the_plan_allows(
    built: dg.DagsterInstance, emulator: Emulator, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UYSP_AIRTABLE_MONTHLY_CALLS", "3000")
    with engine.connect() as connection:
        every = budget(connection, load_settings()).look_seconds
    emulator.revoke(load_settings().clients[0].token.get_secret_value())
    let_pass(engine, every)
    before = len(emulator.requests)
    assert isinstance(sensor(built), dg.SkipReason)
    asked = len(emulator.requests)
    assert asked > before
    skipped = sensor(built)
    assert isinstance(skipped, dg.SkipReason)
    assert "does not know the token for client uysp" in str(skipped.skip_message)
    assert isinstance(schedule(built), dg.RunRequest), "what went wrong is shown all the same"
    assert len(emulator.requests) == asked
    let_pass(engine, every)
    sensor(built)
    assert len(emulator.requests) > asked


def test_what_another_process_loads_is_built_too(built: dg.DagsterInstance, emulator: Emulator, engine: Engine) -> None:
    client = load_settings().clients[0]
    gateway = Gateway(client, Limiter(1e6), emulator.url)
    with engine.begin() as connection:
        source = known_tables(connection, client)["leads"]
        sent_at: datetime = connection.execute(text("select clock_timestamp()")).scalar_one()
        record_id: str = connection.execute(text("select min(record_id) from raw.leads")).scalar_one()
        field_id = next(field_id for field_id, name in source.names.items() if name == "Company")
        records = gateway.update(source.table.id, {record_id: {field_id: "Written"}})
        load_written(connection, source, records, sent_at)
    # Nobody has to look for that.
    assert isinstance(sensor(built), dg.RunRequest)


def test_deletions_held_back_and_schema_changes_are_shown_without_a_run(
    built: dg.DagsterInstance, emulator: Emulator, engine: Engine
) -> None:
    (base_id,) = emulator.store.bases
    assert shown(built, "leads", HELD_CHECK).passed
    emulator.store.delete(base_id, "Leads", sorted(emulator.store.table(base_id, "Leads")[1].records)[:25])
    edit(emulator.store, base_id, "rename_field", table="SMS_Audit", field="Phone", name="Telephone")
    let_pass(engine, 30)
    sensor(built)
    held, drift = shown(built, "leads", HELD_CHECK), shown(built, "sms_audit", DRIFT_CHECK)
    assert not held.passed
    assert "--accept-deletions" in str(held.description)
    assert not drift.passed
    assert "'Phone' is called 'Telephone' now" in str(drift.description)
