"""What `uysp up` refuses before it starts anything, and a whole system that really runs: a cycle, a clean end."""

import json
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from tests.pipelines.test_programs import all_gone
from tests.waiting import eventually
from uysp.settings import PROJECT, Settings, inherited_environment
from uysp.supervisor import AlreadyRunningError, run

UP = """
import sys
from uysp.errors import UyspError
from uysp.settings import load_settings
from uysp.supervisor import run
try:
    run(load_settings(), web_port=int(sys.argv[1]), say=lambda line: print(line, flush=True))
except UyspError as error:
    sys.exit(str(error))
"""
LAUNCH = """mutation { launchRun(executionParams: {selector: {jobName: "sync", repositoryName: "__repository__",
repositoryLocationName: "pipelines.definitions"}, mode: "default"}) { __typename } }"""
RUNS = "{ runsOrError { ... on Runs { results { jobName status } } } }"
REPOSITORY = '{repositoryName: "__repository__", repositoryLocationName: "pipelines.definitions"}'
SCHEDULES = "{ schedulesOrError(repositorySelector: " + REPOSITORY + ") {"
SCHEDULES += "... on Schedules { results { name scheduleState { status } } } } }"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ask(port: int, query: str) -> Any:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        json.dumps({"query": query}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)["data"]


def test_a_port_in_use_is_told_before_anything_starts(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(AlreadyRunningError, match=f"Port {port} .* nothing was started"):
            run(settings, web_port=port)
    assert [path.name for path in settings.uysp_home.iterdir()] == ["dbt"], "nothing was there but what a test brings"


def test_a_home_is_not_run_twice(settings: Settings) -> None:
    holder = "import fcntl, sys, time; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX); print(flush=True); "
    holder += "time.sleep(99)"
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(settings.uysp_home / "supervisor.lock")], stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(AlreadyRunningError, match="already running"):
            run(settings, web_port=free_port())
        other.kill()


def test_the_whole_system_runs_a_cycle_and_ends_without_a_trace(configured: dict[str, str], settings: Settings) -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", UP, str(port)],
        cwd=PROJECT,
        env=inherited_environment() | configured,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert any("Ready" in line for line in process.stdout)
        started = psutil.Process(process.pid).children(recursive=True)
        # Run workers come from a warm process (pipelines/code_server.py), should Dagster's inside have changed.
        assert sys.platform != "linux" or any("multiprocessing.forkserver" in " ".join(p.cmdline()) for p in started)
        states = {
            each["name"]: each["scheduleState"]["status"]
            for each in ask(port, SCHEDULES)["schedulesOrError"]["results"]
        }
        assert states == {"sync_every_five_minutes": "RUNNING", "sweep_nightly": "RUNNING", "prune_daily": "RUNNING"}
        assert ask(port, LAUNCH)["launchRun"]["__typename"] == "LaunchRunSuccess"

        def done() -> bool:
            runs = ask(port, RUNS)["runsOrError"]["results"]
            assert all(each["status"] != "FAILURE" for each in runs), log_tail(settings.uysp_home)
            return any(each == {"jobName": "sync", "status": "SUCCESS"} for each in runs)

        assert eventually(done, seconds=120)
        with psycopg.connect(configured["DATABASE_URL"]) as connection:
            leads = connection.execute("select count(*) from marts.leads").fetchone()
            tables = connection.execute("select to_regclass('dagster.runs') is not null").fetchone()
        assert leads is not None
        assert leads[0] > 0
        assert tables == (True,)
        started += psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        assert eventually(lambda: all_gone(started))
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def log_tail(home: Path) -> str:
    return "\n".join((home / "logs" / "dagster-code.log").read_text().splitlines()[-40:])
