"""Plays the programs around the base as time passes: `python -m playground.sample.automations --help`.

They come through the Web API with a token of their own, as any integration does, and share the base's limit of
requests with everybody else.
"""

import logging
import random
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Final

import typer

from playground.sample import reactions, schedulers
from playground.sample.endpoint import LOCK_SECONDS, AwayError, Endpoint, RefusedError
from playground.sample.outside import Happening, Outside

Automation = Callable[[Outside], Happening]

# How often each runs, compared with the others.
AUTOMATIONS: Final[tuple[tuple[Automation, float], ...]] = (
    *((partial(schedulers.send, generation=generation), 7.0) for generation in schedulers.GENERATIONS),
    (reactions.deliver, 24),
    (reactions.click, 10),
    (reactions.track_clicks, 5),
    (reactions.reply, 4),
    (reactions.reply_stop, 3),
    (reactions.reply_start, 1),
    (reactions.book, 5),
    (reactions.import_contact, 10),
    (reactions.clean_up, 6),
    (reactions.take_enriched, 4),
)

_LONGEST_PATIENCE: Final = 30.0  # seconds between looks whether Airtable is back
_log = logging.getLogger(__name__)


class _EndedError(Exception):
    """It is time to stop, in the middle of something."""


class Automations:
    """All automations around one base, one run of one of them after the other.

    Args:
        endpoint_url: where the Web API is, without `/v0`.
        token: personal access token of the automations.
        base_id: the base.
        seed: what happens follows from it, together with the base and the clock.
        speed: runs a minute, on average, as far as the rate of requests allows (a run needs about three).
        gap: seconds between an automation's read and its write.
        requests_per_second: never more than this.
        lock_seconds: pause after a 429.
        clock: what time it is.
    """

    def __init__(
        self,
        endpoint_url: str,
        token: str,
        base_id: str,
        seed: int = 1,
        speed: float = 6,
        *,
        gap: float = 2,
        requests_per_second: float = 1,
        lock_seconds: float = LOCK_SECONDS,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._rng = random.Random(f"{seed}/automations")
        self._speed = speed
        self._stop = threading.Event()
        endpoint = Endpoint(
            endpoint_url,
            token,
            base_id,
            requests_per_second=requests_per_second,
            lock_seconds=lock_seconds,
            sleep=self._sleep,
        )
        self.outside = Outside(endpoint, self._rng, clock, gap, self._sleep)

    def step(self, runs: int = 1) -> list[Happening]:
        """Let so many automations run, one after the other, and tell what each did.

        Raises:
            AwayError: Airtable cannot be reached.
            RefusedError: it does not do what an automation asked for.
        """
        names = [automation for automation, _ in AUTOMATIONS]
        weights = [weight for _, weight in AUTOMATIONS]
        return [self._rng.choices(names, weights)[0](self.outside) for _ in range(runs)]

    def run(self, stop: threading.Event) -> None:
        """Let automations run until `stop` is set; what fails is logged, and patience grows while Airtable is away."""
        self._stop = stop
        patience = 1.0
        next_run = time.monotonic()
        try:
            while True:
                # Runs that take longer than the pauses between them leave no backlog.
                next_run = max(next_run + self._rng.expovariate(self._speed / 60), time.monotonic())
                self._sleep(next_run - time.monotonic())
                try:
                    for happening in self.step():
                        _log.info("%s: %d leads", happening.kind, len(happening.lead_ids))
                    patience = 1.0
                except AwayError as error:
                    _log.warning("Airtable is away (%s), next look in %.0f s", error, patience)
                    self._sleep(patience)
                    patience = min(2 * patience, _LONGEST_PATIENCE)
                except RefusedError as error:
                    _log.warning("Airtable refused: %s", error)
        except _EndedError:
            return

    def _sleep(self, seconds: float) -> None:
        if self._stop.wait(max(0.0, seconds)):
            raise _EndedError


def main(
    endpoint: Annotated[str, typer.Option(help="Where the Web API is, without /v0.")],
    token: Annotated[str, typer.Option(help="The automations' own token: the second of a sample base.")],
    base: Annotated[str, typer.Option(help="Id of the base.")],
    seed: Annotated[int, typer.Option(help="What happens follows from it.")] = 1,
    speed: Annotated[float, typer.Option(min=0.01, help="Automations that run in a minute.")] = 6,
    gap: Annotated[float, typer.Option(min=0, help="Seconds between an automation's read and its write.")] = 2,
    rate: Annotated[float, typer.Option(min=0.01, help="Requests a second, at most.")] = 1,
) -> None:
    """Play the outside automations against a base until SIGINT or SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    stop = threading.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: stop.set())
    Automations(endpoint, token, base, seed, speed, gap=gap, requests_per_second=rate).run(stop)


if __name__ == "__main__":
    typer.run(main)
