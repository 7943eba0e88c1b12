"""How often a person may ask: 30 reads a minute. Typing in a search does not count."""

import time
from collections import deque
from collections.abc import Callable
from threading import Lock

from uysp.errors import UyspError

READS_A_MINUTE = 30
_MINUTE = 60.0
_MOST_PEOPLE = 10_000


class TooManyReadsError(UyspError):
    """The person has asked too much lately; nothing was looked up."""


class Reads:
    """When people asked lately.

    Args:
        now: seconds of a clock that never goes back.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lately: dict[str, deque[float]] = {}
        self._lock = Lock()

    def count(self, person: str) -> None:
        """Count a read.

        Raises:
            TooManyReadsError: it is one too many; it is not counted.
        """
        now = self._now()
        with self._lock:
            if len(self._lately) >= _MOST_PEOPLE:
                self._lately = {who: when for who, when in self._lately.items() if now - when[-1] < _MINUTE}
            lately = self._lately.setdefault(person, deque(maxlen=READS_A_MINUTE))
            if len(lately) == READS_A_MINUTE and now - lately[0] < _MINUTE:
                seconds = int(_MINUTE - (now - lately[0])) + 1
                raise TooManyReadsError(
                    f"That is more than {READS_A_MINUTE} questions in a minute, so nothing was looked up; "
                    f"ask again in {seconds} seconds."
                )
            lately.append(now)
