"""What is to be told to whom: rows that a teller takes, each once.

Whoever asked and still waits takes the result itself (`take_result`) and shows it in place. Everything else a teller
takes (`take_messages`), posts, and confirms (`told`). One that died in between may have posted: what it had taken comes
again with `again` set, so that the next one can look before it posts.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, text

from uysp.actions.queue import ALIVE_HOLDERS, LOCK_CLASS


class About(StrEnum):
    """What a message is about."""

    RESULT = "result"  # of an action, once it is finished
    REMINDER = "reminder"  # a removal that Airtable has not confirmed for two minutes
    WATCH = "watch"  # a removed lead that somebody lets be written to again
    REPAIR = "repair"  # notes that a person has to look at


@dataclass(frozen=True)
class Message:
    """A sentence for somebody.

    Attributes:
        recipient: who is to read it, as `actor_id`; None: all who administer (UYSP_ADMINS).
        again: a teller that died may have posted it.
    """

    id: int
    client: str
    lead_id: str | None
    reference: str
    about: About
    recipient: str | None
    said: str
    at: datetime
    again: bool


def put(
    connection: Connection,
    about: About,
    said: str,
    *,
    client: str,
    reference: str,
    recipient: str | None,
    at: datetime,
    lead_id: str | None = None,
    not_before: datetime | None = None,
) -> None:
    """Leave a message; it stands once the transaction does.

    Args:
        connection: under a role that may write schema `app`.
        about: what it is about.
        said: sentences for people.
        client: key of the client.
        reference: of the action.
        recipient: who is to read it; None: all who administer.
        at: the present moment.
        lead_id: the lead, where it is about one.
        not_before: until then only `take_result` may take it.
    """
    connection.execute(
        text("""
            insert into app.write_messages (client, lead_id, reference, kind, recipient, said, at, not_before)
            values (:client, :lead_id, :reference, :kind, :recipient, :said, :at, :not_before)
        """),
        {
            "client": client,
            "lead_id": lead_id,
            "reference": reference,
            "kind": about,
            "recipient": recipient,
            "said": said,
            "at": at,
            "not_before": max(at, not_before or at),
        },
    )


def take_result(connection: Connection, reference: str, now: datetime) -> str | None:
    """Take the result of an action, to be shown to whoever asked; None: there is none, or it is taken."""
    said: str | None = connection.execute(
        text("""
            update app.write_messages set told_at = :now
            where reference = :reference and kind = :result and told_at is null and holder is null
            returning said
        """),
        {"reference": reference, "result": About.RESULT, "now": now},
    ).scalar_one_or_none()
    return said


def take_messages(connection: Connection, holder: int, now: datetime, most: int = 20) -> list[Message]:
    """Take what is to be told now, oldest first; call in a transaction of its own.

    Args:
        connection: under a role that may write schema `app`.
        holder: the teller's number, of `uysp.actions.queue.holding`.
        now: the present moment.
        most: messages wanted.
    """
    rows = connection.execute(
        text(f"""
            with alive as ({ALIVE_HOLDERS}),
            waiting as (
                select id, holder is not null as again from app.write_messages
                where told_at is null and not_before <= :now
                  and (holder is null or holder not in (select holder from alive))
                order by id limit :most for update skip locked
            )
            update app.write_messages as message set holder = :holder
            from waiting where message.id = waiting.id
            returning message.id, client, lead_id, reference, kind, recipient, said, at, again
        """),
        {"class": LOCK_CLASS, "now": now, "most": most, "holder": holder},
    ).all()
    return [
        Message(
            row.id, row.client, row.lead_id, row.reference, About(row.kind), row.recipient, row.said, row.at, row.again
        )
        for row in sorted(rows, key=lambda row: row.id)
    ]


def told(connection: Connection, ids: Collection[int], now: datetime) -> None:
    """Note that messages were told; they never come again."""
    connection.execute(
        text("update app.write_messages set told_at = :now where id = any(:ids)"), {"ids": list(ids), "now": now}
    )


def give_back(connection: Connection, ids: Collection[int]) -> None:
    """Leave messages that certainly reached nobody to a later attempt."""
    connection.execute(
        text("update app.write_messages set holder = null where id = any(:ids) and told_at is null"),
        {"ids": list(ids)},
    )
