"""Programs are kept running, restarted, stopped, and never left behind: with small programs and real signals."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.waiting import eventually
from uysp.programs import STOP_SECONDS

# Each test runs the supervisor as a process of its own, as signals need it. It prints what it says.
PREAMBLE = """
import sys
from pathlib import Path
from uysp.programs import Program, keep_running
from uysp.errors import UyspError
logs = Path(sys.argv[1])
def program(name, code, **more):
    return Program(name, [sys.executable, "-c", code], **more)
def run(*programs):
    try:
        keep_running(programs, logs, lambda line: print(line, flush=True), lambda: print("all ready", flush=True))
    except UyspError as error:
        sys.exit(str(error))
"""
SLEEPER = "import time; print('started', flush=True); time.sleep(600)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
)
WITH_CHILD = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {SLEEPER!r}]); time.sleep(600)"

Supervisor = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    started: list[subprocess.Popen[str]] = []

    def start(code: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", PREAMBLE + code, str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def read_until(process: "subprocess.Popen[str]", text: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return line
    pytest.fail(f"ended without saying {text!r}: {process.communicate()[1]}")


def descendants(process: "subprocess.Popen[str]") -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def all_gone(processes: list[psutil.Process]) -> bool:
    """Whether none runs; one that nobody has waited for (a container without init) has ended too."""
    return not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in processes)


def test_ctrl_c_stops_everything_with_all_that_it_started(supervisor: Supervisor) -> None:
    process = supervisor(f"run(program('one', {SLEEPER!r}), program('two', {WITH_CHILD!r}))")
    read_until(process, "all ready")
    assert eventually(lambda: len(descendants(process)) == 4)  # both, the child, the watchdog
    started = descendants(process)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0
    assert eventually(lambda: all_gone(started))


def test_a_second_signal_stops_what_does_not_want_to_end(supervisor: Supervisor) -> None:
    process = supervisor(f"run(program('stubborn', {STUBBORN!r}, shown=__import__('re').compile('up')))")
    read_until(process, "stubborn: up")
    process.send_signal(signal.SIGTERM)
    read_until(process, "Stopping")
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0
    assert time.monotonic() - began < STOP_SECONDS


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_nothing_is_left_behind_when_the_supervisor_is_killed(supervisor: Supervisor, number: signal.Signals) -> None:
    process = supervisor(f"run(program('one', {STUBBORN!r}), program('two', {WITH_CHILD!r}))")
    read_until(process, "all ready")
    assert eventually(lambda: len(descendants(process)) == 4)
    started = descendants(process)
    process.send_signal(number)
    process.wait(20)
    assert eventually(lambda: all_gone(started))


def test_what_dies_is_started_again_and_named(supervisor: Supervisor) -> None:
    process = supervisor(f"run(program('one', {SLEEPER!r}))")
    read_until(process, "all ready")
    assert eventually(lambda: len(descendants(process)) == 2)
    first = {each.pid for each in descendants(process)}
    (victim,) = [each for each in descendants(process) if "watchdog" not in " ".join(each.cmdline())]
    victim.kill()
    assert "was killed by SIGKILL; starting it again in 1 s" in read_until(process, "one ")
    assert eventually(lambda: len({each.pid for each in descendants(process)} - first) == 1)


def test_the_pauses_between_restarts_grow(supervisor: Supervisor) -> None:
    process = supervisor("run(program('one', 'raise SystemExit(3)'))")
    assert "ended with status 3; starting it again in 1 s" in read_until(process, "one ")
    assert "starting it again in 2 s" in read_until(process, "one ")


def test_what_a_dead_program_had_started_ends_with_it(supervisor: Supervisor) -> None:
    process = supervisor(f"run(program('one', {WITH_CHILD!r}))")
    read_until(process, "all ready")
    assert eventually(lambda: len(descendants(process)) == 3)
    leader = next(each for each in psutil.Process(process.pid).children() if each.children())
    (grandchild,) = leader.children()
    leader.kill()
    assert eventually(lambda: all_gone([grandchild]))


def test_a_program_waits_for_what_it_needs(supervisor: Supervisor, tmp_path: Path) -> None:
    made, seen = tmp_path / "made", tmp_path / "seen"
    first = f"import time; time.sleep(0.5); open({str(made)!r}, 'w').close()"
    second = f"import os, time; open({str(seen)!r}, 'w').write(str(os.path.exists({str(made)!r}))); time.sleep(600)"
    process = supervisor(
        f"run(program('second', {second!r}, after=('first',)), program('first', {first!r}, once=True))"
    )
    read_until(process, "all ready")
    assert eventually(lambda: seen.exists() and seen.read_text() == "True")


def test_a_preparation_that_fails_stops_everything_and_says_what_it_said(supervisor: Supervisor) -> None:
    process = supervisor(
        f"run(program('one', {SLEEPER!r}), program('prepare', 'raise SystemExit(\"no such schema\")', once=True))"
    )
    assert process.wait(15) == 1
    assert process.stderr is not None
    said = process.stderr.read()
    assert "prepare failed: no such schema" in said
    assert "Traceback" not in said


def test_what_must_start_and_ends_before_it_is_ready_stops_everything(supervisor: Supervisor) -> None:
    more = "is_ready=lambda: False, must_start=True"
    process = supervisor(
        f"run(program('one', {SLEEPER!r}), program('two', 'raise SystemExit(\"Port taken.\")', {more}))"
    )
    assert process.wait(15) == 1
    assert process.stderr is not None
    assert "two did not start: Port taken. Everything is stopped again" in process.stderr.read()


def test_people_see_warnings_and_the_log_has_everything(supervisor: Supervisor, tmp_path: Path) -> None:
    code = "import time; print('detail'); print('\\x1b[31mWARNING\\x1b[0m beware', flush=True); time.sleep(600)"
    process = supervisor(f"run(program('one', {code!r}))")
    assert read_until(process, "WARNING") == "one: WARNING beware\n"
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=20)
    assert "detail" not in rest
    assert (tmp_path / "one.log").read_text().splitlines() == ["detail", "WARNING beware"]


def test_what_is_interrupted_by_the_end_is_no_error_to_people(supervisor: Supervisor, tmp_path: Path) -> None:
    code = "import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(print('ERROR interrupted')))"
    process = supervisor(f"run(program('a', {code + '; print(1, flush=True); time.sleep(600)'!r}))")
    assert eventually(lambda: (tmp_path / "a.log").exists() and "1" in (tmp_path / "a.log").read_text())
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=20)
    assert out.splitlines()[-1] == "Stopping"
    assert "ERROR interrupted" in (tmp_path / "a.log").read_text()
