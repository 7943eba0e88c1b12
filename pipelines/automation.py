"""What runs when: the sync every five minutes, never two at once and never a backlog; pruning once a day.

Whether to run is decided in the schedule, in the warm code server: a run imports for seconds before its first line.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from pipelines.airtable import NOT_CONFIGURED
from pipelines.liveness import is_worked_on
from uysp.settings import Settings, load_settings

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
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


@dg.schedule(job=sync, cron_schedule="*/5 * * * *", default_status=dg.DefaultScheduleStatus.RUNNING)
def sync_every_five_minutes(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for a cycle, unless nothing is configured or one is unfinished; end one whose worker is gone."""
    settings = load_settings()
    if not settings.clients:
        return dg.SkipReason(NOT_CONFIGURED)
    unfinished = end_abandoned_runs(context.instance, settings, datetime.now(UTC))
    if unfinished:
        return dg.SkipReason(f"Run {unfinished[0]} of the last cycle is not finished.")
    return dg.RunRequest()


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


prune_daily = dg.ScheduleDefinition(
    name="prune_daily", job=prune, cron_schedule="17 3 * * *", default_status=dg.DefaultScheduleStatus.RUNNING
)
