"""How an action stands, in sentences for people: of each record where they are few, in counts where they are many."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, text

from uysp.actions.model import Kind, State
from uysp.settings import Client, Settings

SEVERITY = (State.PENDING, State.FAILED, State.NOT_DONE, State.STOPPED, State.DONE, State.UNCHANGED)


@dataclass(frozen=True)
class Result:
    """How an action stands for one lead.

    Attributes:
        said: what came of it; None while it is pending.
        problem: why the latest attempt did not succeed, while it is pending.
    """

    lead_id: str
    lead_name: str
    state: State
    said: str | None
    problem: str | None


def record_url(connection: Connection, client: Client, lead_id: str) -> str:
    """Return the address of a lead's record in Airtable."""
    table_id: str | None = connection.execute(
        text("select table_id from raw.airtable_tables where client = :client and source_table = 'leads'"),
        {"client": client.key},
    ).scalar_one_or_none()
    return "/".join(["https://airtable.com", client.base_id, *([table_id] if table_id else []), lead_id])


def finished_sentence(results: Sequence[Result], row: Any) -> str:
    """Return what came of an action: of a few leads each, of many their counts."""
    if not row.is_bulk:
        by_sentence: dict[str, list[str]] = {}
        for result in results:
            by_sentence.setdefault(result.said or "", []).append(result.lead_id)
        if len(results) == 1:
            return next(iter(by_sentence))
        # Records of one phone often have one name, too.
        each = (f"{' and '.join(lead_ids)}: {said}" for said, lead_ids in by_sentence.items())
        return f"{len(results):,} records. {' '.join(each)}"
    counts = {state: sum(result.state is state for result in results) for state in SEVERITY}
    words = {
        State.DONE: "removed",
        State.UNCHANGED: "stopped before",
        State.NOT_DONE: "not done",
        State.FAILED: "failed",
        State.STOPPED: "left out, because it was stopped",
    }
    parts = [f"{counts[state]:,} {word}" for state, word in words.items() if counts[state]]
    return f"Bulk removal of {len(results):,} leads: {', '.join(parts)}."


def pending_sentence(connection: Connection, settings: Settings, rows: Sequence[Any]) -> str:
    """Return what to tell of an action that Airtable has not confirmed yet."""
    waiting = [row for row in rows if row.state == State.PENDING]
    first = waiting[0]
    if first.is_bulk:
        return f"Bulk removal: {len(rows) - len(waiting):,} of {len(rows):,} leads are finished."
    names = ", ".join(row.lead_name if len(rows) == 1 else f"{row.lead_name} ({row.lead_id})" for row in waiting)
    if first.kind == Kind.REMOVE:
        client = next((each for each in settings.clients if each.key == first.client), None)
        links = " and ".join(record_url(connection, client, row.lead_id) for row in waiting) if client else "the record"
        return (
            f"NOT stopped yet: {names}. Airtable has not confirmed, and it is tried until it has; to be sure at once, "
            f"open {links} and tick SMS Stop by hand.{_finished(rows)}"
        )
    what = {Kind.NOTE: "note on", Kind.MARK: "status of", Kind.UNDO: "undoing for"}.get(Kind(first.kind), "change of")
    return f"Kept, and not in Airtable yet: your {what} {names}. You need not repeat it."


def _finished(rows: Sequence[Any]) -> str:
    """Return what came of the records of an action that are finished, while others are not."""
    said = "".join(f" {row.lead_id}: {row.said}" for row in rows if row.state != State.PENDING)
    return f" Finished:{said}" if said else ""
