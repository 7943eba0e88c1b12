"""A whole cycle in this process: the emulated Airtable, Postgres, dbt, the marts, and what Dagster shows of it."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine, text

from pipelines.airtable import calls_check, table_metadata
from pipelines.automation import look_for_changes
from tests.conftest import Template
from tests.pipelines.conftest import AUDIT, LEADS
from uysp.airtable.budget import Budget


@pytest.fixture
def template(migrated_template: str, built_template: Template) -> Template:
    """Nothing was ever built."""
    return Template(migrated_template, built_template.dbt)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def cycle(definitions: dg.Definitions, instance: dg.DagsterInstance) -> dg.ExecuteInProcessResult:
    return definitions.resolve_job_def("sync").execute_in_process(instance=instance, raise_on_error=False)


def rows(engine: Engine, table: str) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text(f"select count(*) from {table}")).scalar_one())


@pytest.mark.usefixtures("configured")
def test_an_empty_database_asks_for_a_run(instance: dg.DagsterInstance) -> None:
    assert isinstance(look_for_changes(dg.build_sensor_context(instance=instance)), dg.RunRequest)


@pytest.mark.usefixtures("configured")
def test_a_cycle_fills_raw_and_marts_and_shows_counts(
    definitions: dg.Definitions, instance: dg.DagsterInstance, engine: Engine
) -> None:
    result = cycle(definitions, instance)
    assert result.success
    assert rows(engine, "raw.leads") == LEADS
    assert rows(engine, "marts.leads") == LEADS
    materialised = {event.asset_key: event for event in result.get_asset_materialization_events()}
    graph = definitions.resolve_asset_graph()
    assert set(materialised) == set(graph.executable_asset_keys)
    shown = materialised[dg.AssetKey(["airtable", "sms_audit"])].materialization.metadata
    assert shown["dagster/row_count"].value == AUDIT
    assert shown["changed"].value == AUDIT
    assert int(str(shown["api_calls"].value)) >= AUDIT // 100
    with engine.connect() as connection:
        sent: int = connection.execute(text("select sum(calls)::int from app.airtable_calls")).scalar_one()
    assert (shown["api_calls_this_month"].value, shown["api_calls_left"].value) == (sent, "no cap")
    mart = materialised[dg.AssetKey(["marts", "leads"])].materialization.metadata
    assert mart["dagster/row_count"].value == LEADS
    checks = {evaluation.asset_check_key for evaluation in result.get_asset_check_evaluations()}
    assert checks == set(graph.asset_check_keys)


@pytest.mark.parametrize(
    ("used", "passed", "severity"),
    [
        (74, True, dg.AssetCheckSeverity.WARN),
        (75, False, dg.AssetCheckSeverity.WARN),
        (90, False, dg.AssetCheckSeverity.ERROR),
    ],
)
def test_calls_that_run_short_are_shown_with_what_is_left(
    used: int, passed: bool, severity: dg.AssetCheckSeverity
) -> None:
    plan = Budget(100, used, 300, by_kind={"poll": used})
    check = calls_check(plan)
    assert (check.passed, check.severity, check.metadata["used_for_poll"].value) == (passed, severity, used)
    assert f"{used} API calls used this month, {100 - used} of 100 left" in str(check.description)
    assert table_metadata([], 0, plan)["api_calls_left"] == 100 - used


def test_a_client_that_fails_is_named_and_costs_the_others_nothing(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    engine: Engine,
    configured: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "clients.toml"
    base = configured["AIRTABLE_BASE_ID"]
    file.write_text(
        f'[clients.good]\nbase_id = "{base}"\ntoken_variable = "GOOD"\n'
        '[clients.bad]\nbase_id = "appXXXXXXXXXXXXXX"\ntoken_variable = "BAD"\n'
    )
    monkeypatch.setenv("GOOD", configured["AIRTABLE_API_KEY"])
    monkeypatch.setenv("BAD", "patRevoked.0000")
    monkeypatch.setenv("UYSP_CLIENTS_FILE", str(file))
    result = cycle(definitions, instance)
    assert not result.success
    failed = [event.step_key for event in result.get_step_failure_events()]
    assert failed == ["airtable__heartbeat"]
    said = str(result.get_step_failure_events()[0].event_specific_data)
    assert "bad:" in said
    assert "good:" not in said
    assert rows(engine, "marts.leads where client = 'good'") == LEADS
    evaluations = {each.asset_check_key: each for each in result.get_asset_check_evaluations()}
    check = evaluations[dg.AssetCheckKey(dg.AssetKey(["airtable", "leads"]), "every_client_read")]
    assert not check.passed
    assert check.description is not None
    assert check.description.startswith("bad:")


def test_a_run_by_hand_without_a_client_fails_and_says_what_to_set(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    configured: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("AIRTABLE_API_KEY")
    monkeypatch.delenv("AIRTABLE_BASE_ID")
    result = cycle(definitions, instance)
    assert not result.success
    assert "AIRTABLE_BASE_ID" in str(result.get_step_failure_events()[0].event_specific_data)
