"""Read your own writes: what was written a moment ago, for answers whose marts were built before it.

What Airtable answered a write with is in raw at once; the marts follow with their next build. Until then an answer lays
these values over its rows and marks them "just now". They are what was written, nothing is computed from them: counts
and causes wait for the marts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, text

from uysp.actions.model import (
    CLAIMED_AT,
    CLAIMED_BY,
    HRQ,
    HRQ_REASON,
    NOTES,
    PROCESSING,
    STOP,
    STOP_REASON,
    State,
)

COLUMNS: Final = {
    NOTES: "notes",
    STOP: "sms_stopped",
    STOP_REASON: "stop_reason",
    PROCESSING: "processing_status",
    HRQ: "hrq_status",
    HRQ_REASON: "hrq_reason",
    CLAIMED_BY: "claimed_by",
    CLAIMED_AT: "claimed_at",
}


@dataclass(frozen=True)
class Overlay:
    """What was written to a lead since its row in the marts was built.

    Attributes:
        values: by column of marts.leads (and `hrq_reason`, which has none): as Airtable holds them now.
        written_at: when the latest of them was confirmed.
        references: of the actions, oldest first.
    """

    values: dict[str, Any]
    written_at: datetime
    references: tuple[str, ...]


def pending_overlay(connection: Connection, client: str, lead_ids: Sequence[str]) -> dict[str, Overlay]:
    """Return, by record id, what to lay over the rows of these leads in an answer; those without anything are absent.

    Only columns that a confirmed write of the last day wrote, only while marts.leads shows an older version of the
    record than raw has, and with the values that raw has now: a later change by somebody else shows too. `notes` is
    the whole text. Requests that Airtable has not confirmed are not in it; `requests.own_requests` tells of them.

    Args:
        connection: the answer's own, so that both come from one snapshot; as the bot, with the marts built.
        client: key of the client.
        lead_ids: record ids, as many as the answer shows.
    """
    rows = connection.execute(
        text("""
            select request.lead_id, request.reference, request.finished_at, request.after, current.fields
            from app.write_requests as request
            join raw.leads as current on current.client = request.client and current.record_id = request.lead_id
            left join marts.leads as built on built.client = request.client and built.lead_id = request.lead_id
            where request.client = :client and request.lead_id = any(:lead_ids) and request.state = :done
              and request.finished_at > now() - interval '1 day'
              and (built.modified_at is null or built.modified_at < current.modified_at)
            order by request.finished_at, request.id
        """),
        {"client": client, "lead_ids": list(lead_ids), "done": State.DONE},
    ).all()
    overlays: dict[str, Overlay] = {}
    for row in rows:
        values = {COLUMNS[name]: _value(name, row.fields) for name in row.after if name in COLUMNS}
        known = overlays.get(row.lead_id)
        references = (*(known.references if known else ()), row.reference)
        merged = (known.values if known else {}) | values
        overlays[row.lead_id] = Overlay(merged, row.finished_at, tuple(dict.fromkeys(references)))
    return overlays


def _value(name: str, fields: dict[str, Any]) -> Any:
    """Return a cell as the marts' column has it: a checkbox is never NULL, a time is one."""
    value = fields.get(name)
    if name == STOP:
        return value is True
    if name == CLAIMED_AT and isinstance(value, str):
        return datetime.fromisoformat(value)
    if name == PROCESSING and value == "Complete":
        return "Completed"
    return value
