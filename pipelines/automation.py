"""What runs when: a look every 30 seconds or as often as the plan allows, a cycle when something changed.

Looks happen here, in the warm code server, because a run imports for seconds before its first line. The sensor makes
fresh data the normal case; the schedule is the guarantee, and the one that shows failures as failed runs.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg
from sqlalchemy import Engine

from pipelines.airtable import HEARTBEAT, NOT_CONFIGURED, calls_check, table_checks
from pipelines.liveness import is_worked_on
from pipelines.resources import Workplace
from pipelines.warehouse import build_state
from uysp.airtable.budget import budget
from uysp.clients import each_client, seconds_since_look, standing_errors
from uysp.cycle import TableOutcome
from uysp.database import Role, open_database
from uysp.errors import ConfigurationError
from uysp.settings import Client, Settings, load_settings
from uysp.sweeps import sweep_client
from uysp.sync import sync_client

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
LOOK_SECONDS = 30  # how often the sensor wakes up
FRESH_SECONDS = 60  # a scheduled tick does not look again so soon after any look
HEARTBEAT_EVERY = timedelta(minutes=5)  # Dagster keeps every one for good
FAILED_TAG = "uysp/failed"  # what a run was asked for to show
START_TIME = timedelta(minutes=2)  # a worker imports for some seconds, on a busy machine longer, before it shows itself
KEEP = {
    # About 0.4 MB of events a run, 288 runs a day.
    dg.DagsterRunStatus.SUCCESS: timedelta(days=3),
    dg.DagsterRunStatus.FAILURE: timedelta(days=30),
    dg.DagsterRunStatus.CANCELED: timedelta(days=30),
}
PRUNE_BATCH = 100

sync = dg.define_asset_job(
    "sync",
    selection=dg.AssetSelection.all(),
    description="One cycle: read Airtable, load what differs, build and test the marts.",
    run_tags={"uysp/one_at_a_time": "sync"},  # dagster.yaml limits it to one, also for launches by hand
    executor_def=dg.in_process_executor,
)


@dg.sensor(job=sync, minimum_interval_seconds=LOOK_SECONDS, default_status=dg.DefaultSensorStatus.RUNNING)
def look_for_changes(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Look at every base, as often as the plan allows; ask for a cycle if there is something to read or to build."""
    return decide(context.instance, is_guarantee=False)


