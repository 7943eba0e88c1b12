"""Requests: stored before anything is sent, once for each idempotency key, and read by whoever asks how they stand.

What is stored is carried out by a `uysp.actions.worker.Worker`, in this process or another, now or after a restart.
"""

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, text

from uysp.actions import messages
from uysp.actions.locks import lock
from uysp.actions.messages import About
from uysp.actions.model import WRITTEN_FIELDS, Asked, Kind, State
from uysp.actions.notes import first_line
from uysp.actions.rights import DeniedError, Person, check_pace, check_writer, log_denial
from uysp.actions.sentences import SEVERITY, Result, finished_sentence, pending_sentence
from uysp.errors import ConfigurationError, UyspError, reference_id
from uysp.settings import Settings

ANSWER_SECONDS = 10  # so long whoever asked may show the result in place; later it is a message
POLL_SECONDS = 0.05
ASKED_BY_PEOPLE = ("slack", "terminal")  # origins that count against a person's limit, and get an answer

Now = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Receipt:
    """How an action stands, for the person who asked.

    Attributes:
        reference: to ask for it again.
        state: of all its leads together: the worst.
        said: sentences for the person.
        is_new: whether this call stored it; else it was there already, under the same key.
    """

    reference: str
    client: str
    kind: Kind
    state: State
    said: str
    requested_at: datetime
    results: tuple[Result, ...]
    is_bulk: bool = False
    is_new: bool = False

    @property
    def is_pending(self) -> bool:
        """Whether Airtable has not confirmed yet."""
        return self.state is State.PENDING

    @property
    def is_well(self) -> bool:
        """Whether Airtable holds now what was asked for."""
        return self.state in {State.DONE, State.UNCHANGED}


def submit(
    engine: Engine,
    settings: Settings,
    person: Person,
    asked: Asked,
    *,
    key: str | None = None,
    seen: Mapping[str, Mapping[str, Any]] | None = None,
    origin: str = "slack",
    wait: float = ANSWER_SECONDS,
    now: Now = utc_now,
) -> Receipt:
    """Store what a person asks for, if they may and did not ask before, and return how it stands.

    Args:
        engine: under a role that may write schema `app`.
        settings: for who may, how much, and where.
        person: who asks.
        asked: what for, validated.
        key: the same for a repeated delivery of the same click; default: a new one.
        seen: what the person saw of each lead, by record id and field; default: what was last loaded of it.
        origin: where from: slack, terminal, or the name of a part of ours.
        wait: seconds in which the caller shows the result itself (`await_receipt`, `messages.take_result`).
        now: the present moment.

    Raises:
        DeniedError: the person may not, or wrote too much; the log has it.
        UyspError: it cannot be stored; nothing was.
    """
    configured = next((each for each in settings.clients if each.key == asked.client), None)
    if configured is None:
        raise ConfigurationError(f"There is no client {asked.client!r}, so nothing was stored.")
    check_writer(
        engine, settings, person, asked.client, what=asked.kind, admin=asked.admin or asked.override or asked.is_bulk
    )
    if asked.kind is Kind.CLAIM and not person.email:
        raise UyspError("Your email is not known, and a claim needs it; nothing was stored.")
    if not asked.lead_ids:
        raise UyspError("No lead was named; nothing was stored.")
    try:
        with engine.begin() as connection:
            return _store(connection, settings, person, asked, key or uuid.uuid4().hex, seen, origin, wait, now())
    except DeniedError as denial:
        with engine.begin() as connection:
            log_denial(connection, person, asked.client, asked.kind, denial)
        raise


def read_receipt(connection: Connection, settings: Settings, reference: str) -> Receipt | None:
    """Return how an action stands; None: there is none of this reference."""
    rows = connection.execute(
        text("""
            select * from app.write_requests where reference = :reference order by id
        """),
        {"reference": reference.strip().upper()},
    ).all()
    return _receipt(connection, settings, rows) if rows else None


