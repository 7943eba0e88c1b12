"""Removal from a campaign: no message may follow, and it has to stay so.

Which cells stop a lead for each generation of the schedulers: research/uysp.md sections 3.3 and 5.5. A lead that an
automation has stopped keeps the automation's reason, because that tells an opt-out from a booking (spec/metrics.md
section 2).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, text

from uysp.actions.model import (
    BOOKED,
    HRQ,
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
    same,
)
from uysp.actions.text import ended, one_line
from uysp.phones import PHONE_KEY

MOST_REASON: Final = 500
MOST_BY_DEFAULT: Final = 5  # more records of one phone are a shared number
STOPPED_STATUSES: Final = frozenset(["Stopped", "Completed", "Complete"])
OPT_OUT_WORDS: Final = frozenset(["STOP", "STOPALL", "UNSUB", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT"])
MARKERS: Final = OPT_OUT_WORDS | {"BOOKED"}


def removal(client: str, lead_ids: Sequence[str], reason: str, *, is_bulk: bool = False) -> Asked:
    """Return the removal of leads from their campaigns.

    Args:
        client: key of the client.
        lead_ids: record ids: the lead, and those of the same phone that were chosen.
        reason: 1 to 500 characters.
        is_bulk: whether it is a bulk removal, which only admins may ask for (`uysp.actions.bulk`).

    Raises:
        TextError: a reason that cannot be taken.
    """
    said = one_line(reason, MOST_REASON, "The reason")
    return Asked(
        Kind.REMOVE,
        client,
        tuple(dict.fromkeys(lead_ids)),
        {"reason": _no_marker(said)},
        is_bulk=is_bulk,
        admin=is_bulk,
    )


def letters(reason: str) -> str:
    """Return what automations and marts read of a reason: its letters."""
    return "".join(each for each in reason if each.isalpha()).upper()


def plan_removal(request: Request, lead: Lead, past: Past) -> Plan:
    """Return what becomes of a removal."""
    reason, name = str(request.content["reason"]), request.lead_name
    is_stopped, status = lead.fields.get(STOP) is True, lead.text(PROCESSING)
    intent = request.intent
    said = f"{name} is removed from the campaign: {ended(reason)}"
    # An earlier attempt that got no answer is recognised by what others do not write: the reason.
    was_written = (
        request.maybe_applied
        and intent is not None
        and is_stopped
        and same(lead.fields.get(STOP_REASON), intent.cells.get(STOP_REASON, lead.fields.get(STOP_REASON)))
    )
    if is_stopped and status in STOPPED_STATUSES:
        if was_written and intent is not None:
            return Plan(State.DONE, said, before=intent.before, after=intent.cells)
        since = past.stopped_since()
        when = f" since {since}" if since else ""
        why = lead.text(STOP_REASON) or ("a booking" if lead.fields.get(BOOKED) is True else "no reason given")
        return Plan(State.UNCHANGED, f"{name} is stopped already{when} ({why}); nothing was written.")
    stopped = lead.option(PROCESSING, "Stopped")
    status_cell: Cells = {PROCESSING: stopped} if stopped else {}
    lacking = [] if stopped else ["“Processing Status” has no option 'Stopped'"]
    if is_stopped:
        if not stopped:
            return Plan(State.FAILED, f"The status of {name} was not written: {lacking[0]}. SMS Stop is checked.")
        if not was_written:
            old = lead.text(STOP_REASON)
            whose = f"so the reason written there stays: {ended(old)}" if old else "without a reason, and it stays so."
            said = f"{name} is removed from the campaign. SMS Stop was checked before, {whose} Yours was not written."
        before = lead.present(status_cell) | (intent.before if was_written and intent else {})
        after = status_cell | (intent.cells if was_written and intent else {})
        return Plan(State.DONE, said, status_cell, before, after)
    cells: Cells = status_cell | {STOP: True}
    if STOP_REASON in lead.names:
        cells[STOP_REASON] = reason
    else:
        lacking.append("there is no field “SMS Stop Reason”")
    completed = lead.option(HRQ, "Completed")
    if completed:
        cells[HRQ] = completed
    else:
        lacking.append("“HRQ Status” has no option 'Completed'")
    told = f" In this base {' and '.join(lacking)}, so that was left out." if lacking else ""
    return Plan(State.DONE, said + told, cells, lead.present(cells))


def plan_restop(request: Request, lead: Lead) -> Plan:
    """Return how a removed lead is stopped once more, whose status somebody wrote over."""
    stopped = lead.option(PROCESSING, "Stopped")
    if lead.fields.get(STOP) is not True or lead.text(PROCESSING) in STOPPED_STATUSES or stopped is None:
        return Plan(State.UNCHANGED, f"{request.lead_name} needed nothing.")
    cells: Cells = {PROCESSING: stopped}
    return Plan(State.DONE, f"{request.lead_name} is stopped once more.", cells, lead.present(cells))


def may_be_unstopped(lead: Lead, restored_reason: object) -> bool:
    """Return whether SMS Stop may be unchecked again: not after an opt-out, and not for who has booked."""
    reasons = (lead.text(STOP_REASON), restored_reason if isinstance(restored_reason, str) else "")
    return lead.fields.get(BOOKED) is not True and not any(letters(reason) in OPT_OUT_WORDS for reason in reasons)


@dataclass(frozen=True)
class SamePhone:
    """Another record with a lead's phone, that is not stopped.

    Attributes:
        chosen: whether it is removed too unless the person says otherwise.
    """

    client: str
    lead_id: str
    name: str
    processing_status: str | None
    campaign: str | None
    chosen: bool


# What people call a lead (spec/metrics.md section 2), of a row of raw.leads; in Python `uysp.actions.requests._name`.
LEAD_NAME = """
    coalesce(
        nullif(btrim(concat_ws(' ', nullif(btrim({row}.fields ->> 'First Name'), ''),
                               nullif(btrim({row}.fields ->> 'Last Name'), ''))), ''),
        nullif(btrim({row}.fields ->> 'Lead'), ''), nullif(btrim({row}.fields ->> 'Email'), ''), {row}.record_id
    )
