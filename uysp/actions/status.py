"""Status and claim: `HRQ Status` of a lead, and whose it is.

What is written late is written only if its cells still hold what the person saw: unlike a note or a removal, a status
of yesterday may undo what somebody decided since.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from uysp.actions.model import (
    CLAIMED_AT,
    CLAIMED_BY,
    HRQ,
    HRQ_REASON,
    PROCESSING,
    Asked,
    Cells,
    Kind,
    Lead,
    Past,
    Plan,
    Request,
    State,
    said_time,
    same,
    wire_time,
)
from uysp.actions.text import TextError, one_line

STATUSES: Final = ("Qualified", "Archive", "Review", "Manual Process")
MOST_REASON: Final = 500
LATE: Final = timedelta(seconds=30)


def mark(client: str, lead_id: str, status: str, reason: str | None = None) -> Asked:
    """Return a status to be given to a lead.

    Args:
        client: key of the client.
        lead_id: record id.
        status: one of STATUSES, in any case.
        reason: at most 500 characters.

    Raises:
        TextError: no such status, or a reason that cannot be taken.
    """
    typed = " ".join(status.split()).casefold()
    known = next((each for each in STATUSES if each.casefold() == typed), None)
    if known is None:
        raise TextError(f"There is no status {status[:40]!r}; use {', '.join(STATUSES)}. Nothing was stored.")
    content = {"status": known}
    if reason is not None and reason.strip():
        content["reason"] = one_line(reason, MOST_REASON, "The reason")
    return Asked(Kind.MARK, client, (lead_id,), content)


def claim(client: str, lead_id: str, *, override: bool = False) -> Asked:
    """Return a claim of a lead; `override` takes it from whoever holds it, which only admins may."""
    return Asked(Kind.CLAIM, client, (lead_id,), {}, override=override)


def unclaim(client: str, lead_id: str, *, override: bool = False) -> Asked:
    """Return the end of a claim; `override` ends another person's, which only admins may."""
    return Asked(Kind.UNCLAIM, client, (lead_id,), {}, override=override)


def plan_mark(request: Request, lead: Lead, past: Past, now: datetime) -> Plan:
    """Return what becomes of a status."""
    status, name = str(request.content["status"]), request.lead_name
    option = lead.option(HRQ, status)
    if option is None:
        return Plan(State.FAILED, f"{name} was not marked: “HRQ Status” of the base has no option {status!r}.")
    cells: Cells = {HRQ: option}
    said = f"{name} is marked {status}."
    if "reason" in request.content:
        if HRQ_REASON in lead.names:
            cells[HRQ_REASON] = request.content["reason"]
        else:
            said += " The base has no field “HRQ Reason”, so the reason is in our log alone."
    if status == "Manual Process":
        stopped = lead.option(PROCESSING, "Stopped")
        if stopped is None:
            return Plan(State.FAILED, f"{name} was not marked: “Processing Status” has no option 'Stopped'.")
        cells[PROCESSING] = stopped
    return _planned(request, lead, past, now, cells, said)


def plan_claim(request: Request, lead: Lead, past: Past, now: datetime) -> Plan:
    """Return what becomes of a claim."""
    lacking = _lacking(lead)
    if lacking:
        return Plan(State.FAILED, f"{request.lead_name} was not claimed: {lacking}")
    cells: Cells = {CLAIMED_BY: request.actor_email, CLAIMED_AT: wire_time(request.requested_at)}
    if _was_written(request, lead):
        return _done(request, f"{request.lead_name} is yours.")
    holder = lead.text(CLAIMED_BY)
    if holder.casefold() == (request.actor_email or "").casefold():
        return Plan(State.UNCHANGED, f"{request.lead_name} is yours already{_since(lead)}.")
    late = _overtaken(request, lead, past, now, cells)
    if late is not None:
        return late
    if holder and not request.may_override:
        return Plan(State.NOT_DONE, f"{request.lead_name} is claimed by {holder}{_since(lead)}; nothing was written.")
    return Plan(State.DONE, f"{request.lead_name} is yours.", cells, lead.present(cells))


def plan_unclaim(request: Request, lead: Lead, past: Past, now: datetime) -> Plan:
    """Return what becomes of the end of a claim."""
    lacking = _lacking(lead)
    if lacking:
        return Plan(State.FAILED, f"{request.lead_name} was not unclaimed: {lacking}")
    cells: Cells = {CLAIMED_BY: None, CLAIMED_AT: None}
    if _was_written(request, lead):
        return _done(request, f"{request.lead_name} is nobody's now.")
    holder = lead.text(CLAIMED_BY)
    if not holder and lead.holds(cells):
        return Plan(State.UNCHANGED, f"{request.lead_name} is nobody's already.")
    late = _overtaken(request, lead, past, now, cells)
    if late is not None:
        return late
    if holder.casefold() not in {"", (request.actor_email or "").casefold()} and not request.may_override:
        return Plan(State.NOT_DONE, f"{request.lead_name} is claimed by {holder}{_since(lead)}; nothing was written.")
    return Plan(State.DONE, f"{request.lead_name} is nobody's now.", cells, lead.present(cells))


def _planned(request: Request, lead: Lead, past: Past, now: datetime, cells: Cells, said: str) -> Plan:
    if _was_written(request, lead):
        return _done(request, said)
    if lead.holds(cells):
        return Plan(State.UNCHANGED, f"{said.partition('. ')[0].removesuffix('.')} already.")
    return _overtaken(request, lead, past, now, cells) or Plan(State.DONE, said, cells, lead.present(cells))


def _was_written(request: Request, lead: Lead) -> bool:
    return request.maybe_applied and request.intent is not None and lead.holds(request.intent.cells)


def _done(request: Request, said: str) -> Plan:
    """Return the plan of a request that an earlier attempt has carried out."""
    assert request.intent is not None  # noqa: S101 (it was just compared)
    return Plan(State.DONE, said, before=request.intent.before, after=request.intent.cells)


def _overtaken(request: Request, lead: Lead, past: Past, now: datetime, cells: Mapping[str, object]) -> Plan | None:
    """Return the end of a late request whose cells no longer hold what the person saw."""
    is_late = request.attempts > 0 or now - request.requested_at >= LATE
    if not is_late or request.seen is None:
        return None
    changed = {name: lead.fields.get(name) for name in cells if not same(request.seen.get(name), lead.fields.get(name))}
    if not changed:
        return None
    shown = ", ".join(f"{name} is {value!r}" if value else f"{name} is empty" for name, value in changed.items())
    by = past.author(changed, request.requested_at)
    return Plan(State.NOT_DONE, f"Not done for {request.lead_name}: changed {by} ({shown} now). Nothing was written.")


def _lacking(lead: Lead) -> str:
    missing = [name for name in (CLAIMED_BY, CLAIMED_AT) if name not in lead.names]
    return f"the base has no field {' and none '.join(f'“{name}”' for name in missing)}." if missing else ""


def _since(lead: Lead) -> str:
    value = lead.fields.get(CLAIMED_AT)
    try:
        return f" since {said_time(datetime.fromisoformat(str(value)))}" if value else ""
    except ValueError:
        return ""
