"""Read your own writes: what was written to leads a moment ago, laid over their rows until the marts have it."""

from collections.abc import Sequence
from dataclasses import fields, replace
from itertools import groupby
from typing import TYPE_CHECKING, Protocol, TypeVar

from sqlalchemy import Connection, text

from slackbot.answers.wording import short
from uysp.actions.overlay import Overlay, pending_overlay

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    class SomeLead(DataclassInstance, Protocol):
        """Columns of marts.leads, these three among them."""

        @property
        def client(self) -> str:
            """Return the key of the client."""

        @property
        def lead_id(self) -> str:
            """Return the record id."""

        @property
        def name(self) -> str:
            """Return what people call the lead."""


Row = TypeVar("Row", bound="SomeLead")


MOST_NAMED = 5  # leads; more are counted
_FOLLOW = "Numbers follow with the next build of the marts."


def with_own_writes(connection: Connection, leads: Sequence[Row]) -> tuple[list[Row], tuple[str, ...]]:
    """Return the leads with what was written to them just now, and what to say of that."""
    columns = frozenset(each.name for lead in leads[:1] for each in fields(lead))
    overlays: dict[tuple[str, str], Overlay] = {}
    for client, rows in groupby(sorted(leads, key=lambda lead: lead.client), lambda lead: lead.client):
        found = pending_overlay(connection, client, [lead.lead_id for lead in rows])
        overlays |= {(client, lead_id): overlay for lead_id, overlay in found.items()}
    notes: list[str] = []
    laid: list[Row] = []
    for lead in leads:
        overlay = overlays.get((lead.client, lead.lead_id))
        values = {name: value for name, value in overlay.values.items() if name in columns} if overlay else {}
        laid.append(replace(lead, **values))
        if values:
            words = ", ".join(name.replace("_", " ").replace("sms ", "SMS ").replace("hrq", "HRQ") for name in values)
            notes.append(f"Written just now to {short(lead.name)}: {words}. {_FOLLOW}")
    if len(notes) > MOST_NAMED:
        notes = [f"Written just now to {len(notes):,} of these leads. {_FOLLOW}"]
    return laid, tuple(notes)


def still_pending(connection: Connection, client: str, lead_id: str) -> str:
    """Say what was asked for of a lead and Airtable has not confirmed; '' where nothing was."""
    asked = connection.execute(
        text("""
            select kind, content ->> 'status' as status, reference from app.write_requests
            where client = :client and lead_id = :lead_id and state = 'pending' and kind = any(:kinds)
            order by id
        """),
        {"client": client, "lead_id": lead_id, "kinds": list(_ASKED)},
    ).all()
    said = (
        f"{_ASKED[row.kind].format(status=row.status)}, {'NOT stopped' if row.kind == 'remove' else 'not done'} yet "
        f"({row.reference})"
        for row in asked
    )
    return f" Asked for: {'; '.join(said)}." if asked else ""


_ASKED = {
    "note": "a note",
    "remove": "removal",
    "mark": "status {status}",
    "claim": "a claim",
    "unclaim": "the end of a claim",
    "undo": "an undoing",
}
