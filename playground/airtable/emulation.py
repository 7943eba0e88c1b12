"""All that a running emulator holds besides its bases: switches, limits, faults, open lists, the journal."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

import orjson

from playground.airtable.behaviour import Behaviour
from playground.airtable.faults import Fault
from playground.airtable.limits import RateLimiter
from playground.airtable.listing import Delays, Iterators
from playground.airtable.store import Commit, Store

_KEPT = 10_000  # requests, and writes


@dataclass(frozen=True)
class RequestSeen:
    """One request in the journal."""

    time: str
    method: str
    path: str
    base: str | None
    status: int | None  # None: the connection was cut


@dataclass
class Emulation:
    """The state behind the emulator's endpoints."""

    store: Store
    behaviour: Behaviour
    limiter: RateLimiter = field(default_factory=RateLimiter)
    faults: list[Fault] = field(default_factory=list)
    iterators: Iterators = field(default_factory=Iterators)
    delays: Delays = field(default_factory=Delays)
    requests: deque[RequestSeen] = field(default_factory=lambda: deque(maxlen=_KEPT))
    commits: deque[Commit] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def __post_init__(self) -> None:
        self.store.listeners.append(self._note)

    def close(self) -> None:
        """Let go of the store, which may be served again."""
        self.store.listeners.remove(self._note)

    def writes(self) -> list[dict[str, Any]]:
        """Return what was written, a row per record: the stored cells before and after by field id."""
        return [
            {
                "time": commit.at,
                "base": commit.base.id,
                "table": edit.table.name,
                "id": (edit.after or edit.before).id,  # type: ignore[union-attr]  # an edit has one of them
                "before": edit.before and orjson.loads(edit.before.stored),
                "after": edit.after and orjson.loads(edit.after.stored),
            }
            for commit in list(self.commits)
            for edit in commit.edits
        ]

    def _note(self, commit: Commit) -> None:
        self.commits.append(commit)
        if self.behaviour.read_delay_seconds:
            until = self.store.clock.elapsed() + self.behaviour.read_delay_seconds
            for edit in commit.edits:
                self.delays.hide(edit, until)
