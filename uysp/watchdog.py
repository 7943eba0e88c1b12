"""Ends what a supervisor started if the supervisor itself is killed; see uysp/programs.py.

Run by file name with nothing but the standard library (`python -I -S watchdog.py`). It reads process groups from its
standard input (`+ID` begun, `-ID` ended); the input ends when the supervisor does, however that happens.
"""

import os
import signal
import sys
from contextlib import suppress


def _watch() -> None:
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line.startswith("+"):
            groups.add(group)
        else:
            groups.discard(group)
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    _watch()
