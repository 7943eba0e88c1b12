"""Run processes that belong together, each measured: seconds, CPU, peak memory, and what it complained of.

The kernel counts into a process's peak memory what its parent held when it started it, and a benchmark that has made
a large base holds much. So the processes are started by a small one: this module run as a script, which for that
reason imports nothing but the standard library.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Any

# The last line of a traceback, or a log line of that level; not a line that has an error among its values.
_ERROR_LINE = re.compile(r"^(?:[\w.]*\.)?\w*(?:Error|Exception)\b.*|^.*\bERROR\b *\|.*")
_LONGEST_ERROR = 300


class FailedError(Exception):
    """A measured process ended with an error: which, its status and its last error line."""


@dataclass(frozen=True)
class Process:
    """What one process took: CPU seconds and peak memory in MB."""

    cpu: float
    peak: float


@dataclass(frozen=True)
class Run:
    """What processes that ran together took, and what the last of them printed."""

    seconds: float
    output: str
    measured: tuple[Process, ...]
    filters: tuple[Process, ...]

    @property
    def cpu(self) -> float:
        """CPU seconds of all but the filters."""
        return sum(process.cpu for process in self.measured)

    @property
    def peak(self) -> float:
        """Peak memory in MB of all but the filters, added up."""
        return sum(process.peak for process in self.measured)


def run(commands: Mapping[str, list[str]], environment: dict[str, str], filters: Collection[str] = ()) -> Run:
    """Run one command, or several as a pipeline.

    Args:
        commands: by name, in the order of the pipeline.
        environment: of all of them.
        filters: names of those that only stand between the others: what they take is kept apart.

    Raises:
        FailedError: one of them failed. Of several, the last is named: those before it lost their reader.
    """
    starter = [sys.executable, "-I", "-S", __file__]
    done = subprocess.run(
        starter,
        input=json.dumps(list(commands.values())),
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        check=True,
    )
    told: dict[str, Any] = json.loads(done.stdout)
    ended = dict(zip(commands, told["processes"], strict=True))
    for name, one in reversed(ended.items()):
        if one["status"]:
            raise FailedError(f"{name} ended with {one['status']}: {one['error']}")
    took = {name: Process(one["cpu"], one["peak"]) for name, one in ended.items()}
    return Run(
        told["seconds"],
        told["output"],
        tuple(process for name, process in took.items() if name not in filters),
        tuple(process for name, process in took.items() if name in filters),
    )


def last_error(complaints: str) -> str:
    """The last line that names an error, shortened; else the last line."""
    lines = [line.strip() for line in complaints.splitlines() if line.strip()]
    errors = [line for line in lines if _ERROR_LINE.match(line)]
    return (errors or lines or ["(it said nothing)"])[-1][:_LONGEST_ERROR]


def _measure(commands: list[list[str]]) -> dict[str, Any]:
    started = time.perf_counter()
    with ExitStack() as files:
        running: list[tuple[subprocess.Popen[str], IO[str]]] = []
        for command in commands:
            before = running[-1][0].stdout if running else subprocess.DEVNULL
            complaints = files.enter_context(tempfile.TemporaryFile("w+", errors="replace"))
            process = subprocess.Popen(command, stdin=before, stdout=subprocess.PIPE, stderr=complaints, text=True)
            running.append((process, complaints))
            if not isinstance(before, int) and before is not None:
                before.close()  # else who writes would wait for ever for a reader that has failed
        last = running[-1][0].stdout
        assert last is not None
        output = last.read()
        processes = []
        for process, said in running:
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            said.seek(0)
            processes.append(
                {
                    "status": process.returncode,
                    "cpu": usage.ru_utime + usage.ru_stime,
                    "peak": usage.ru_maxrss / 1024,
                    "error": last_error(said.read()) if process.returncode else "",
                }
            )
        return {"seconds": time.perf_counter() - started, "output": output, "processes": processes}


if __name__ == "__main__":
    print(json.dumps(_measure(json.load(sys.stdin))))
