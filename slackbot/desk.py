"""Takes what Slack delivers once, and has it worked on by a pool of its own.

Slack waits three seconds for an acknowledgement and delivers at least once; Bolt's own pool only acknowledges.
"""

import logging
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from enum import Enum
from threading import RLock

from uysp.errors import reference_id

WORKERS = 8
MOST_WAITING = 200
REMEMBERED_SECONDS = 3600  # Slack's last retry of an event comes after five minutes
MOST_REMEMBERED = 100_000
DRAIN_SECONDS = 20

_log = logging.getLogger(__name__)


class Taken(Enum):
    """What became of a delivery, in the words that people read where it is not worked on."""

    NOW = ""
    BEFORE = "This was delivered before."
    CLOSING = "I am being restarted, so nothing was looked up; ask again in a minute."
    FULL = "Too many questions are waiting, so nothing was looked up; ask again in a minute."


class Desk:
    """The pool, what is being worked on, and what was delivered lately."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="answer")
        self._lock = RLock()  # a job that ends at once calls back while we hold it
        self._lately: OrderedDict[str, float] = OrderedDict()
        self._open: set[Future[None]] = set()
        self._closing = False

    def take(self, key: str, job: Callable[[], None]) -> Taken:
        """Have a job done, unless its delivery was taken before.

        Args:
            key: the same for every delivery of one thing: Slack's trigger_id, or event_id.
            job: is run by the pool; what it raises is logged as a bug.
        """
        with self._lock:
            if self._seen(key):
                return Taken.BEFORE
            if self._closing:
                return Taken.CLOSING
            if len(self._open) >= MOST_WAITING:
                return Taken.FULL
            future = self._pool.submit(_guarded, job)
            self._open.add(future)
            future.add_done_callback(self._done)
            return Taken.NOW

    def close(self, ends: float) -> None:
        """Take nothing more and finish what was taken.

        Args:
            ends: until when, in seconds of the monotonic clock.
        """
        with self._lock:
            self._closing = True
            unfinished = set(self._open)
        late = wait(unfinished, max(0.0, ends - time.monotonic())).not_done
        if late:
            _log.warning("%d answers were not finished in time", len(late))
        self._pool.shutdown(wait=not late, cancel_futures=True)

    def _seen(self, key: str) -> bool:
        """Return whether a delivery was taken before, and remember it."""
        now = time.monotonic()
        while self._lately and (
            len(self._lately) >= MOST_REMEMBERED or now - next(iter(self._lately.values())) > REMEMBERED_SECONDS
        ):
            self._lately.popitem(last=False)
        known = key in self._lately
        self._lately.setdefault(key, now)
        return known

    def _done(self, job: Future[None]) -> None:
        with self._lock:
            self._open.discard(job)


def something_wrong(reference: str) -> str:
    """Return what a person reads after a fault of ours."""
    return f"Something went wrong on our side; nothing was changed. Tell whoever runs the bot: reference {reference}."


def log_bug(what: str, error: BaseException) -> str:
    """Log where an exception came from, without its message, which may quote people's data; return the reference."""
    reference = reference_id()
    places = "".join(traceback.format_tb(error.__traceback__))
    _log.error("%s: %s: %s\n%s", reference, what, type(error).__name__, places)
    return reference


def _guarded(job: Callable[[], None]) -> None:
    try:
        job()
    except Exception as error:
        log_bug("an answer could not be delivered", error)
