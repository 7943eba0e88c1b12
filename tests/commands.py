"""Run `uysp` as people do, as a process of its own, without waiting each time for what it imports.

Most of a short command's time goes into imports (a second; five where dbt builds), some hundred times in a run of the
tests. So commands are forks of one process that has imported everything already. Each has its own arguments, folder,
environment and streams, and ends as a process ends. Tests of how an interpreter starts, of signals and of the
terminal's encoding start a new one.
"""

import functools
import gc
import importlib
import json
import os
import runpy
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from uysp.settings import PROJECT, inherited_environment, set_environment

SECONDS = 120
# What takes long. A command imports what is forgotten here, as it does in a new interpreter.
IMPORTED = (
    *("uysp.cli", "uysp.cycle", "uysp.sync", "uysp.doctor", "uysp.forget", "slackbot.answers", "pipelines.warehouse"),
    *("dbt.cli.main", "dbt.task.build", "dbt.adapters.postgres"),
)
MARK = "forked: "  # before what the parent of all commands says, in case a library says something, too


def uysp(
    folder: Path, *arguments: str, stdin: str = "", environment: dict[str, str]
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end in a folder, which is no terminal.

    Raises:
        subprocess.TimeoutExpired: it did not end in time.
    """
    command = ["uysp", *arguments]
    with tempfile.TemporaryDirectory() as place:
        streams = [Path(place) / name for name in ("stdin", "stdout", "stderr")]
        streams[0].write_text(stdin, encoding="utf-8")
        request = {
            "arguments": command,
            "folder": str(folder),
            "environment": inherited_environment() | environment,
            "streams": [str(stream) for stream in streams],
        }
        forks = _forks()
        assert forks.stdin is not None
        forks.stdin.write(f"{json.dumps(request)}\n")
        forks.stdin.flush()
        process_id = _said(forks)
        timer = threading.Timer(SECONDS, os.kill, (process_id, 9))
        timer.start()
        status = _said(forks)
        if not timer.is_alive():
            raise subprocess.TimeoutExpired(command, SECONDS)
        timer.cancel()
        return subprocess.CompletedProcess(command, status, *(stream.read_text("utf-8") for stream in streams[1:]))


@functools.cache
def _forks() -> "subprocess.Popen[str]":
    """Return the process that commands are forks of; it ends with us, as its input does."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.commands"],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _said(forks: "subprocess.Popen[str]") -> int:
    assert forks.stdout is not None
    for line in forks.stdout:
        if line.startswith(MARK):
            return int(line.removeprefix(MARK))
    raise AssertionError("the process that commands are forks of has ended")


def uysp_in_a_new_interpreter(
    folder: Path, *arguments: str, environment: dict[str, str]
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end as `uysp` does it: started from nothing."""
    return subprocess.run(
        [sys.executable, "-m", "uysp", *arguments],
        cwd=folder,
        env=inherited_environment() | {"PYTHONPATH": str(PROJECT)} | environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def main() -> None:
    """Fork for each request that comes, and say the fork's process id and, when it has ended, its status."""
    for module in IMPORTED:
        importlib.import_module(module)
    gc.freeze()  # no fork has to look through all that at its end
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            become(json.loads(line))
            return
        print(f"{MARK}{child}", flush=True)
        _, status = os.waitpid(child, 0)
        print(f"{MARK}{os.waitstatus_to_exitcode(status)}", flush=True)


def become(request: dict[str, Any]) -> None:
    """Be the process that the request describes, and run its command."""
    os.environ.clear()  # noqa: TID251 (this process is another one from here on)
    set_environment(request["environment"])
    os.chdir(request["folder"])
    streams = [
        Path(path).open(mode, encoding="utf-8")  # noqa: SIM115 (open until this process ends)
        for path, mode in zip(request["streams"], "rww", strict=True)
    ]
    for number, stream in enumerate(streams):
        os.dup2(stream.fileno(), number)
    sys.stdin, sys.stdout, sys.stderr = streams
    sys.argv = request["arguments"]
    runpy.run_module("uysp", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
