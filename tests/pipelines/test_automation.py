"""When a cycle is asked for, and what happens to runs that nobody works on."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import dagster as dg
import pytest

from pipelines.automation import START_TIME, delete_old_runs, end_abandoned_runs, sync_every_five_minutes
from pipelines.liveness import is_worked_on, working_on
from uysp.settings import PROJECT, load_settings

HOLDER = "import sys, time; from pathlib import Path; from pipelines.liveness import working_on\n"
HOLDER += "with working_on(Path(sys.argv[1]), sys.argv[2]): print('working', flush=True); time.sleep(600)"


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        yield instance


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Home of an installation with one client."""
    monkeypatch.setenv("UYSP_HOME", str(tmp_path))
    monkeypatch.setenv("AIRTABLE_API_KEY", "pat.secret")
    monkeypatch.setenv("AIRTABLE_BASE_ID", "appXXXXXXXXXXXXXX")
    return tmp_path


def unfinished_run(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, job: str = "sync") -> str:
    return instance.add_run(dg.DagsterRun(job, run_id=str(uuid4()), status=status)).run_id


def decide(instance: dg.DagsterInstance) -> dg.RunRequest | dg.SkipReason:
    decision = sync_every_five_minutes(dg.build_schedule_context(instance=instance))
    assert isinstance(decision, dg.RunRequest | dg.SkipReason)
    return decision


def status_of(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def after_start() -> datetime:
    return datetime.now(UTC) + START_TIME + timedelta(seconds=1)


def test_without_a_client_the_tick_says_what_to_set(instance: dg.DagsterInstance) -> None:
    decision = decide(instance)
    assert isinstance(decision, dg.SkipReason)
    assert decision.skip_message is not None
    for variable in ("AIRTABLE_API_KEY", "AIRTABLE_BASE_ID", "UYSP_CLIENTS_FILE"):
        assert variable in decision.skip_message


@pytest.mark.usefixtures("configured")
def test_a_cycle_is_asked_for_when_none_is_unfinished(instance: dg.DagsterInstance) -> None:
    for status in (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED):
        unfinished_run(instance, status)
    unfinished_run(instance, dg.DagsterRunStatus.STARTED, job="prune")
    assert isinstance(decide(instance), dg.RunRequest)


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(
    "status",
    [
        dg.DagsterRunStatus.NOT_STARTED,
        dg.DagsterRunStatus.STARTING,
        dg.DagsterRunStatus.STARTED,
        dg.DagsterRunStatus.CANCELING,
    ],
)
def test_no_cycle_is_asked_for_while_one_is_unfinished(
    instance: dg.DagsterInstance, status: dg.DagsterRunStatus
) -> None:
    run_id = unfinished_run(instance, status)
    decision = decide(instance)
    assert isinstance(decision, dg.SkipReason)
    assert run_id in str(decision.skip_message)
    assert status_of(instance, run_id) == status


@pytest.mark.parametrize(
    "status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]
)
def test_a_run_whose_worker_was_killed_is_ended(
    instance: dg.DagsterInstance, home: Path, status: dg.DagsterRunStatus
) -> None:
    run_id = unfinished_run(instance, status)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home), run_id], stdout=subprocess.PIPE, cwd=PROJECT
    ) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == b"working\n"
        assert end_abandoned_runs(instance, load_settings(), after_start()) == [run_id]
        assert status_of(instance, run_id) == status
        worker.kill()
    assert end_abandoned_runs(instance, load_settings(), after_start()) == []
    assert status_of(instance, run_id) == dg.DagsterRunStatus.FAILURE


def test_a_worker_leaves_no_file_behind(home: Path) -> None:
    with working_on(home, "one"):
        assert is_worked_on(home, "one")
    assert not is_worked_on(home, "one")
    assert list((home / "runs").iterdir()) == []


def test_old_runs_are_deleted_and_failures_kept_for_longer(instance: dg.DagsterInstance) -> None:
    success = unfinished_run(instance, dg.DagsterRunStatus.SUCCESS)
    failure = unfinished_run(instance, dg.DagsterRunStatus.FAILURE)
    running = unfinished_run(instance, dg.DagsterRunStatus.STARTED)
    now = datetime.now(UTC)
    assert delete_old_runs(instance, now + timedelta(days=1)) == 0
    assert delete_old_runs(instance, now + timedelta(days=10)) == 1
    assert not instance.has_run(success)
    assert delete_old_runs(instance, now + timedelta(days=40)) == 1
    assert not instance.has_run(failure)
    assert instance.has_run(running)
