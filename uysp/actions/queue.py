"""The queue: who may carry out which request now, across threads and processes, and how it ends.

One writer for each record: whoever takes a request marks it with the number of an advisory lock that it holds for as
long as it lives, so that a writer that dies leaves its requests to others at once. Before something is sent, the cells
are stored; a dead writer's request that may be under way to Airtable rests until that cannot be any more.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from uysp.actions.model import Cells, Intent, Kind, Plan, Request, State
from uysp.airtable.model import WRITE_SIZE
from uysp.errors import UyspError
from uysp.storable import storable

MOST_NOTES = 20  # of one lead, written together
LOCK_CLASS = 0x75797370  # 'uysp': of the advisory locks by which writers are known to live


class LostError(UyspError):
    """Another writer took the request over, because this one seemed to be dead; nothing was sent."""


@dataclass(frozen=True)
class Unit:
    """Requests that are carried out together: some notes of one lead, some leads of one removal, an undoing, or one."""

    requests: tuple[Request, ...]

    @property
    def kind(self) -> Kind:
        """What they all are."""
        return self.requests[0].kind

    @property
    def ids(self) -> list[int]:
        """Ids of the requests."""
        return [request.id for request in self.requests]

    @property
    def lead_ids(self) -> list[str]:
        """Record ids of the leads, each once."""
        return list(dict.fromkeys(request.lead_id for request in self.requests))


@contextmanager
def holding(engine: Engine) -> Iterator[int]:
    """Be a writer that others see alive until the block ends or the process does; yields its number."""
    connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
    connection.detach()
    with connection:
        holder: int = connection.execute(text("select nextval('app.write_holders')::int")).scalar_one()
        connection.execute(text("select pg_advisory_lock(:class, :holder)"), {"class": LOCK_CLASS, "holder": holder})
        try:
            yield holder
        finally:
            with suppress(DBAPIError):
                connection.execute(
                    text("select pg_advisory_unlock(:class, :holder)"), {"class": LOCK_CLASS, "holder": holder}
                )


# Numbers of the writers (and tellers) that live.
ALIVE_HOLDERS = """
    select objid::int as holder from pg_locks
    where locktype = 'advisory' and classid::bigint = :class and objsubid = 2 and granted
      and database = (select oid from pg_database where datname = current_database())
"""
_OPEN = f"""
    with alive as materialized ({ALIVE_HOLDERS}),
    pending as (
        select request.id, reference, client, lead_id, kind, is_bulk, maybe_applied, next_attempt_at,
               alive.holder is not null as is_held,
               request.holder is not null and alive.holder is null and maybe_applied and sent_at > :still_under_way
                   as is_resting
        from app.write_requests as request left join alive using (holder)
        where state = 'pending' and client = any(:clients)
    ),
    queued as (
        select *,
               -- What may be written already is settled first; then people's, then bulk removals, in their order.
               row_number() over lead_queue as place,
               bool_or(is_held or is_resting) over (partition by client, lead_id) as is_busy
        from pending
        window lead_queue as (partition by client, lead_id order by maybe_applied desc, is_bulk, id)
    )
