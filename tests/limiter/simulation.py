"""Many callers of the shared pace on a clock that is set: who was let through when, and who was waiting then.

The pace is the real one, in the real database; only time is not. Who is told to wait asks again when that time has
passed, or a little later, as processes do that wake up late.
"""

import heapq
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pydantic import SecretStr
from sqlalchemy import Engine, text

from uysp.airtable.limiter import Kind, SharedLimiter, shared_limiter
from uysp.settings import Client, Settings

START = datetime(2026, 11, 10, tzinfo=UTC)
TOKEN = SecretStr("pat.secret")


def client(number: int = 1) -> Client:
    """Return one of several clients, who share a token."""
    return Client(f"client{number}", f"client{number}", f"app{number:014d}", TOKEN)


@dataclass
class Clock:
    """A clock that moves only when somebody sleeps."""

    now: datetime = START
    slept: float = 0.0

    def sleep(self, seconds: float) -> None:
        """Let the time pass."""
        self.slept += seconds
        self.now += timedelta(seconds=seconds)

    def pace(
        self, engine: Engine, of: Client | None = None, *, fast: bool = False, **variables: float
    ) -> SharedLimiter:
        """Return the shared pace on this clock; `variables` are fields of the settings."""
        settings = Settings(_env_file=None).model_copy(update=variables)
        return shared_limiter(engine, settings, of or client(), fast=fast, now=lambda: self.now, sleep=self.sleep)

    def seconds_for(self, pace: SharedLimiter, kind: Kind, turns: int) -> float:
        """Return how long so many turns in a row are waited for."""
        before = self.slept
        for _ in range(turns):
            pace.wait(kind)
        return self.slept - before


@dataclass(frozen=True, eq=False)
class Caller:
    """Somebody who asks for turns, one after the other.

    Attributes:
        pauses: seconds before each request.
        lateness: seconds by which it asks again too late, in turn.
        dies_after: waits in which its process dies; None: it lives.
    """

    kind: Kind
    pauses: Sequence[float]
    client: Client = field(default_factory=client)
    fast: bool = False
    lateness: Sequence[float] = (0.0,)
    dies_after: int | None = None


@dataclass(frozen=True)
class Turn:
    """A request that was let through.

    Attributes:
        overtook: kinds of those on the same base whose wait was over too, but who had not asked again yet.
    """

    at: datetime
    caller: Caller
    overtook: tuple[Kind, ...]


class _ToldToWaitError(Exception):
    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


def _refuse_to_wait(seconds: float) -> None:
    raise _ToldToWaitError(seconds)


@dataclass
class _Simulation:
    engine: Engine
    settings: Settings
    now: datetime = START
    turns: list[Turn] = field(default_factory=list)
    waiting_until: dict[Caller, datetime] = field(default_factory=dict)
    _queue: list[tuple[datetime, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def pace(self, of: Client, *, fast: bool = False) -> SharedLimiter:
        return shared_limiter(self.engine, self.settings, of, fast=fast, now=lambda: self.now, sleep=_refuse_to_wait)

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (self.now + timedelta(seconds=seconds), next(self._numbers), what))

    def run(self) -> None:
        while self._queue:
            self.now, _, what = heapq.heappop(self._queue)
            what()

    def enter(self, caller: Caller) -> None:
        pace = self.pace(caller.client, fast=caller.fast)
        pauses, lateness, waits = iter(caller.pauses), itertools.cycle(caller.lateness), itertools.count(1)

        def ask() -> None:
            self.waiting_until.pop(caller, None)
            try:
                pace.wait(caller.kind)
            except _ToldToWaitError as told:
                if next(waits) != caller.dies_after:
                    self.waiting_until[caller] = self.now + timedelta(seconds=told.seconds)
                    self.later(told.seconds + next(lateness), ask)
            else:
                self.turns.append(Turn(self.now, caller, self._overtaken(caller)))
                pause()

        def pause() -> None:
            seconds = next(pauses, None)
            if seconds is not None:
                self.later(seconds, ask)

        pause()

    def _overtaken(self, caller: Caller) -> tuple[Kind, ...]:
        return tuple(
            other.kind
            for other, until in self.waiting_until.items()
            if other.client.key == caller.client.key and until <= self.now
        )


def simulate(
    engine: Engine,
    callers: Sequence[Caller],
    settings: Settings,
    lock_outs: Mapping[float, Client] | None = None,
) -> list[Turn]:
    """Let all callers ask until each has had its turns or has died.

    Args:
        engine: whose database keeps the pace; what it remembers is forgotten first.
        callers: who asks.
        settings: for rate and plan.
        lock_outs: seconds after the start at which Airtable tells a client that we are too fast.

    Returns:
        The turns, in their order.
    """
    with engine.begin() as connection:
        for table in ("pace", "calls", "months"):
            connection.execute(text(f"delete from app.airtable_{table}"))
    simulation = _Simulation(engine, settings)
    for seconds, whose in (lock_outs or {}).items():
        simulation.later(seconds, simulation.pace(whose).lock_out)
    for caller in callers:
        simulation.enter(caller)
    simulation.run()
    return simulation.turns


def busiest(moments: Iterable[datetime], seconds: float = 1) -> int:
    """Return the most moments that any such time holds, its end not counted."""
    ordered, span = sorted(moments), timedelta(seconds=seconds)
    return max((sum(start <= each < start + span for each in ordered) for start in ordered), default=0)
