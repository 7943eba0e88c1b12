"""The processes of an embedded server, and the keeper: the process that stops it when nobody uses it any more.

Run by file name with nothing but the standard library (`python -I -S keeper.py`), so that it needs little memory for
as long as the server runs. Started by `uysp.embedded`, which says how the locks work together.
"""

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

FAST_SHUTDOWN_SECONDS = 60
POLL_SECONDS = 0.02


def server_processes(data: Path) -> tuple[list[int], list[int]]:
    """Find the processes of the server on a data directory.

    A pid file is not asked: after an unclean stop its number may belong to anybody.

    Returns:
        The postmaster (none or one; for a moment also a child that it has just forked), and the server's other
        processes, which outlive a killed postmaster for as long as their query runs.
    """
    postmasters, others = [], []
    for pid, arguments in _command_lines():
        program = Path(arguments[0]).name
        if program == "postgres" and arguments[1:3] == ["-D", str(data)]:
            postmasters.append(pid)
        elif program.startswith("postgres:") and _works_in(pid, data):
            others.append(pid)
    return postmasters, others


def signal_all(pids: list[int], number: signal.Signals) -> None:
    """Send a signal to processes, some of which may be gone already."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


def stop_server(data: Path) -> None:
    """Stop the server on a data directory: fast shutdown, and after a minute without mercy."""
    deadline = time.monotonic() + FAST_SHUTDOWN_SECONDS
    while any(processes := server_processes(data)):
        postmasters, others = processes
        if time.monotonic() > deadline:
            signal_all(postmasters + others, signal.SIGKILL)
        elif postmasters:
            signal_all(postmasters, signal.SIGINT)
        else:
            signal_all(others, signal.SIGKILL)
        time.sleep(POLL_SECONDS)


def _command_lines() -> list[tuple[int, list[str]]]:
    """Return process id and arguments of all processes that can be seen; a zombie has no arguments and is left out."""
    proc = Path("/proc")
    if (proc / "self/cmdline").exists():
        lines = []
        for entry in proc.iterdir():
            if entry.name.isdigit():
                try:
                    raw = (entry / "cmdline").read_bytes()
                except OSError:  # ended meanwhile
                    continue
                if raw:
                    lines.append((int(entry.name), os.fsdecode(raw).split("\0")))
        return lines
    # Without /proc (macOS) arguments with blanks cannot be told apart, except where the data directory is one of them.
    listing = subprocess.run(["ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=True)
    lines = []
    for line in listing.stdout.splitlines():
        pid, _, command = line.strip().partition(" ")
        program, flag, rest = command.partition(" -D ")
        lines.append((int(pid), [program, "-D", rest.partition(" -c ")[0]] if flag else [command]))
    return lines


def _works_in(pid: int, data: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == data
    except OSError:  # gone, somebody else's, or a system without /proc
        return False


def _keep(users_lock: Path, data: Path, keeper_lock: int) -> None:
    # The keeper's lock came with it from the process that started it, so there is no moment without either.
    users = os.open(users_lock, os.O_RDWR)
    fcntl.flock(users, fcntl.LOCK_EX)  # waits until the last user is gone, however it went
    stop_server(data)
    os.close(keeper_lock)  # first this one: whoever gets the other must find that there is no keeper any more
    os.close(users)


if __name__ == "__main__":
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    _keep(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
