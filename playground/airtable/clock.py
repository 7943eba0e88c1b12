"""What the emulated Airtable takes for now."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class Clock:
    """A settable clock.

    Attributes:
        source: gives the time, UTC.
        offset: added to it.
    """

    def __init__(self, source: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.source = source
        self.offset = timedelta()

    def now(self) -> datetime:
        """Return the present moment, UTC."""
        return self.source().astimezone(UTC) + self.offset

    def elapsed(self) -> float:
        """Return seconds since some moment, for limits and lifetimes: they pass even where `source` stands still."""
        return time.monotonic() + self.offset.total_seconds()

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.offset += timedelta(seconds=seconds)

    def set(self, moment: datetime) -> None:
        """Make this moment the present one; time goes on from there."""
        self.offset += moment - self.now()