"""


def take(
    connection: Connection,
    holder: int,
    clients: Collection[str],
    now: datetime,
    in_flight: timedelta,
    only: Collection[str] | None = None,
) -> Unit | None:
    """Take what is to be carried out next, and mark it ours; call in a transaction of its own.

    Args:
        connection: under a role that may write schema `app`.
        holder: our number, of `holding`.
        clients: keys of the clients to work for.
        now: the present moment.
        in_flight: how long what a dead writer sent may be under way.
        only: record ids of the only leads wanted.

    Raises:
        LostError: the connection that shows us alive is gone.
    """
    if not _anything_due(connection, clients, now):
        return None  # as nearly always: whoever is idle asks every second
    connection.execute(text("select pg_advisory_xact_lock(hashtext('uysp take write'))"))
    is_alive: bool = connection.execute(
        text(f"select cast(:holder as integer) in ({ALIVE_HOLDERS})"), {"class": LOCK_CLASS, "holder": holder}
    ).scalar_one()
    if not is_alive:
        raise LostError("The database let go of this writer; it begins anew.")
    values: dict[str, object] = {
        "class": LOCK_CLASS,
        "clients": list(clients),
        "now": now,
        "still_under_way": now - in_flight,
        "only": None if only is None else list(only),
    }
    first = connection.execute(
        text(f"""
            {_OPEN}
            select * from queued
            where place = 1 and not is_busy and next_attempt_at <= :now
              and (cast(:only as text[]) is null or lead_id = any(:only))
              -- Undone all or nothing, so every lead of it has to be free.
              and (kind <> 'undo' or not exists (
                  select from queued as part
                  where part.reference = queued.reference and (part.place > 1 or part.is_busy)
              ))
            order by is_bulk, id limit 1
        """),
        values,
    ).first()
    if first is None:
        return None
    together = _together(connection, first, values)
    rows = connection.execute(
        text("""
            update app.write_requests set holder = :holder where id = any(:ids) returning *
        """),
        {"holder": holder, "ids": together},
    ).all()
    return Unit(tuple(_request(row) for row in sorted(rows, key=lambda row: row.id)))


def _anything_due(connection: Connection, clients: Collection[str], now: datetime) -> bool:
    is_due: bool = connection.execute(
        text("""
            select exists (
                select from app.write_requests
                where state = 'pending' and client = any(cast(:clients as text[])) and next_attempt_at <= :now
            )
        """),
        {"clients": list(clients), "now": now},
    ).scalar_one()
    return is_due


def _together(connection: Connection, first: Any, values: dict[str, object]) -> list[int]:
    """Return the ids of the requests that are carried out with this one, itself included."""
    if first.kind == Kind.NOTE:
        where = """
            client = :client and lead_id = :lead_id and kind = 'note'
            and place < coalesce((
                select min(place) from queued as other
                where other.client = :client and other.lead_id = :lead_id and other.kind <> 'note'
            ), 1000000)
            order by place limit :most
        """
        most = MOST_NOTES
    elif first.kind in {Kind.REMOVE, Kind.UNDO}:
        where = "reference = :reference and place = 1 and not is_busy order by id <> :id, id limit :most"
        most = WRITE_SIZE
    else:
        return [first.id]
    found = connection.execute(
        text(f"{_OPEN} select id from queued where {where}"),
        values
        | {
            "client": first.client,
            "lead_id": first.lead_id,
            "reference": first.reference,
            "id": first.id,
            "most": most,
        },
    )
    return list(found.scalars())


def note_sending(connection: Connection, holder: int, intents: dict[int, Intent], now: datetime) -> None:
    """Note what is about to be sent; from here on it may have happened. Call in a transaction of its own.

    Raises:
        LostError: the requests are no longer ours.
    """
    noted = connection.execute(
        text("""
            update app.write_requests as request set
                intent = intents.intent, sent_at = :now, maybe_applied = true, attempts = attempts + 1
            from jsonb_to_recordset(cast(:intents as jsonb)) as intents (id bigint, intent jsonb)
            where request.id = intents.id and request.holder = :holder and state = 'pending'
        """),
        {
            "holder": holder,
            "now": now,
            "intents": orjson.dumps(
                [
                    {"id": number, "intent": storable({"cells": intent.cells, "before": intent.before})}
                    for number, intent in intents.items()
                ]
            ).decode(),
        },
    ).rowcount
    if noted != len(intents):
        raise LostError("Another process carries this request out; nothing was sent by this one.")


def put_back(
    connection: Connection,
    holder: int,
    requests: Sequence[Request],
    problem: str,
    next_attempt_at: datetime,
    *,
    applied: bool,
) -> None:
    """Leave requests to a later attempt.

    Args:
        connection: in a transaction.
        holder: our number.
        requests: those that were taken.
        problem: why, for people.
        next_attempt_at: when.
        applied: whether what was sent now may have happened; else each is as it was when it was taken.
    """
    for request in requests:
        connection.execute(
            text("""
                update app.write_requests set
                    holder = null, problem = :problem, next_attempt_at = :next_attempt_at,
                    maybe_applied = case when :applied then maybe_applied else :was_applied end,
                    intent = case when :applied then intent else cast(:intent as jsonb) end,
                    attempts = greatest(attempts, :attempts)
                where id = :id and holder = :holder and state = 'pending'
            """),
            {
                "id": request.id,
                "holder": holder,
                "problem": problem,
                "next_attempt_at": next_attempt_at,
                "applied": applied,
                "was_applied": request.maybe_applied,
                "intent": _intent_json(request.intent),
                "attempts": request.attempts + 1,
            },
        )


def end(connection: Connection, request: Request, plan: Plan, now: datetime, version: int | None) -> bool:
    """Write a request's end; returns whether it was still open."""
    is_watched = request.kind is Kind.REMOVE and plan.state in {State.DONE, State.UNCHANGED}
    written = plan.state is State.DONE
    ended = connection.execute(
        text("""
            update app.write_requests set
                state = :state, said = :said, problem = null, holder = null, maybe_applied = false,
                before = cast(:before as jsonb), after = cast(:after as jsonb), version = :version, finished_at = :now,
                watched_version = case when :is_watched then cast(:version as integer) end,
                watch_until = case when :is_watched then cast(:now as timestamptz) + interval '24 hours' end
            where id = :id and state = 'pending'
        """),
        {
            "id": request.id,
            "state": plan.state,
            "said": plan.said,
            "before": _json(plan.replaced if written else {}),
            "after": _json(plan.written if written else {}),
            "version": version,
            "now": now,
            "is_watched": is_watched,
        },
    )
    return ended.rowcount == 1


def _request(row: Any) -> Request:
    intent = None if row.intent is None else Intent(row.intent["cells"], row.intent["before"])
    return Request(
        id=row.id,
        reference=row.reference,
        client=row.client,
        lead_id=row.lead_id,
        lead_name=row.lead_name,
        kind=Kind(row.kind),
        content=row.content,
        origin=row.origin,
        is_bulk=row.is_bulk,
        actor_id=row.actor_id,
        actor_name=row.actor_name,
        actor_email=row.actor_email,
        may_override=row.may_override,
        seen=row.seen,
        requested_at=row.requested_at,
        attempts=row.attempts,
        intent=intent,
        maybe_applied=row.maybe_applied,
    )


def _json(cells: Cells) -> str:
    return orjson.dumps(storable(cells)).decode()


def _intent_json(intent: Intent | None) -> str | None:
    return None if intent is None else _json({"cells": intent.cells, "before": intent.before})
