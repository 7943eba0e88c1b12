"""One attempt at some requests: fresh read, plan, one PATCH, a look at its answer, write-through, log, message.

Whatever happens on the way, a request is tried until it is known to have happened once (docs/writes.md has the table of
failures): it ends here, or is put back into the queue.
"""

import logging
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Final

from sqlalchemy import Connection, Engine, text

from uysp.actions.model import NOTES, Intent, Kind, Lead, Plan, Request, State
from uysp.actions.notes import plan_notes, plan_repair
from uysp.actions.own import tell_undone
from uysp.actions.past import LeadPast
from uysp.actions.queue import Unit, end, note_sending, put_back
from uysp.actions.removal import plan_removal, plan_restop
from uysp.actions.requests import Now, lock_end, put_result
from uysp.actions.status import plan_claim, plan_mark, plan_unclaim
from uysp.actions.undo import plan_undo
from uysp.activity import append
from uysp.airtable.client import Gateway, RetryableError
from uysp.airtable.fields import SourceTable, find_tables, known_tables, option_names
from uysp.airtable.limiter import Kind as Purpose
from uysp.airtable.model import Record
from uysp.errors import AirtableError
from uysp.raw import load_written
from uysp.settings import Client, Settings

log = logging.getLogger(__name__)

LONGEST_PAUSE: Final = 60.0
REFUSED_PAUSE: Final = 30.0  # seconds until a refusal that only a person can mend is tried again
ANSWERS_BELIEVED: Final = 5  # attempts after which an answer that says something else is taken for final
_SCHEMA_MOVED: Final = {"UNKNOWN_FIELD_NAME", "INVALID_MULTIPLE_CHOICE_OPTIONS", "INVALID_VALUE_FOR_COLUMN"}
_LOGGED: Final = ("type", "status", "reason", "undoes", "watch", "repairs")  # of what was asked for


@dataclass(frozen=True)
class Means:
    """What attempts work with.

    Attributes:
        engine: under a role that may write schema `app` and load what was written into raw.
        gateway: makes a gateway to a client's base, for one thread.
        settle: how long until Airtable shows what became of a write that got no answer.
    """

    engine: Engine
    settings: Settings
    gateway: Callable[[Client], Gateway]
    now: Now
    settle: timedelta

    @cached_property
    def clients(self) -> dict[str, Client]:
        """The configured clients, by key."""
        return {client.key: client for client in self.settings.clients}