@dg.schedule(job=sync, cron_schedule="*/5 * * * *", default_status=dg.DefaultScheduleStatus.RUNNING)
def sync_every_five_minutes(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """See that what the sensor is to do is done, and that what fails is seen."""
    return decide(context.instance, is_guarantee=True)


def decide(instance: dg.DagsterInstance, *, is_guarantee: bool) -> dg.RunRequest | dg.SkipReason:
    """Look if it is time, and return whether a cycle is needed.

    Args:
        instance: of Dagster.
        is_guarantee: for the schedule: builds that failed are tried again, and failures are shown as failed runs.
    """
    try:
        settings = load_settings()
        has_clients = bool(settings.clients)
    except ConfigurationError as error:
        return dg.SkipReason(str(error))  # raised, Dagster would show its own error in front of the sentence
    if not has_clients:
        return dg.SkipReason(NOT_CONFIGURED)
    unfinished = end_abandoned_runs(instance, settings, datetime.now(UTC))
    if unfinished:
        # It looks for itself, and holds the lock of every client while it does.
        return dg.SkipReason(f"Run {unfinished[0]} of the last cycle is not finished.")
    with open_database(settings, Role.PIPELINE) as engine:
        age = seconds_since_look(engine, settings.clients)
        with engine.connect() as connection:
            # At the tick nearest to it: the look of a run that has just ended must not cost the next tick its own.
            wait = budget(connection, settings).look_seconds - LOOK_SECONDS / 2
        if is_guarantee:
            wait = max(wait, FRESH_SECONDS)
        outcomes: list[TableOutcome] = []
        if age is None or age >= wait:
            outcomes = _look(engine, settings)
        if outcomes:
            _report(instance, engine, settings, outcomes)
            errors = {outcome.error for outcome in outcomes if outcome.error}
        else:
            errors = standing_errors(engine, settings.clients)
        return _decision(instance, engine, outcomes, sorted(errors), age, is_guarantee=is_guarantee)


def _look(engine: Engine, settings: Settings) -> list[TableOutcome]:
    def look(client: Client) -> list[TableOutcome]:
        return sync_client(engine, settings, client, quick=True)

    return [outcome for _, of_client in each_client(settings.clients, look) for outcome in of_client]


def _decision(
    instance: dg.DagsterInstance,
    engine: Engine,
    outcomes: Sequence[TableOutcome],
    errors: Sequence[str],
    age: float | None,
    *,
    is_guarantee: bool,
) -> dg.RunRequest | dg.SkipReason:
    builds = build_state(engine)
    failed = hashlib.sha256("\n".join(errors).encode()).hexdigest()[:16]
    left = any(outcome.left for outcome in outcomes)
    last = instance.get_run_records(dg.RunsFilter(job_name=sync.name), limit=1)
    last_run = last[0].dagster_run if last else None
    last_failed = last_run is not None and last_run.status is dg.DagsterRunStatus.FAILURE
    if (builds.is_due and (is_guarantee or not builds.was_tried)) or (left and (is_guarantee or not last_failed)):
        return dg.RunRequest(tags={FAILED_TAG: failed} if errors else None)
    if errors:
        was_shown = last_run is not None and last_failed and last_run.tags.get(FAILED_TAG) == failed
        if is_guarantee and not was_shown:
            return dg.RunRequest(tags={FAILED_TAG: failed})
        return dg.SkipReason(f"Not everything could be read: {' '.join(errors)}")
    if not outcomes and age is not None:
        return dg.SkipReason(f"Looked {age:.0f} s ago; there is nothing to build.")
    return dg.SkipReason("Nothing changed.")


def _report(instance: dg.DagsterInstance, engine: Engine, settings: Settings, outcomes: Sequence[TableOutcome]) -> None:
    """Show a look that needs no run: the heartbeat, and checks whose state differs from what is shown."""
    if not any(outcome.error for outcome in outcomes):
        latest = instance.get_latest_materialization_event(HEARTBEAT)
        if latest is None or datetime.now(UTC).timestamp() - latest.timestamp >= HEARTBEAT_EVERY.total_seconds():
            instance.report_runless_asset_event(dg.AssetMaterialization(HEARTBEAT))
    with engine.connect() as connection:
        plan = budget(connection, settings)
    for result in [*table_checks(engine, outcomes), calls_check(plan)]:
        if result.asset_key is None or result.check_name is None:
            continue
        key = dg.AssetCheckKey(result.asset_key, result.check_name)
        if _shown_state(instance, key) != result.passed:
            instance.report_runless_asset_event(
                dg.AssetCheckEvaluation(
                    asset_key=key.asset_key,
                    check_name=key.name,
                    passed=result.passed,
                    metadata=result.metadata,
                    severity=result.severity,
                    description=result.description,
                )
            )


def _shown_state(instance: dg.DagsterInstance, key: dg.AssetCheckKey) -> bool | None:
    """Return whether a check passed when it was last reported; None: it never was."""
    events = instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
    entry = events[0].event if events else None
    evaluation = entry.dagster_event.event_specific_data if entry and entry.dagster_event else None
    return evaluation.passed if isinstance(evaluation, dg.AssetCheckEvaluation) else None


def end_abandoned_runs(instance: dg.DagsterInstance, settings: Settings, now: datetime) -> Sequence[str]:
    """End the runs of `sync` whose worker is gone, and return the ids of those that are really unfinished."""
    unfinished = []
    for record in instance.get_run_records(dg.RunsFilter(job_name=sync.name, statuses=UNFINISHED)):
        run = record.dagster_run
        if (
            run.status is dg.DagsterRunStatus.QUEUED  # no worker yet; the daemon starts one when it is back
            or is_worked_on(settings.uysp_home, run.run_id)
            or now - record.update_timestamp.replace(tzinfo=UTC) < START_TIME
        ):
            unfinished.append(run.run_id)
        else:
            instance.report_run_failed(
                run, "The process that worked on this run is gone (killed, or the machine was restarted)."
            )
    return unfinished


def delete_old_runs(instance: dg.DagsterInstance, now: datetime) -> int:
    """Delete the runs that KEEP no longer covers, with their events, a batch at a time; returns how many."""
    deleted = 0
    for status, age in KEEP.items():
        old = dg.RunsFilter(statuses=[status], created_before=now - age)
        while records := instance.get_run_records(old, limit=PRUNE_BATCH):
            for record in records:
                instance.delete_run(record.dagster_run.run_id)
            deleted += len(records)
    return deleted


@dg.op(description="Delete old runs with their events; what they loaded stays.")
def prune_runs(context: dg.OpExecutionContext) -> None:
    """Events are most of what Dagster stores, and nothing of Dagster's own deletes them."""
    context.log.info(f"Deleted {delete_old_runs(context.instance, datetime.now(UTC))} old runs")


@dg.job(executor_def=dg.in_process_executor, description="Keep Dagster's own storage small.")
def prune() -> None:
    """Delete old runs and their events."""
    prune_runs()


@dg.op(description="Look for what change capture missed: compare ids, and read a share of all records again.")
def sweep_clients(context: dg.OpExecutionContext, workplace: Workplace) -> None:
    """Sweep what is due; what it loads is built into the marts by the cycle that the next look asks for."""
    clients = workplace.settings.clients
    if not clients:
        raise dg.Failure(NOT_CONFIGURED, allow_retries=False)

    def sweep(client: Client) -> list[TableOutcome]:
        return sweep_client(workplace.engine, workplace.settings, client)

    errors: list[str] = []
    for _, outcomes in each_client(clients, sweep):
        for outcome in outcomes:
            errors += [outcome.error] if outcome.error else []
            for warning in outcome.warnings:
                context.log.warning(warning)
            context.log.info(
                f"{outcome.client} {outcome.source_table}: {outcome.read:,} read again, {outcome.created:,} found, "
                f"{outcome.updated:,} drifted, {outcome.deleted:,} gone, {outcome.calls:,} API calls"
            )
    if errors:
        raise dg.Failure(f"Not everything could be swept. {' '.join(dict.fromkeys(errors))}", allow_retries=False)


@dg.job(executor_def=dg.in_process_executor, description="Find what change capture missed.")
def sweep() -> None:
    """Sweep all clients."""
    sweep_clients()


# At a quiet time: it may take minutes of the base's rate.
sweep_nightly = dg.ScheduleDefinition(
    name="sweep_nightly", job=sweep, cron_schedule="23 2 * * *", default_status=dg.DefaultScheduleStatus.RUNNING
)
prune_daily = dg.ScheduleDefinition(
    name="prune_daily", job=prune, cron_schedule="17 3 * * *", default_status=dg.DefaultScheduleStatus.RUNNING
)
