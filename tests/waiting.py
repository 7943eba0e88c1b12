"""Wait for what other threads and processes do; the limit is for what never comes, not a measure of speed."""

import time
from collections.abc import Callable

LIMIT_SECONDS = 20


def eventually(holds: Callable[[], object], seconds: float = LIMIT_SECONDS) -> bool:
    """Return whether something comes true in time."""
    ends = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > ends:
            return False
        time.sleep(0.02)
    return True