def await_receipt(
    engine: Engine, settings: Settings, reference: str, seconds: float, sleep: Callable[[float], None] = time.sleep
) -> Receipt:
    """Return how an action stands, as soon as it is no longer pending or after so many seconds."""
    ends = time.monotonic() + seconds
    while True:
        with engine.connect() as connection:
            receipt = read_receipt(connection, settings, reference)
        if receipt is None:
            raise UyspError(f"There is no action {reference[:20]!r}.")
        if not receipt.is_pending or time.monotonic() >= ends:
            return receipt
        sleep(POLL_SECONDS)


def own_requests(connection: Connection, settings: Settings, actor_id: str, most: int = 20) -> list[Receipt]:
    """Return a person's latest actions, newest first; pending ones come first of all."""
    references: list[str] = list(
        connection.execute(
            text("""
            select reference from app.write_requests where actor_id = :actor
            group by reference
            order by bool_or(state = :pending) desc, max(requested_at) desc, reference
            limit :most
        """),
            {"actor": actor_id, "pending": State.PENDING, "most": most},
        ).scalars()
    )
    receipts = (read_receipt(connection, settings, reference) for reference in references)
    return [receipt for receipt in receipts if receipt is not None]


def put_result(connection: Connection, settings: Settings, reference: str, now: datetime) -> None:
    """Leave the message with an action's result, once, when none of its requests is open any more.

    Who administers hears of it too, if they were warned that it was not done.

    Call under the lock of `uysp end` on the reference, so that of two ends one sees the other.
    """
    row = connection.execute(
        text("""
            select actor_id, actor_name, origin, answer_until, lead_id, is_bulk, client,
                   exists (
                       select from app.write_messages
                       where reference = :reference and kind = :reminder and recipient is null
                   ) as admins_were_warned
            from app.write_requests
            where reference = :reference
              and not exists (
                  select from app.write_requests where reference = :reference and state = :pending
              )
              and not exists (select from app.write_messages where reference = :reference and kind = :result)
            order by id limit 1
        """),
        {"reference": reference, "pending": State.PENDING, "result": About.RESULT, "reminder": About.REMINDER},
    ).first()
    if row is None or row.origin not in ASKED_BY_PEOPLE:
        return
    receipt = read_receipt(connection, settings, reference)
    assert receipt is not None  # noqa: S101 (its rows were just found)
    messages.put(
        connection,
        About.RESULT,
        receipt.said,
        client=row.client,
        reference=reference,
        recipient=row.actor_id,
        at=now,
        lead_id=None if row.is_bulk else row.lead_id,
        not_before=row.answer_until,
    )
    if row.admins_were_warned:
        said = f"No longer open, of which you were warned: {receipt.said} It was asked for by {row.actor_name}."
        messages.put(connection, About.REMINDER, said, client=row.client, reference=reference, recipient=None, at=now)


def lock_end(connection: Connection, reference: str) -> None:
    """Keep other ends of this action away until the transaction is over."""
    lock(connection, "end", reference)


def _store(
    connection: Connection,
    settings: Settings,
    person: Person,
    asked: Asked,
    key: str,
    seen: Mapping[str, Mapping[str, Any]] | None,
    origin: str,
    wait: float,
    moment: datetime,
) -> Receipt:
    lock(connection, "write", key)
    known: str | None = connection.execute(
        text("select reference from app.write_requests where key = :key limit 1"), {"key": key}
    ).scalar_one_or_none()
    if known is not None:
        receipt = read_receipt(connection, settings, known)
        assert receipt is not None  # noqa: S101 (it was just found)
        return receipt
    if origin in ASKED_BY_PEOPLE:
        check_pace(connection, settings, person, moment)
    if asked.kind is Kind.UNDO:
        _check_not_undone(connection, asked)
    reference = reference_id()
    loaded = _loaded(connection, asked)
    content, asked_at = asked.content, moment
    if asked.kind is Kind.NOTE:
        moment = _own_moment(connection, asked, moment)
        content = content | {"first_line": first_line(str(content["type"]), moment, person.name)}
    connection.execute(
        text("""
            insert into app.write_requests (
                reference, key, client, lead_id, lead_name, kind, content, origin, is_bulk, actor_id, actor_name,
                actor_email, may_override, seen, requested_at, answer_until, next_attempt_at
            ) values (
                :reference, :key, :client, :lead_id, :lead_name, :kind, cast(:content as jsonb), :origin, :is_bulk,
                :actor_id, :actor_name, :actor_email, :may_override, cast(:seen as jsonb), :moment, :answer_until,
                :asked_at
            )
        """),
        [
            {
                "reference": reference,
                "key": key,
                "client": asked.client,
                "lead_id": lead_id,
                "lead_name": _name(loaded.get(lead_id), lead_id),
                "kind": asked.kind,
                "content": orjson.dumps(content).decode(),
                "origin": origin,
                "is_bulk": asked.is_bulk,
                "actor_id": person.id,
                "actor_name": " ".join(person.name.split()) or person.id,
                "actor_email": person.email,
                "may_override": asked.override,
                "seen": _seen(None if seen is None else seen.get(lead_id), loaded.get(lead_id)),
                "moment": moment,
                "asked_at": asked_at,
                "answer_until": asked_at + timedelta(seconds=wait),
            }
            for lead_id in asked.lead_ids
        ],
    )
    rows = connection.execute(
        text("select * from app.write_requests where reference = :reference order by id"), {"reference": reference}
    ).all()
    return _receipt(connection, settings, rows, is_new=True)