"""
_IS_STOPPED = """
    (coalesce({row}.fields -> 'SMS Stop' = 'true', false)
     and coalesce(btrim({row}.fields ->> 'Processing Status'), '') in ('Stopped', 'Completed', 'Complete'))
"""
_KEYED = f"""
    select client, record_id, fields, {PHONE_KEY} as phone from raw.leads
    where client = :client and deleted_at is null
"""


def same_phone(connection: Connection, client: str, lead_id: str) -> list[SamePhone]:
    """Return the other records with the lead's phone (ten digits or more) that are not stopped, by name.

    Chosen by default: all of the same last name, unless there are more than five.
    """
    rows = connection.execute(
        text(f"""
            with keyed as materialized ({_KEYED})
            select other.record_id, {LEAD_NAME.format(row="other")} collate "C" as name,
                   other.fields ->> 'Processing Status' as status,
                   other.fields ->> 'Campaign (CORRECTED)' as campaign,
                   lower(btrim(coalesce(other.fields ->> 'Last Name', '')))
                       = lower(btrim(coalesce(lead.fields ->> 'Last Name', ''))) as is_namesake
            from keyed as lead
            join keyed as other using (phone)
            where lead.record_id = :lead_id and other.record_id <> :lead_id and not {_IS_STOPPED.format(row="other")}
            order by name, other.record_id
        """),
        {"client": client, "lead_id": lead_id},
    ).all()
    few = len(rows) <= MOST_BY_DEFAULT
    return [
        SamePhone(client, row.record_id, row.name, row.status, row.campaign, chosen=few and row.is_namesake)
        for row in rows
    ]


def same_phone_as(connection: Connection, client: str, lead_ids: Sequence[str]) -> list[str]:
    """Return all other records with a phone of these leads that are not stopped, by record id."""
    return list(
        connection.execute(
            text(f"""
                with keyed as materialized ({_KEYED})
                select record_id from keyed as other
                where phone in (select phone from keyed where record_id = any(:lead_ids))
                  and not record_id = any(:lead_ids) and not {_IS_STOPPED.format(row="other")}
                order by record_id
            """),
            {"client": client, "lead_ids": list(lead_ids)},
        ).scalars()
    )


def _no_marker(reason: str) -> str:
    """Return the reason, changed if an automation or a mart would take it for a marker of its own."""
    return f"Removed: {reason}" if letters(reason) in MARKERS else reason
