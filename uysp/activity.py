"""The activity log: who did what, and what came of it (app.activity_log, spec/interface.md)."""

from collections.abc import Mapping
from enum import StrEnum

import orjson
from sqlalchemy import Connection, text


class Action(StrEnum):
    """What the log knows; the names of spec/interface.md that something writes."""

    ACCESS_DENIED = "ACCESS_DENIED"


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
        "details": orjson.dumps(dict(details or {})).decode(),
        "outcome": outcome,
    }
    connection.execute(_APPEND, values)
