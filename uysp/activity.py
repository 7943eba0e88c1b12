"""The activity log: who did what, and what came of it (app.activity_log, spec/interface.md).

Lines of writes have these details: `reference` (shared by all leads of one action), `before` and `after` (values by
Airtable's field name; of a note its own text alone, in `before` where it was taken out), `version` (the version of
raw.leads_history that the write caused; absent where there is none), and what was asked for: `type`, `reason`,
`status`, `undoes`, `watch`, `repairs` (docs/writes.md). Outcomes: `done`, `unchanged` (nothing had to be written),
`not_done` (overtaken or refused by what Airtable held), `failed`, `stopped` (a bulk removal ended early), `denied`,
`repaired` (a note that an edit by hand had lost, or had cost, is there again).
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic_core import to_json
from sqlalchemy import Connection, text

from uysp.spreadsheets import defused

OURSELVES = "uysp"  # who acts where no person does


class Action(StrEnum):
    """What the log knows; the names of spec/interface.md."""

    NOTE_ADDED = "NOTE_ADDED"
    LEAD_REMOVED_FROM_CAMPAIGN = "LEAD_REMOVED_FROM_CAMPAIGN"
    LEAD_STATUS_CHANGED = "LEAD_STATUS_CHANGED"
    LEAD_CLAIMED = "LEAD_CLAIMED"
    LEAD_UNCLAIMED = "LEAD_UNCLAIMED"
    CHANGE_UNDONE = "CHANGE_UNDONE"
    EXPORTED = "EXPORTED"
    ACCESS_DENIED = "ACCESS_DENIED"


@dataclass(frozen=True)
class LogLine:
    """A line of the log; times in UTC."""

    id: int
    at: datetime
    client: str | None
    actor_id: str
    actor_name: str | None
    action: str
    lead_id: str | None
    details: dict[str, Any]
    outcome: str


_APPEND = text("""
    insert into app.activity_log (client, actor_id, actor_name, action, lead_id, details, outcome)
    values (:client, :actor_id, :actor_name, :action, :lead_id, cast(:details as jsonb), :outcome)
""")


def append(
    connection: Connection,
    action: Action,
    *,
    actor_id: str,
    outcome: str,
    actor_name: str | None = None,
    client: str | None = None,
    lead_id: str | None = None,
    details: Mapping[str, object] | None = None,
) -> None:
    """Write a line; it stands once the connection's transaction does.

    Args:
        connection: under a role that may write schema `app`.
        action: what was done.
        actor_id: Slack user id, or who acted in the terminal.
        outcome: what came of it, in a word.
        actor_name: as people know the actor.
        client: key of the client concerned, if one is.
        lead_id: record id of the lead concerned, if one is.
        details: more, as JSON can hold it.
    """
    values = {
        "client": client,
        "actor_id": actor_id,
        "actor_name": actor_name,
        "action": action,
        "lead_id": lead_id,
        "details": to_json(dict(details or {})).decode(),
        "outcome": outcome,
    }
    connection.execute(_APPEND, values)


def read_log(
    connection: Connection,
    clients: Sequence[str],
    *,
    lead_id: str | None = None,
    reference: str | None = None,
    actor_id: str | None = None,
    most: int | None = 100,
    with_nobodys: bool = False,
) -> list[LogLine]:
    """Return lines of the log, newest first.

    Args:
        connection: under a role that may read schema `app`.
        clients: keys of the clients whose lines may be seen; lines without a client are left out
            unless `with_nobodys`.
        lead_id: only lines about this lead.
        reference: only lines of this action.
        actor_id: only lines of this person.
        most: lines wanted; None: all.
        with_nobodys: also lines that concern no client, such as refusals of strangers.
    """
    rows = connection.execute(
        text("""
            select id, at, client, actor_id, actor_name, action, lead_id, details, outcome from app.activity_log
            where (client = any(:clients) or :with_nobodys and client is null)
              and (cast(:lead_id as text) is null or lead_id = :lead_id)
              and (cast(:reference as text) is null or details ->> 'reference' = :reference)
              and (cast(:actor_id as text) is null or actor_id = :actor_id)
            order by at desc, id desc
            limit :most
        """),
        {
            "clients": list(clients),
            "lead_id": lead_id,
            "reference": reference,
            "actor_id": actor_id,
            "most": most,
            "with_nobodys": with_nobodys,
        },
    )
    return [LogLine(**row._mapping) for row in rows]


def as_csv(lines: Sequence[LogLine]) -> str:
    """Return lines as CSV with a header; cells that a spreadsheet would run as formulas are made text."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["id", "at", "client", "actor_id", "actor_name", "action", "lead_id", "outcome", "details"])
    for line in lines:
        details = to_json(line.details).decode()
        cells = (
            *(line.id, line.at.isoformat(), line.client, line.actor_id, line.actor_name, line.action, line.lead_id),
            *(line.outcome, details),
        )
        writer.writerow([defused(str(cell)) if cell is not None else "" for cell in cells])
    return out.getvalue()
