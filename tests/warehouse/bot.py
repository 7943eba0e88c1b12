"""What people do through the bot: lines of the activity log, and what they change in Airtable (interface.md)."""

from collections.abc import Callable
from datetime import timedelta

from tests.warehouse.awkward import iso
from tests.warehouse.expected.base import Action, Fields
from tests.warehouse.world import World

PEOPLE = [("U1", "Ann Lee"), ("U2", None), ("U3", "Zo\u00eb \u00c5str\u00f6m")]
NOTE_TYPES = ("Call", "Email", "Text", "Meeting", "General", "Issue", "Success")
UNDONE = ("LEAD_REMOVED_FROM_CAMPAIGN", "LEAD_STATUS_CHANGED", "LEAD_CLAIMED")


def act(world: World, lead_id: str) -> None:
    """Let somebody do something to a lead that exists, now."""
    world.rng.choice(ACTS)(world, lead_id)


def _log(world: World, action: str, lead_id: str | None, outcome: str = "done", **details: Fields | str) -> None:
    actor_id, actor_name = world.rng.choice(PEOPLE)
    world.actions.append(Action(world.now, actor_id, actor_name, action, lead_id, dict(details), outcome))


def _write(world: World, action: str, lead_id: str, changes: Fields, **details: str) -> None:
    lead = world.records["leads"][lead_id]
    before = {name: lead.get(name) for name in changes}
    world.set("leads", lead_id, **changes)
    _log(world, action, lead_id, before=before, after=changes, **details)


def _add_note(world: World, lead_id: str) -> None:
    notes = world.records["leads"][lead_id].get("Notes")
    notes = notes if isinstance(notes, str) else ""
    kind = world.rng.choice(NOTE_TYPES)
    entry = f"[{kind}] {iso(world.now)} - Ann Lee:\nSpoke with them"
    world.set("leads", lead_id, Notes=f"{notes}\n\n{entry}" if notes else entry)
    _log(world, "NOTE_ADDED", lead_id, type=kind)


def _remove(world: World, lead_id: str) -> None:
    reason = world.rng.choice(["Asked by telephone", "Removed: STOP", "Wrong person"])
    stop = {"Processing Status": "Stopped", "SMS Stop": True, "SMS Stop Reason": reason}
    hrq = world.rng.choice([{"HRQ Status": "Completed"}, {}])  # one of the bases lacks that option
    _write(world, "LEAD_REMOVED_FROM_CAMPAIGN", lead_id, stop | hrq, reason=reason)


def _mark(world: World, lead_id: str) -> None:
    status = world.rng.choice(["Qualified", "Archive", "Review", "Manual Process"])
    stopped = {"Processing Status": "Stopped"} if status == "Manual Process" else {}
    _write(world, "LEAD_STATUS_CHANGED", lead_id, {"HRQ Status": status} | stopped)


def _claim(world: World, lead_id: str) -> None:
    email = world.rng.choice(["ann@acme.com", "cy@acme.com"])
    _write(world, "LEAD_CLAIMED", lead_id, {"Claimed By": email, "Claimed At": iso(world.now)})


def _unclaim(world: World, lead_id: str) -> None:
    _write(world, "LEAD_UNCLAIMED", lead_id, {"Claimed By": None, "Claimed At": None})


def _undo(world: World, lead_id: str) -> None:
    """Undo the last change of anybody, or be refused."""
    done = [action for action in world.actions if action.action in UNDONE and action.lead_id in world.records["leads"]]
    if done and done[-1].outcome == "done":
        _write(world, "CHANGE_UNDONE", str(done[-1].lead_id), done[-1].details["before"])
    else:
        _log(world, "CHANGE_UNDONE", lead_id, "refused")


def _be_refused(world: World, lead_id: str) -> None:
    """Leave lines in the log of which nothing came."""
    action = world.rng.choice(["NOTE_ADDED", "LEAD_CLAIMED", "LEAD_REMOVED_FROM_CAMPAIGN", "ACCESS_DENIED"])
    _log(world, action, lead_id, world.rng.choice(["denied", "failed", "pending"]))
    _log(world, "EXPORTED", None)
    _log(world, "LEAD_CLAIMED", "recNowhere0000000")


ACTS: list[Callable[[World, str], None]] = [_add_note, _remove, _mark, _claim, _unclaim, _undo, _be_refused]
GAP = timedelta(minutes=30)
"""Between actions, and before automations go on: so that it is plain which version an action caused."""
