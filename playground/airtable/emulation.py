"""All that a running emulator holds besides its bases: switches, limits, faults, open lists, the journal."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

import orjson

from playground.airtable.behaviour import Behaviour
from playground.airtable.faults import Fault
from playground.airtable.limits import RateLimiter
from playground.airtable.listing import Delays, Iterators
from playground.airtable.store import Commit, Store
from playground.airtable.webhooks import Webhooks

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
    hidden: set[str] = field(default_factory=set)  # record ids that lists pass over, unless asked for by id
    calls_by_month: Counter[str] = field(default_factory=Counter)
    webhooks: Webhooks = field(init=False)

    def __post_init__(self) -> None:
        self.webhooks = Webhooks(self.store, self.behaviour)
        self.store.listeners.append(self._note)
        self.store.schema_listeners.append(self.webhooks.note_schema)

    def close(self) -> None:
        """Let go of the store, which may be served again."""
        self.store.listeners.remove(self._note)
        self.store.schema_listeners.remove(self.webhooks.note_schema)

    def count_call(self) -> bool:
        """Count a call of this month, and tell whether the plan still has it."""
        month = f"{self.store.clock.now():%Y-%m}"
        self.calls_by_month[month] += 1
        most = self.behaviour.monthly_calls
        return most is None or self.calls_by_month[month] <= most

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
        self.webhooks.note_commit(commit)
        if self.behaviour.read_delay_seconds:
            until = self.store.clock.elapsed() + self.behaviour.read_delay_seconds
            for edit in commit.edits:
                self.delays.hide(edit, until)
