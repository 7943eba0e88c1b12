"""Keep a set of programs running: start in order, restart what dies, stop all of it, leave nothing behind.

Knows nothing of what the programs are. Each runs in a process group of its own, so that Ctrl-C reaches only us and
what a program starts is stopped with it. A watchdog process ends all groups if we ourselves are killed.
"""

import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import FrameType
from typing import IO

from uysp import watchdog
from uysp.errors import UyspError
from uysp.settings import inherited_environment

STOP_SECONDS = 10  # between the request to end and the end without mercy
READY_SECONDS = 300  # the first time dbt reads its project, on a slow machine
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
STABLE_SECONDS = 60  # after so long a death is a new one, and the pause is short again
LOG_BYTES, LOG_FILES = 5_000_000, 2
SHOWN = re.compile(r"\b(WARNING|ERROR|CRITICAL)\b")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
Say = Callable[[str], None]


class ProgramError(UyspError):
    """A program that the others need did not start."""


@dataclass(frozen=True)
class Program:
    """A program to keep running.

    Attributes:
        name: in messages and of its log file.
        environment: variables on top of ours.
        after: names of programs that have to be ready before it is started the first time.
        is_ready: asked a few times a second; None: ready as soon as it is started.
        once: it ends by itself, and is ready once it has ended with status 0.
        shown: lines of its output that people see; the others are in its log only.
        named: whether its name stands before the lines that people see.
        must_start: its end before it was ever ready stops everything, where starting it again would not help.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    is_ready: Callable[[], bool] | None = None
    once: bool = False
    shown: re.Pattern[str] = SHOWN
    named: bool = True
    must_start: bool = False


def keep_running(programs: Sequence[Program], logs: Path, say: Say, on_ready: Callable[[], None] | None = None) -> None:
    """Start the programs and keep them running until SIGINT, SIGTERM or SIGHUP; then stop them all.

    To be called in the main thread. A second signal stops without mercy.

    Args:
        programs: started together, except for what `after` says.
        logs: folder for a log file of each program.
        say: told, a line at a time, what people should know.
        on_ready: called once, when all are ready.

    Raises:
        ProgramError: a program with `once` failed, one with `must_start` ended, or one was not ready in time;
            everything is stopped again.
    """
    logs.mkdir(mode=0o700, parents=True, exist_ok=True)  # answers are personal data
    with _watched_groups() as groups:
        keepers = [_Keeper(program, logs, say, groups) for program in programs]
        by_name = {keeper.program.name: keeper for keeper in keepers}
        stopping = threading.Event()
        with _signals(stopping, keepers):
            threads = [
                threading.Thread(target=keeper.keep, args=([by_name[name] for name in keeper.program.after], stopping))
                for keeper in keepers
            ]
            for thread in threads:
                thread.start()
            told = False
            while not stopping.wait(0.1):
                if not told and all(keeper.ready.is_set() for keeper in keepers):
                    told = True
                    if on_ready is not None:
                        on_ready()
            say("Stopping")
            for keeper in keepers:
                keeper.stop(signal.SIGTERM)
            deadline = time.monotonic() + STOP_SECONDS
            for keeper, thread in zip(keepers, threads, strict=True):
                thread.join(max(0.0, deadline - time.monotonic()))
                keeper.stop(signal.SIGKILL)
                thread.join()
    failure = next((keeper.failure for keeper in keepers if keeper.failure), None)
    if failure:
        raise ProgramError(failure)


class _Keeper:
    """One program: its thread starts it and waits for its end, again and again."""

    def __init__(self, program: Program, logs: Path, say: Say, groups: "_Groups") -> None:
        self.program = program
        self.ready = threading.Event()
        self.failure: str | None = None
        self._say = say
        self._groups = groups
        self._process: subprocess.Popen[str] | None = None
        self._last_line = ""
        self._log_path = logs / f"{program.name}.log"
        self._log = logging.Logger(program.name)  # not in logging's tree: nobody else writes to it
        handler = RotatingFileHandler(self._log_path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(message)s"))
        self._log.addHandler(handler)

    def keep(self, needed: "Sequence[_Keeper]", stopping: threading.Event) -> None:
        """Start the program once what it needs is ready; start it again whenever it ends, until `stopping`."""
        try:
            self._keep(needed, stopping)
        except OSError as error:
            self._fail(f"{self.program.name} cannot be started: {error}.", stopping)

    def stop(self, number: signal.Signals) -> None:
        """Signal the program and all that it started; nothing happens if it does not run."""
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def _keep(self, needed: "Sequence[_Keeper]", stopping: threading.Event) -> None:
        while not all(keeper.ready.is_set() for keeper in needed):
            if stopping.wait(0.05):
                return
        pause = FIRST_PAUSE
        while not stopping.is_set():
            started = time.monotonic()
            status = self._run_once(stopping)
            if stopping.is_set():
                return
            if self.program.once:
                if status == 0:
                    self.ready.set()
                else:
                    self._fail(f"{self.program.name} failed: {self._last_line or status}.", stopping)
                return
            if self.program.must_start and not self.ready.is_set():
                self._fail(f"{self.program.name} did not start: {self._last_line or _ended(status)}", stopping)
                return
            if time.monotonic() - started > STABLE_SECONDS:
                pause = FIRST_PAUSE
            self._say(f"{self.program.name} {_ended(status)}; starting it again in {pause:.0f} s ({self._log_path})")
            stopping.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _run_once(self, stopping: threading.Event) -> int:
        process = subprocess.Popen(
            self.program.command,
            env=inherited_environment() | dict(self.program.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._process = process
        self._groups.add(process.pid)
        assert process.stdout is not None  # noqa: S101 (a pipe was asked for)
        # Beside the waiting: what the program started may hold its output open after it is gone.
        reader = threading.Thread(target=self._read, args=(process.stdout, stopping), daemon=True)
        reader.start()
        if stopping.is_set():  # the request to stop came while it was being started
            self.stop(signal.SIGTERM)
        self._wait_until_ready(process, stopping)
        status = process.wait()
        self.stop(signal.SIGKILL)  # what it left behind
        self._process = None
        self._groups.discard(process.pid)
        reader.join(1)
        return status

    def _wait_until_ready(self, process: subprocess.Popen[str], stopping: threading.Event) -> None:
        if self.program.once or self.ready.is_set():
            return
        deadline = time.monotonic() + READY_SECONDS
        while process.poll() is None and not stopping.is_set():
            if self.program.is_ready is None or self.program.is_ready():
                self.ready.set()
                return
            if time.monotonic() > deadline:
                said = self._last_line or "nothing"
                self._fail(f"{self.program.name} was not ready after {READY_SECONDS} s; it said last: {said}", stopping)
                return
            time.sleep(0.1)

    def _read(self, output: IO[str], stopping: threading.Event) -> None:
        with output:
            for line in output:
                text = COLOURS.sub("", line.rstrip())
                self._log.info(text)
                if text:
                    self._last_line = text
                # What is interrupted because we end is no error to people; its log has it.
                if self.program.shown.search(text) and not stopping.is_set():
                    self._say(f"{self.program.name}: {text}" if self.program.named else text)

    def _fail(self, failure: str, stopping: threading.Event) -> None:
        self.failure = f"{failure} Everything is stopped again; its log is {self._log_path}."
        stopping.set()


def _ended(status: int) -> str:
    return f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"


@dataclass(frozen=True)
class _Groups:
    """The process groups that the watchdog ends if we are killed."""

    pipe: IO[str]

    def add(self, group: int) -> None:
        self._tell(f"+{group}")

    def discard(self, group: int) -> None:
        self._tell(f"-{group}")

    def _tell(self, line: str) -> None:
        with suppress(BrokenPipeError):
            print(line, file=self.pipe, flush=True)


@contextmanager
def _watched_groups() -> Iterator[_Groups]:
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", watchdog.__file__], stdin=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdin is not None  # noqa: S101 (a pipe was asked for)
    try:
        yield _Groups(process.stdin)
    finally:
        process.stdin.close()
        process.wait()


@contextmanager
def _signals(stopping: threading.Event, keepers: Sequence[_Keeper]) -> Iterator[None]:
    def handle(_number: int, _frame: FrameType | None) -> None:
        if stopping.is_set():
            for keeper in keepers:
                keeper.stop(signal.SIGKILL)
        stopping.set()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, handle) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
