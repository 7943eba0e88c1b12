"""Undoing an action for 15 minutes, all or nothing, while what it wrote still stands and nobody else was there."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, text

from uysp.actions.model import (
    BOOKED,
    NOTES,
    PROCESSING,
    STOP,
    STOP_REASON,
    Asked,
    Cells,
    Kind,
    Lead,
    Past,
    Plan,
    Request,
    State,
    Target,
)
from uysp.actions.notes import plan_note_undo
from uysp.actions.removal import STOPPED_STATUSES, may_be_unstopped
from uysp.actions.rights import Person
from uysp.airtable.model import WRITE_SIZE
from uysp.errors import UyspError

WINDOW: Final = timedelta(minutes=15)
_WORDS: Final = {
    Kind.NOTE: "note on",
    Kind.REMOVE: "removal of",
    Kind.MARK: "status of",
    Kind.CLAIM: "claim of",
    Kind.UNCLAIM: "end of the claim of",
}
UNDOABLE: Final = (Kind.NOTE, Kind.REMOVE, Kind.MARK, Kind.CLAIM, Kind.UNCLAIM)


class UndoError(UyspError):
    """The action cannot be undone; nothing was stored."""


def undo(connection: Connection, person: Person, reference: str, now: datetime, *, admin: bool = False) -> Asked:
    """Return the undoing of an action.

    Args:
        connection: under a role that may read schema `app`.
        person: who wants it undone.
        reference: of the action.
        now: the present moment.
        admin: whether the person administers, and may undo what others did.

    Raises:
        UndoError: there is no such action of this person, nothing of it can be undone, or it is too late.
    """
    rows = connection.execute(
        text("""
            select id, client, lead_id, lead_name, kind, state, actor_id, finished_at, undone_by from app.write_requests
            where reference = :reference order by id
        """),
        {"reference": reference.strip().upper()},
    ).all()
    if person.clients is not None:
        rows = [row for row in rows if row.client in person.clients]
    if not rows or (rows[0].actor_id != person.id and not admin):
        raise UndoError(f"There is no action {reference[:20]!r} of yours; nothing was stored.")
    if any(row.state == State.PENDING for row in rows):
        raise UndoError("It is not done yet, so there is nothing to undo; try again when it is.")
    done = [row for row in rows if row.state == State.DONE and row.kind in UNDOABLE]
    if rows[0].kind == Kind.UNDO and rows[0].state == State.DONE:
        raise UndoError(
            "It is an undoing itself, which cannot be undone; nothing was stored. Write what you want instead."
        )
    if not done:
        raise UndoError("It wrote nothing that could be undone.")
    if any(row.undone_by for row in done):
        raise UndoError("It is undone already.")
    if len(done) > WRITE_SIZE:
        raise UndoError(f"It wrote to {len(done):,} leads; what can be undone all or nothing are {WRITE_SIZE}.")
    if now - max(row.finished_at for row in done) > WINDOW:
        names = ", ".join(dict.fromkeys(row.lead_name for row in done))
        raise UndoError(
            f"The {_WORDS[Kind(done[0].kind)]} {names} ({reference.strip().upper()}) is more than 15 minutes ago, so "
            "it was not undone. Nothing was written; write what you want instead."
        )
    return Asked(
        Kind.UNDO,
        done[0].client,
        tuple(row.lead_id for row in done),
        {"undoes": reference.strip().upper(), "targets": {row.lead_id: row.id for row in done}},
    )


def plan_undo(request: Request, lead: Lead, past: Past) -> Plan:
    """Return what becomes of an undoing for one of its leads."""
    target = past.target(int(request.content["targets"][request.lead_id]))
    said = f"Undone for {request.lead_name}."
    if target.kind is Kind.NOTE:
        plan = plan_note_undo(request, lead, target.content)
        if plan is not None:
            return plan
        by = past.author(target.after, target.finished_at)
        return _not_done(request, f"the note in “{NOTES}” was changed {by}")
    restored: Cells = {name: target.before.get(name) for name in target.after}
    if request.maybe_applied and request.intent is not None and lead.holds(request.intent.cells):
        return Plan(State.DONE, said, before=request.intent.before, after=request.intent.cells)
    differing = {name: value for name, value in target.after.items() if not lead.holds({name: value})}
    if differing:
        by = past.author(differing, target.finished_at)
        now = " and ".join(f"{name} (now {_shown(lead.fields.get(name))})" for name in differing)
        return _not_done(request, f"{now} {_was(differing)} changed {by}")
    meddled = past.meddled(target.after, target.version, target.finished_at)
    if meddled:
        by = past.author(dict.fromkeys(meddled), target.finished_at)
        return _not_done(request, f"{' and '.join(meddled)} {_was(meddled)} changed {by}, and back")
    is_unstopping = STOP in restored and restored[STOP] is not True
    if is_unstopping and not may_be_unstopped(lead, restored.get(STOP_REASON)):
        return _not_done(request, "the lead has opted out or booked, so SMS Stop stays checked")
    stopping = _stopping_since(lead, past, target)
    if stopping and not is_unstopping and _lets_go_on(restored):
        by = past.author(dict.fromkeys(stopping), target.finished_at)
        return _not_done(request, f"{' and '.join(stopping)} {_was(stopping)} checked {by}, so its status stays")
    if STOP in restored:
        restored[STOP] = restored[STOP] is True
    return Plan(State.DONE, said, restored, lead.present(restored))


def _stopping_since(lead: Lead, past: Past, target: Target) -> list[str]:
    """Return what stops the lead now and did not when it was written to: an opt-out, a removal, a booking."""
    then = past.fields_of(target.version)
    return [name for name in (STOP, BOOKED) if lead.fields.get(name) is True and then.get(name) is not True]


def _lets_go_on(restored: Cells) -> bool:
    """Return whether a scheduler that reads the status alone would send messages again."""
    return PROCESSING in restored and restored[PROCESSING] not in STOPPED_STATUSES


def _shown(value: object) -> str:
    if value is None or value is False:
        return "empty"
    return "checked" if value is True else f"“{value}”"


def _was(names: Collection[str]) -> str:
    return "was" if len(names) == 1 else "were"


def _not_done(request: Request, why: str) -> Plan:
    # Records of one phone often have one name, too.
    whose = request.lead_name + (f" ({request.lead_id})" if len(request.content["targets"]) > 1 else "")
    return Plan(State.NOT_DONE, f"Not undone for {whose}: {why}. Nothing was written.")