def _check_not_undone(connection: Connection, asked: Asked) -> None:
    """Refuse a second undoing of the same action, also while the first is under way."""
    lock(connection, "undo", asked.content["undoes"])
    others: int = connection.execute(
        text("""
            select count(*) from app.write_requests
            where kind = :undo and content ->> 'undoes' = :reference and state in (:pending, :done)
        """),
        {"undo": Kind.UNDO, "reference": asked.content["undoes"], "pending": State.PENDING, "done": State.DONE},
    ).scalar_one()
    if others:
        raise UyspError("It is being undone already, or is undone; nothing was stored.")


def _own_moment(connection: Connection, asked: Asked, moment: datetime) -> datetime:
    """Return the note's time, in milliseconds: later than that of every other note of ours on the lead.

    By it the note is recognised, so no two may have the same.
    """
    lock(connection, "note on", asked.client, asked.lead_ids[0])
    latest: datetime | None = connection.execute(
        text("""
            select max(requested_at) from app.write_requests
            where client = :client and lead_id = :lead_id and kind = :note
        """),
        {"client": asked.client, "lead_id": asked.lead_ids[0], "note": Kind.NOTE},
    ).scalar_one()
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    return moment if latest is None else max(moment, latest + timedelta(milliseconds=1))


def _loaded(connection: Connection, asked: Asked) -> dict[str, dict[str, Any]]:
    rows = connection.execute(
        text("select record_id, fields from raw.leads where client = :client and record_id = any(:ids)"),
        {"client": asked.client, "ids": list(asked.lead_ids)},
    )
    return {row.record_id: row.fields for row in rows}


def _name(fields: Mapping[str, Any] | None, lead_id: str) -> str:
    """Return what people call the lead (spec/metrics.md section 2)."""
    texts = {name: " ".join(str((fields or {}).get(name) or "").split()) for name in _NAMES}
    whole = f"{texts['First Name']} {texts['Last Name']}".strip()
    return whole or texts["Lead"] or texts["Email"] or lead_id


_NAMES = ("First Name", "Last Name", "Lead", "Email")


def _seen(told: Mapping[str, Any] | None, loaded: Mapping[str, Any] | None) -> str | None:
    fields = told if told is not None else loaded
    if fields is None:
        return None
    return orjson.dumps({name: fields.get(name) for name in WRITTEN_FIELDS if name != "Notes"}).decode()


def _receipt(connection: Connection, settings: Settings, rows: Sequence[Any], *, is_new: bool = False) -> Receipt:
    first = rows[0]
    results = tuple(Result(row.lead_id, row.lead_name, State(row.state), row.said, row.problem) for row in rows)
    state = min((result.state for result in results), key=SEVERITY.index)
    said = pending_sentence(connection, settings, rows) if state is State.PENDING else finished_sentence(results, first)
    return Receipt(
        first.reference,
        first.client,
        Kind(first.kind),
        state,
        f"{said} Reference {first.reference}.",
        first.requested_at,
        results,
        first.is_bulk,
        is_new,
    )
