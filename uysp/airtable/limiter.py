"""The pace at which we ask Airtable: evenly spaced requests, and silence while a base is locked.

Airtable allows 5 requests a second on a base, for all integrations together, and locks a base that asks faster
for 30 seconds (https://airtable.com/developers/web/api/rate-limits). Evenly spaced requests leave the rest of
every second to the automations that stop messages.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

LOCK_OUT_SECONDS = 30.0


class Kind(StrEnum):
    """What a request is for; the earlier ones go first (people before everything else)."""

    WRITE = "write"  # a person waits: writes, and the reads that belong to them
    REREAD = "reread"  # records known to have changed
    POLL = "poll"  # payload lists, hooks, schemas
    SWEEP = "sweep"  # whole tables


class Pace(Protocol):
    """What the gateway asks before and after a request."""

    def wait(self, kind: Kind) -> None:
        """Return when a request of this kind may be sent."""

    def lock_out(self) -> None:
        """Take note of an answer that said we were too fast."""

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds."""


@dataclass
class Limiter:
    """Spaces requests 1/rate seconds apart, across the threads that share it.

    Attributes:
        rate: requests a second.
        clock: monotonic seconds.
        sleep: waits for so many seconds.
    """

    rate: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _next: float = field(default=0.0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def wait(self, _kind: Kind = Kind.POLL) -> None:
        """Return when the next request may be sent."""
        with self._lock:
            now = self.clock()
            start = max(now, self._next)
            self._next = start + 1 / self.rate
        if start > now:
            self.sleep(start - now)

    def lock_out(self) -> None:
        """Hold every following request back for as long as Airtable locks a base that asked too fast."""
        with self._lock:
            self._next = max(self._next, self.clock() + LOCK_OUT_SECONDS)
