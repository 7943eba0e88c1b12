"""How a lead stands, as it was last loaded: shown before something is written to it."""

from typing import Any

from sqlalchemy import Connection, text

from uysp.actions.model import BOOKED, CLAIMED_BY, HRQ, PROCESSING, STOP, STOP_REASON, said_time


def present_state(connection: Connection, client: str, lead_id: str) -> str:
    """Return in a line how a lead stands, as it was last loaded, and when that was."""
    row = connection.execute(
        text("""
            select fields, greatest(last_synced_at, extracted_at, written_at) as seen_at
            from raw.leads left join raw.sync_state on sync_state.client = leads.client and source_table = 'leads'
            where leads.client = :client and record_id = :lead_id
        """),
        {"client": client, "lead_id": lead_id},
    ).first()
    if row is None:
        return f"{client}/{lead_id}: not loaded yet."
    fields: dict[str, Any] = row.fields
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
    return f"{name or lead_id} ({client}/{lead_id}): {', '.join(parts)} (as of {said_time(row.seen_at)})."
