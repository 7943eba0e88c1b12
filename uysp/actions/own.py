"""What the watch does of its own accord: requests that nobody asked for, and sentences about what it saw."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, text

from uysp.actions import messages
from uysp.actions.messages import About
from uysp.actions.model import STOP, Kind, Request, said_time
from uysp.activity import OURSELVES
from uysp.errors import reference_id


def tell(connection: Connection, about: About, said: str, request: Any, now: datetime, *recipients: str | None) -> None:
    """Leave a message about a request's lead for each of these people, None for who administers."""
    for recipient in dict.fromkeys(recipients):
        messages.put(
            connection,
            about,
            said,
            client=request.client,
            reference=request.reference,
            recipient=recipient,
            at=now,
            lead_id=request.lead_id,
        )


def tell_undone(connection: Connection, undoing: Request, now: datetime) -> None:
    """Tell who removed a lead that somebody else undid the removal."""
    removal = connection.execute(
        text("""
            select * from app.write_requests where id = :id and kind = :remove and actor_id <> :undoer
        """),
        {"id": undoing.content["targets"][undoing.lead_id], "remove": Kind.REMOVE, "undoer": undoing.actor_id},
    ).first()
    if removal is None:
        return
    opened = STOP in removal.after and removal.before.get(STOP) is not True
    so = "SMS Stop is no longer checked and the lead can be written to again" if opened else "SMS Stop stays as it was"
    said = (
        f"{undoing.actor_name} undid your removal of {removal.lead_name} of {said_time(removal.finished_at)}: {so}. "
        f"Remove the lead again if that is not right. Reference {undoing.reference}."
    )
    tell(connection, About.WATCH, said, removal, now, removal.actor_id, *of_terminal(removal))


def of_terminal(request: Any) -> tuple[None, ...]:
    """Return who else is told of a request's lead: admins, where it was asked for in the terminal.

    Who works there need not be known to Slack, and then nobody would hear of it.
    """
    return (None,) if request.origin == "terminal" else ()


def store_own(
    connection: Connection, kind: Kind, about: Any, content: Mapping[str, Any], key: str, now: datetime
) -> None:
    """Store a request of our own on a lead, once."""
    connection.execute(
        text("""
            insert into app.write_requests (
                reference, key, client, lead_id, lead_name, kind, content, origin, actor_id, actor_name,
                requested_at, answer_until, next_attempt_at
            ) values (
                :reference, :key, :client, :lead_id, :lead_name, :kind, cast(:content as jsonb), 'watch', :ourselves,
                :ourselves, :now, :now, :now
            ) on conflict (key, lead_id) do nothing
        """),
        {
            "reference": reference_id(),
            "key": key,
            "client": about.client,
            "lead_id": about.lead_id,
            "lead_name": about.lead_name,
            "kind": kind,
            "content": orjson.dumps(dict(content)).decode(),
            "ourselves": OURSELVES,
            "now": now,
        },
    )
