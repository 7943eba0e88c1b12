"""What the watch does of its own accord: requests that nobody asked for, and sentences about what it saw."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, text

from uysp.actions import messages
from uysp.actions.messages import About
from uysp.actions.model import Kind
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
