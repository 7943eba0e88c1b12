"""What the code location consists of: nobody changes a key, a job, a schedule or the lineage by accident."""

import dagster as dg

AIRTABLE = {"leads", "campaigns", "sms_templates", "sms_audit"}
MARTS = {"leads", "messages", "campaign_performance", "data_quality_issues", "sync_status"}


def keys(definitions: dg.Definitions, *, executable: bool) -> set[tuple[str, ...]]:
    graph = definitions.resolve_asset_graph()
    found = graph.executable_asset_keys if executable else graph.get_all_asset_keys() - graph.executable_asset_keys
    return {tuple(key.path) for key in found}


def ancestors(definitions: dg.Definitions, key: dg.AssetKey) -> set[dg.AssetKey]:
    graph = definitions.resolve_asset_graph()
    parents = graph.get(key).parent_keys
    return set(parents).union(*(ancestors(definitions, parent) for parent in parents))


def test_tables_and_marts_have_the_names_of_the_contract(definitions: dg.Definitions) -> None:
    made = keys(definitions, executable=True)
    assert {path[1] for path in made if path[0] == "airtable"} == AIRTABLE | {"heartbeat"}
    assert {path[1] for path in made if path[0] == "marts"} >= MARTS
    assert {path[0] for path in made} == {"airtable", "staging", "intermediate", "marts"}


def test_every_mart_descends_from_the_table_it_is_about(definitions: dg.Definitions) -> None:
    for mart, table in {"leads": "leads", "messages": "sms_audit", "campaign_performance": "campaigns"}.items():
        assert dg.AssetKey(["airtable", table]) in ancestors(definitions, dg.AssetKey(["marts", mart]))


def test_jobs_and_schedules_are_these_and_run_by_default(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()
    assert {job.name for job in repository.get_all_jobs()} - {"__ASSET_JOB"} == {"sync", "sweep", "prune"}
    assert {(each.name, each.job_name, each.cron_schedule) for each in repository.schedule_defs} == {
        ("sync_every_five_minutes", "sync", "*/5 * * * *"),
        ("sweep_nightly", "sweep", "23 2 * * *"),
        ("prune_daily", "prune", "17 3 * * *"),
    }
    assert all(each.default_status == dg.DefaultScheduleStatus.RUNNING for each in repository.schedule_defs)
    (sensor,) = repository.sensor_defs
    assert (sensor.name, sensor.job_name, sensor.minimum_interval_seconds) == ("look_for_changes", "sync", 30)
    assert sensor.default_status == dg.DefaultSensorStatus.RUNNING


def test_a_cycle_is_everything_in_one_process_and_only_one_at_a_time(definitions: dg.Definitions) -> None:
    sync = definitions.resolve_job_def("sync")
    graph = definitions.resolve_asset_graph()
    assert set(sync.asset_layer.selected_asset_keys) == set(graph.executable_asset_keys)
    assert sync.executor_def is dg.in_process_executor
    assert sync.run_tags["uysp/one_at_a_time"] == "sync"


def test_tests_of_dbt_are_checks_of_their_models(definitions: dg.Definitions) -> None:
    checks = definitions.resolve_asset_graph().asset_check_keys
    assert any(check.asset_key == dg.AssetKey(["marts", "leads"]) for check in checks)
