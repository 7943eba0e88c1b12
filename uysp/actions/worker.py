"""The worker: takes requests from the queue and carries them out, one at a time for each of its threads.

Run by the bot and by `uysp up`; a command of the terminal runs one for its own leads.
"""

import logging
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from uysp.actions.attempt import Attempt, Means
from uysp.actions.queue import holding, take
from uysp.actions.requests import Now, utc_now
from uysp.actions.watch import look, prune
from uysp.airtable.client import Gateway
from uysp.airtable.limiter import Pace, shared_limiter
from uysp.errors import UyspError, reference_id
from uysp.settings import Client, Settings

log = logging.getLogger(__name__)

THREADS: Final = 4  # Airtable allows five requests a second; more would only wait
IDLE_SECONDS: Final = 1.0
LONGEST_PAUSE: Final = 10.0  # seconds until a writer tries again, however often it failed
TOLD_FAILURES: Final = 3  # in a row; of a database that stays away the log need not say more
WATCH_SECONDS: Final = 5.0
STOP_SECONDS: Final = 20.0  # what takes longer is found by whoever comes next, as after a crash
PRUNE_INTERVAL: Final = timedelta(hours=1)
# What got no answer is looked at again once Airtable shows what became of it; what a process sent that was killed may
# still be under way for longer.
SETTLE: Final = timedelta(seconds=2)
IN_FLIGHT: Final = timedelta(seconds=30)


@contextmanager
def working(engine: Engine, settings: Settings) -> Iterator["Worker"]:
    """Carry out writes in the background until the block ends; what is under way then is finished first."""
    worker, stop = Worker(engine, settings), threading.Event()
    if not settings.clients:
        yield worker
        return
    thread = threading.Thread(target=worker.run, args=(stop,), name="writer", daemon=True)
    thread.start()
    try:
        yield worker
    finally:
        stop.set()
        worker.wake()
        thread.join(STOP_SECONDS)


class Worker:
    """Carries requests out, one at a time for each thread that calls `step`; any number of threads and processes.

    Args:
        engine: under a role that may write schema `app` and load what was written into raw.
        settings: for clients, pace and endpoint.
        only: record ids of the only leads to work for; default: all.
        now: the present moment.
        pace: the pace at which a client's base is asked; default: the one shared by all processes.
        in_flight: how long what a killed process sent may be under way.
        settle: how long until Airtable shows what became of a write that got no answer.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        *,
        only: Collection[str] | None = None,
        now: Now = utc_now,
        pace: Callable[[Client], Pace] | None = None,
        in_flight: timedelta = IN_FLIGHT,
        settle: timedelta = SETTLE,
    ) -> None:
        endpoint = settings.airtable_url
        pace = pace or (lambda client: shared_limiter(engine, settings, client))
        self._means = Means(engine, settings, lambda client: Gateway(client, pace(client), endpoint), now, settle)
        self._only = only
        self._in_flight = in_flight
        self._awake = threading.Condition()

    def run(self, stop: threading.Event, threads: int = THREADS) -> None:
        """Work until `stop` is set, then finish what is under way."""
        working = [
            threading.Thread(target=self._work, args=(stop,), name=f"writer-{number}", daemon=True)
            for number in range(threads)
        ]
        working.append(threading.Thread(target=self._watch, args=(stop,), name="writer-watch", daemon=True))
        for thread in working:
            thread.start()
        for thread in working:
            thread.join()

    def wake(self) -> None:
        """Have a request that was just stored taken up at once."""
        with self._awake:
            self._awake.notify_all()

    def step(self, holder: int) -> bool:
        """Carry out what is next, and return whether there was anything.

        Args:
            holder: the caller's number, of `uysp.actions.queue.holding`.

        Raises:
            LostError: the number is no longer believed to live; take another.
        """
        means = self._means
        with means.engine.begin() as connection:
            unit = take(connection, holder, list(means.clients), means.now(), self._in_flight, self._only)
        if unit is None:
            return False
        Attempt(means, holder, unit).carry_out()
        return True

    def _work(self, stop: threading.Event) -> None:
        failures = 0
        while not stop.is_set():
            try:
                with holding(self._means.engine) as holder:
                    while not stop.is_set():
                        worked = self.step(holder)
                        failures = 0
                        if not worked:
                            with self._awake:
                                self._awake.wait(IDLE_SECONDS)
            except (UyspError, DBAPIError) as error:
                # Under another number: what was taken under this one is then free for everybody.
                failures += 1
                if failures <= TOLD_FAILURES:
                    log.warning("a writer begins anew: %s", type(error).__name__)
                stop.wait(min(IDLE_SECONDS * 2 ** min(failures - 1, 10), LONGEST_PAUSE))
            except Exception:
                log.exception("a write failed in an unexpected way (reference %s)", reference_id())
                stop.wait(IDLE_SECONDS)

    def _watch(self, stop: threading.Event) -> None:
        pruned: datetime | None = None
        while not stop.wait(WATCH_SECONDS):
            now = self._means.now()
            try:
                if look(self._means.engine, self._means.settings, now) and (
                    pruned is None or now - pruned >= PRUNE_INTERVAL
                ):
                    prune(self._means.engine, now)
                    pruned = now
            except (UyspError, DBAPIError) as error:
                log.warning("removed leads could not be looked at: %s", type(error).__name__)
            except Exception:
                log.exception("removed leads could not be looked at (reference %s)", reference_id())
