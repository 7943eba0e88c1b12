"""How a lead stands, as it was last loaded: shown before something is written to it."""

from typing import Any

from sqlalchemy import Connection, text

from uysp.actions.model import BOOKED, CLAIMED_BY, HRQ, PROCESSING, STOP, STOP_REASON


def present_state(connection: Connection, client: str, lead_id: str) -> str:
    """Return in a line how a lead stands, as it was last loaded."""
    fields: dict[str, Any] | None = connection.execute(
        text("select fields from raw.leads where client = :client and record_id = :lead_id"),
        {"client": client, "lead_id": lead_id},
    ).scalar_one_or_none()
    if fields is None:
        return f"{client}/{lead_id}: not loaded yet."
    stopped = fields.get(STOP_REASON) or "no reason" if fields.get(STOP) is True else None
    name = " ".join(str(fields.get(each) or "") for each in ("First Name", "Last Name")).strip() or fields.get("Lead")
    parts = [
        str(fields.get(PROCESSING) or "no status"),
        f"campaign {fields.get('Campaign (CORRECTED)') or 'none'}",
        f"stopped ({stopped})" if stopped else "not stopped",
        *(["booked"] if fields.get(BOOKED) is True else []),
        *([f"marked {fields[HRQ]}"] if fields.get(HRQ) else []),
        *([f"claimed by {fields[CLAIMED_BY]}"] if fields.get(CLAIMED_BY) else []),
    ]
    return f"{name or lead_id} ({client}/{lead_id}): {', '.join(parts)}."