class Attempt:
    """One attempt at a unit."""

    def __init__(self, means: Means, holder: int, unit: Unit, *, fresh_schema: bool = False) -> None:
        self._means = means
        self._engine = means.engine
        self._now = means.now
        self._holder = holder
        self._unit = unit
        self._client = means.clients[unit.requests[0].client]
        self._gateway = means.gateway(self._client)
        self._fresh_schema = fresh_schema

    def carry_out(self) -> None:
        """Bring the requests to an end, or leave them to a later attempt."""
        try:
            source = self._source()
            with self._engine.connect() as connection:
                read_at = _database_time(connection)
            records = self._read(source)
        except AirtableError as error:
            self._leave(self._unit.requests, error, applied=False)
            return
        plans = self._plans(source, records)
        if self._unit.kind is Kind.UNDO:
            plans = _all_or_nothing(plans)
        ended = {request: plan for request, plan in plans.items() if not plan.cells}
        if ended:
            self._end(source, ended, [] if self._is_listed else list(records.values()), read_at)
        to_write = {request: plan for request, plan in plans.items() if plan.cells}
        if to_write:
            self._write(source, to_write)

    def _source(self) -> SourceTable:
        """Return the table Leads as it was last seen, or as it is where that is not enough.

        Raises:
            AirtableError: the schema cannot be read, or the base has no such table.
        """
        with self._engine.connect() as connection:
            known = known_tables(connection, self._client).get("leads")
            notes_are_missing = (
                self._unit.kind in {Kind.NOTE, Kind.REPAIR}
                and known is not None
                and (NOTES not in known.names.values())
            )
            if known is not None and not self._fresh_schema and not notes_are_missing:
                return known
        schema = self._gateway.schema()
        with self._engine.connect() as connection:
            found = find_tables(connection, self._client, schema)[0].get("leads")
        if found is None:
            raise AirtableError(f"The base of client {self._client.key} has no table Leads.")
        return found

    def _read(self, source: SourceTable) -> dict[str, Record]:
        """Return the records as they are now, by id; those that are gone are left out."""
        lead_ids = self._unit.lead_ids
        if not self._is_listed:
            found = [self._gateway.record(source.table.id, lead_id) for lead_id in lead_ids]
            records = [record for record in found if record is not None and _is_of(record, source)]
        else:
            pages = self._gateway.by_ids(source.table.id, lead_ids, Purpose.WRITE)
            records = [record for page in pages for record in page]
        return {record["id"]: record for record in records}

    @property
    def _is_listed(self) -> bool:
        """Whether the records are read together: a call instead of ten, but listings may lag behind writes."""
        return self._unit.requests[0].is_bulk and len(self._unit.lead_ids) > 1

    def _plans(self, source: SourceTable, records: dict[str, Record]) -> dict[Request, Plan]:
        leads = {lead_id: _lead(self._client, source, record) for lead_id, record in records.items()}
        plans: dict[Request, Plan] = {}
        present = [request for request in self._unit.requests if request.lead_id in leads]
        for request in self._unit.requests:
            if request.lead_id not in leads:
                plans[request] = Plan(
                    State.FAILED, f"{request.lead_name} is no longer in Airtable; nothing was written."
                )
        if self._unit.kind is Kind.NOTE and present:
            planned = plan_notes(present, leads[present[0].lead_id])
            return plans | dict(zip(present, planned, strict=True))
        with self._engine.connect() as connection:
            for request in present:
                past = LeadPast(connection, request.client, request.lead_id)
                plans[request] = _plan(request, leads[request.lead_id], past, self._now())
        return plans

    def _write(self, source: SourceTable, plans: dict[Request, Plan]) -> None:
        field_ids = {name: field_id for field_id, name in source.names.items()}
        changes = {
            request.lead_id: {field_ids[name]: value for name, value in plan.cells.items()}
            for request, plan in plans.items()
        }
        intents = {request.id: Intent(plan.cells, plan.before) for request, plan in plans.items()}
        sent_at: list[datetime] = []

        def note() -> None:
            with self._engine.begin() as connection:
                note_sending(connection, self._holder, intents, self._now())
                sent_at.append(_database_time(connection))

        try:
            answered = self._gateway.update(source.table.id, changes, note)
        except RetryableError as error:
            self._leave(list(plans), error, applied=not error.is_refusal)
        except AirtableError as error:
            self._refused(list(plans), error)
        else:
            self._check(source, plans, answered, sent_at[0])

    def _check(
        self, source: SourceTable, plans: dict[Request, Plan], answered: list[Record], sent_at: datetime
    ) -> None:
        """End the requests whose records the answer shows as asked; others are looked at again."""
        leads = {record["id"]: _lead(self._client, source, record) for record in answered}
        agreed: dict[Request, Plan] = {}
        for request, plan in plans.items():
            lead = leads.get(request.lead_id)
            if lead is not None and lead.holds(plan.cells):
                agreed[request] = plan
            elif request.attempts + 1 >= ANSWERS_BELIEVED:
                said = f"Airtable took the change of {request.lead_name}, but shows something else; look at the record."
                agreed[request] = Plan(State.FAILED, said)
        if agreed:
            self._end(source, agreed, answered, sent_at)
        doubtful = [request for request in plans if request not in agreed]
        if doubtful:
            error = RetryableError("Airtable answered with something else than was asked for; it is looked at again.")
            self._leave(doubtful, error, applied=True)

    def _refused(self, requests: Sequence[Request], error: AirtableError) -> None:
        """Deal with a refusal: nothing was changed."""
        if error.error_type in _SCHEMA_MOVED and not self._fresh_schema:
            self._again(requests, fresh_schema=True)
        elif len({request.lead_id for request in requests}) > 1 and error.status in {404, 422}:
            if self._unit.kind is Kind.UNDO:
                self._fail(requests, "Not undone: one of the records is gone or refused. Nothing was written.")
            for request in requests if self._unit.kind is not Kind.UNDO else ():
                self._again([request])
        elif error.status in {404, 422}:
            is_gone = error.status == 404 or error.error_type == "ROW_DOES_NOT_EXIST"
            what = "the record is no longer there" if is_gone else f"Airtable refused it ({error.error_type})"
            self._fail(requests, f"Nothing was written for {requests[0].lead_name}: {what}.")
        else:
            self._leave(requests, error, applied=False)

    def _again(self, requests: Sequence[Request], *, fresh_schema: bool = False) -> None:
        """Try some of the requests once more, at once; they are still ours, and nothing came of the attempt before."""
        with self._engine.begin() as connection:
            connection.execute(
                text("update app.write_requests set maybe_applied = false, intent = null where id = any(:ids)"),
                {"ids": [request.id for request in requests if not request.maybe_applied]},
            )
        fresh = fresh_schema or self._fresh_schema
        Attempt(self._means, self._holder, Unit(tuple(requests)), fresh_schema=fresh).carry_out()

    def _fail(self, requests: Sequence[Request], said: str) -> None:
        with self._ending(requests) as connection:
            for request in requests:
                self._end_one(connection, request, Plan(State.FAILED, said))

    def _leave(self, requests: Sequence[Request], error: AirtableError, *, applied: bool) -> None:
        """Put requests back, to be tried later."""
        tries = max(request.attempts for request in requests) + 1
        seconds = min(0.5 * 2 ** min(tries, 10), LONGEST_PAUSE)
        if not isinstance(error, RetryableError):
            seconds = max(seconds, REFUSED_PAUSE)
        if applied:
            seconds = max(seconds, self._means.settle.total_seconds())
        pause = timedelta(seconds=seconds * random.uniform(1, 1.25))  # noqa: S311 (spreads attempts, hides nothing)
        log.info("client %s: %d writes are tried again: %s", self._client.key, len(requests), error)
        with self._engine.begin() as connection:
            put_back(connection, self._holder, requests, str(error), self._now() + pause, applied=applied)

    def _end(self, source: SourceTable, plans: dict[Request, Plan], records: list[Record], sent_at: datetime) -> None:
        with self._ending(list(plans)) as connection:
            if records:
                load_written(connection, source, records, sent_at)
            for request, plan in plans.items():
                self._end_one(connection, request, plan)

    @contextmanager
    def _ending(self, requests: Sequence[Request]) -> Iterator[Connection]:
        """Write ends in one transaction, with the message that follows when an action has no open request left."""
        references = list(dict.fromkeys(request.reference for request in requests))
        with self._engine.begin() as connection:
            for reference in sorted(references):
                lock_end(connection, reference)
            yield connection
            for reference in references:
                put_result(connection, self._means.settings, reference, self._now())

    def _end_one(self, connection: Connection, request: Request, plan: Plan) -> None:
        version: int | None = connection.execute(
            text("select version from raw.leads where client = :client and record_id = :lead_id"),
            {"client": request.client, "lead_id": request.lead_id},
        ).scalar_one_or_none()
        if not end(connection, request, plan, self._now(), version):
            return
        is_written = plan.state is State.DONE
        if request.kind is Kind.UNDO and is_written:
            connection.execute(
                text("update app.write_requests set undone_by = :reference, watch_until = null where id = :id"),
                {"reference": request.reference, "id": request.content["targets"][request.lead_id]},
            )
            tell_undone(connection, request, self._now())
        details = {
            "reference": request.reference,
            **{name: request.content[name] for name in _LOGGED if name in request.content},
            **(plan.log if is_written else {"before": {}, "after": {}}),
            **({"version": version} if version is not None and is_written else {}),
            "said": plan.said,
        }
        append(
            connection,
            request.kind.action,
            actor_id=request.actor_id,
            actor_name=request.actor_name,
            client=request.client,
            lead_id=request.lead_id,
            outcome="repaired" if request.kind is Kind.REPAIR and is_written else plan.state,
            details=details,
        )


