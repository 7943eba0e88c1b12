"""What an action is made of: what was asked, the request that is kept, the lead as it is, and what is to be written."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol

from uysp.activity import Action

Cells = dict[str, Any]  # values by canonical field name; None empties a cell

STOP, STOP_REASON, PROCESSING = "SMS Stop", "SMS Stop Reason", "Processing Status"
HRQ, HRQ_REASON = "HRQ Status", "HRQ Reason"
CLAIMED_BY, CLAIMED_AT = "Claimed By", "Claimed At"
NOTES, BOOKED = "Notes", "Booked"
WRITTEN_FIELDS = (NOTES, STOP, STOP_REASON, PROCESSING, HRQ, HRQ_REASON, CLAIMED_BY, CLAIMED_AT)


class Kind(StrEnum):
    """What is asked for; the last two we ask for ourselves."""

    NOTE = "note"
    REMOVE = "remove"
    MARK = "mark"
    CLAIM = "claim"
    UNCLAIM = "unclaim"
    UNDO = "undo"
    RESTOP = "restop"
    REPAIR = "repair"

    @property
    def action(self) -> Action:
        """What the activity log calls it."""
        return _ACTIONS[self]


_ACTIONS = {
    Kind.NOTE: Action.NOTE_ADDED,
    Kind.REMOVE: Action.LEAD_REMOVED_FROM_CAMPAIGN,
    Kind.MARK: Action.LEAD_STATUS_CHANGED,
    Kind.CLAIM: Action.LEAD_CLAIMED,
    Kind.UNCLAIM: Action.LEAD_UNCLAIMED,
    Kind.UNDO: Action.CHANGE_UNDONE,
    Kind.RESTOP: Action.LEAD_STATUS_CHANGED,
    Kind.REPAIR: Action.NOTE_ADDED,
}


class State(StrEnum):
    """How a request stands; every one but the first is for good."""

    PENDING = "pending"
    DONE = "done"
    UNCHANGED = "unchanged"  # nothing had to be written
    NOT_DONE = "not_done"  # what Airtable held by then forbade it; nothing was written
    FAILED = "failed"  # Airtable refused it; nothing was written
    STOPPED = "stopped"  # a bulk removal was ended before it


@dataclass(frozen=True)
class Asked:
    """What somebody asks for, validated: made by `notes.note`, `removal.removal`, `status.mark` and their like.

    Attributes:
        lead_ids: record ids of the leads that it concerns.
        content: the rest, as JSON can hold it.
        admin: whether only who administers may ask for it.
        override: whether it sets another person's claim aside; only who administers may ask for that.
    """

    kind: Kind
    client: str
    lead_ids: tuple[str, ...]
    content: dict[str, Any]
    is_bulk: bool = False
    admin: bool = False
    override: bool = False


@dataclass(frozen=True)
class Intent:
    """What was sent last for a request: the cells, and the values that they replaced."""

    cells: Cells
    before: Cells


@dataclass(frozen=True, eq=False)
class Request:
    """A row of app.write_requests that is being carried out (migration r0007)."""

    id: int
    reference: str
    client: str
    lead_id: str
    lead_name: str
    kind: Kind
    content: dict[str, Any]
    origin: str
    is_bulk: bool
    actor_id: str
    actor_name: str
    actor_email: str | None
    may_override: bool
    seen: Cells | None
    requested_at: datetime
    attempts: int
    intent: Intent | None
    maybe_applied: bool


@dataclass(frozen=True)
class Lead:
    """A lead as Airtable has just given it.

    Attributes:
        fields: filled cells by canonical name.
        names: canonical names of all fields that the table has.
        options: of each select field, the name of each option by that name without blanks around it.
    """

    client: str
    lead_id: str
    fields: Mapping[str, Any]
    names: frozenset[str]
    options: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """Return a cell as trimmed text; empty where there is none."""
        value = self.fields.get(name)
        return value.strip() if isinstance(value, str) else ""

    def option(self, name: str, option: str) -> str | None:
        """Return the option as the base spells it, or None where it has none of that name."""
        return self.options.get(name, {}).get(option)

    def holds(self, cells: Mapping[str, Any]) -> bool:
        """Return whether the lead's cells have these values."""
        return all(same(self.fields.get(name), value) for name, value in cells.items())

    def present(self, names: Mapping[str, Any]) -> Cells:
        """Return the values of the cells of these names, None for empty ones."""
        return {name: self.fields.get(name) for name in names}


@dataclass(frozen=True)
class Plan:
    """What a request comes to, given the lead as it is.

    Attributes:
        cells: to be written; empty: nothing is left to be written, and `state` holds already.
        said: a sentence for the person, once `state` holds.
        before: what the cells replaced, also by an earlier attempt.
        after: what stands in the log as written; default: `cells`.
        taken_out: the text of a note that is taken out again: what the log has of it, since other notes stay.
    """

    state: State
    said: str
    cells: Cells = field(default_factory=dict)
    before: Cells = field(default_factory=dict)
    after: Cells | None = None
    taken_out: str | None = None

    @property
    def log(self) -> dict[str, Cells]:
        """What the log has of it: before and after, of notes their own text alone."""
        if self.taken_out is not None:
            return {"before": {NOTES: self.taken_out}, "after": {}}
        return {"before": self.replaced, "after": self.written}

    @property
    def written(self) -> Cells:
        """What the log calls written."""
        return self.cells if self.after is None else self.after

    @property
    def replaced(self) -> Cells:
        """What the log calls replaced: not the Notes, which are long, and of which every version is in raw."""
        return {name: value for name, value in self.before.items() if name != NOTES}


class Past(Protocol):
    """What plans may ask about a lead's past (`uysp.actions.past`)."""

    def stopped_since(self) -> str | None:
        """Return since when SMS Stop has been checked, in words, as far as is known."""

    def author(self, names: Mapping[str, Any], since: datetime) -> str:
        """Return who or what last changed one of these cells, and when: "by … at …"."""

    def meddled(self, names: Mapping[str, Any], version: int | None, since: datetime) -> list[str]:
        """Return which of these cells somebody else changed after the version that we wrote."""

    def fields_of(self, version: int | None) -> Mapping[str, Any]:
        """Return the cells of a version of the lead; nothing where there is none."""

    def target(self, request_id: int) -> "Target":
        """Return the finished request that is to be undone."""


@dataclass(frozen=True)
class Target:
    """A finished request that is to be undone."""

    kind: Kind
    content: dict[str, Any]
    before: Cells
    after: Cells
    version: int | None
    finished_at: datetime


def same(one: object, other: object) -> bool:
    """Return whether two values of a cell are the same to Airtable.

    Empty cells are left out, and read as None; rich text may get a newline at its end; times are compared as such.
    """
    if one in _EMPTY and other in _EMPTY:
        return True
    if isinstance(one, str) and isinstance(other, str):
        if one.removesuffix("\n") == other.removesuffix("\n"):
            return True
        if _DAY.fullmatch(one) and other.startswith(one):
            return True  # a field for days keeps no time
        times = (_moment(one), _moment(other))
        return times[0] is not None and times[0] == times[1]
    return type(one) is type(other) and one == other


_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_EMPTY: tuple[object, ...] = (None, "", "\n", False, [])


def _moment(value: str) -> datetime | None:
    if not value[:4].isdigit():
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def wire_time(moment: datetime) -> str:
    """Return a moment as Airtable and our notes write it: UTC with milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def said_time(moment: datetime) -> str:
    """Return a moment as people read it."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