def _plan(request: Request, lead: Lead, past: LeadPast, now: datetime) -> Plan:
    match request.kind:
        case Kind.REMOVE:
            return plan_removal(request, lead, past)
        case Kind.RESTOP:
            return plan_restop(request, lead)
        case Kind.MARK:
            return plan_mark(request, lead, past, now)
        case Kind.CLAIM:
            return plan_claim(request, lead, past, now)
        case Kind.UNCLAIM:
            return plan_unclaim(request, lead, past, now)
        case Kind.UNDO:
            return plan_undo(request, lead, past)
        case Kind.REPAIR:
            return plan_repair(request, lead)
        case Kind.NOTE:
            return plan_notes([request], lead)[0]


def _all_or_nothing(plans: dict[Request, Plan]) -> dict[Request, Plan]:
    """Return the plans as they are if all can be done, else the reasons against it for all."""
    against = [plan for plan in plans.values() if plan.state is not State.DONE]
    if not against:
        return plans
    said = " ".join(dict.fromkeys(plan.said for plan in against))
    return {request: Plan(State.NOT_DONE, said) for request in plans}


def _lead(client: Client, source: SourceTable, record: Record) -> Lead:
    options = {
        source.names[field_id]: {name.strip(): name for name in sorted(names, reverse=True)}
        for field_id, names in option_names(source).items()
    }
    fields = {source.names[field_id]: value for field_id, value in record["fields"].items() if field_id in source.names}
    return Lead(client.key, record["id"], fields, frozenset(source.names.values()), options)


def _is_of(record: Record, source: SourceTable) -> bool:
    """Return whether a record that was found by its id alone is one of this table: its fields are known."""
    return not record["fields"] or any(field_id in source.names for field_id in record["fields"])


def _database_time(connection: Connection) -> datetime:
    moment: datetime = connection.execute(text("select clock_timestamp()")).scalar_one()
    return moment
