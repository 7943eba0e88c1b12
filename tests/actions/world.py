"""A base with a few leads behind the Airtable emulator, people who write to it, and a clock that is set."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Engine, text

from playground.airtable.behaviour import Behaviour
from playground.airtable.schema import Base, Field, Table
from playground.airtable.server import Emulator
from playground.airtable.store import Store
from uysp.actions.model import Asked
from uysp.actions.notes import note
from uysp.actions.queue import holding
from uysp.actions.removal import removal
from uysp.actions.requests import Receipt, read_receipt, submit
from uysp.actions.rights import Person
from uysp.actions.status import claim, mark, unclaim
from uysp.actions.undo import undo
from uysp.actions.watch import look
from uysp.actions.worker import Worker
from uysp.airtable.limiter import Limiter
from uysp.settings import Client, Settings
from uysp.sync import sync_client

START = datetime(2026, 11, 25, 12, tzinfo=UTC)
ANNA = Person("U0ANNA", "Anna Adams", "anna@example.com")
BEN = Person("U0BEN", "Ben Brown", "ben@example.com")
ADMIN = Person("U0ADMIN", "Ada Admin", "ada@example.com")
STATUSES = (
    *("Backlog", "Queued", "Processing", "Ready for SMS", "Failed", "In Sequence", "Stopped", "Completed", "Complete"),
)
HRQ = ("None", "Archive", "Qualified", "Manual Process", "Review")

__all__ = ["claim", "mark", "note", "removal", "unclaim"]


def unlimited() -> Behaviour:
    return Behaviour(requests_per_second=None, user_requests_per_second=None)


def make_base(store: Store, leads: int = 4, *, hrq: Sequence[str] = (*HRQ, "Completed"), lacking: str = "") -> Base:
    """A base whose leads are in sequence, each with a phone of its own."""

    def made(name: str, kind: str = "singleLineText", **options: Any) -> Field:
        return Field(store.new_id("fld"), name, kind, options)

    def select(name: str, *names: str) -> Field:
        choices = [{"id": store.new_id("sel"), "name": each, "color": "blueLight2"} for each in names]
        return made(name, "singleSelect", choices=choices)

    def table(name: str, *fields: Field) -> Table:
        kept = [each for each in fields if each.name != lacking]
        return Table(store.new_id("tbl"), name, kept[0].id, kept)

    day = {"dateFormat": {"name": "iso"}, "timeFormat": {"name": "24hour"}, "timeZone": "utc"}
    people = table(
        "Leads",
        *(made(name) for name in ("Lead", "First Name", "Last Name", "Email", "Company", "SMS Stop Reason")),
        *(made(name) for name in ("HRQ Reason", "Claimed By")),
        made("Phone", "phoneNumber"),
        made("Notes", "multilineText"),
        select("Processing Status", *STATUSES),
        select("HRQ Status", *hrq),
        made("SMS Sequence Position", "number", precision=0),
        made("Booked", "checkbox"),
        made("SMS Stop", "checkbox"),
        made("Claimed At", "dateTime", **day),
    )
    others = (table("Campaigns", made("Campaign Name")), table("SMS_Audit", made("Event"), made("Phone")))
    base = Base(store.new_id("app"), "A base", [people, *others])
    with store.lock:
        store.bases[base.id] = base
    rows = [
        {
            "Lead": f"Lead {number}",
            "First Name": "Lea",
            "Last Name": f"Number{number}",
            "Phone": f"(415) 555-{1000 + number}",
            "Processing Status": "In Sequence",
            "SMS Sequence Position": 1,
        }
        for number in range(leads)
    ]
    for start in range(0, leads, 10):
        store.create(base.id, "Leads", rows[start : start + 10])
    return base


_NUMBERS = itertools.count()


class SetClock:
    """A clock of ours that stands still until it is moved."""

    def __init__(self) -> None:
        self.moment = START

    def __call__(self) -> datetime:
        return self.moment

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class RealClock(SetClock):
    """The clock on the wall."""

    def __call__(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class World:
    """One client, its base, and what we do with it.

    Attributes:
        paused: seconds that the pace would have waited.
    """

    engine: Engine
    settings: Settings
    emulator: Emulator
    client: Client
    clock: SetClock = field(default_factory=SetClock)
    paused: list[float] = field(default_factory=list)

    @property
    def base(self) -> Base:
        return self.emulator.store.bases[self.client.base_id]

    @property
    def ids(self) -> list[str]:
        """Record ids of the leads, in the order of their numbers."""
        leads = dict(self.emulator.store.read_all(self.base.id, "Leads"))
        return sorted(leads, key=lambda lead_id: str(leads[lead_id].get("Lead")))

    def lead(self, lead_id: str) -> dict[str, Any]:
        """The lead's cells as Airtable holds them."""
        return dict(self.emulator.store.read(self.base.id, "Leads", lead_id))

    def edit(self, lead_id: str, **cells: Any) -> None:
        """Somebody edits a lead in Airtable; names with _ for blanks."""
        names = {name.replace("_", " "): value for name, value in cells.items()}
        self.emulator.store.update(self.base.id, "Leads", {lead_id: names})

    def sync(self, **options: Any) -> None:
        """A cycle, as if our last write had been a while ago: reads that began within two seconds are not believed."""
        with self.engine.begin() as connection:
            connection.execute(text("update raw.leads set written_at = written_at - interval '10 s'"))
        outcomes = sync_client(self.engine, self.settings, self.client, pace=self.pace(self.client), **options)
        errors = [outcome.error for outcome in outcomes if outcome.error]
        assert not errors, errors

    def pace(self, _client: Client) -> Limiter:
        return Limiter(rate=1e6, pause=self.paused.append)

    def worker(self, **options: Any) -> Worker:
        given: dict[str, Any] = {"now": self.clock, "pace": self.pace} | options
        return Worker(self.engine, self.settings, **given)

    def ask(self, asked: Asked, person: Person = ANNA, **options: Any) -> Receipt:
        return submit(self.engine, self.settings, person, asked, now=self.clock, **options)

    def work(self, worker: Worker | None = None) -> int:
        """Carry out what is due now; returns how many units."""
        worker = worker or self.worker()
        with holding(self.engine) as holder:
            return sum(1 for _ in iter(lambda: worker.step(holder), False))

    def settle(self, rounds: int = 30) -> None:
        """Let time pass until nothing is open any more."""
        for _ in range(rounds):
            self.work()
            if not self.count("app.write_requests where state = 'pending'"):
                return
            self.clock.advance(70)
        raise AssertionError("something is pending still")

    def watch(self) -> None:
        assert look(self.engine, self.settings, self.clock())

    def receipt(self, reference: str) -> Receipt:
        with self.engine.connect() as connection:
            receipt = read_receipt(connection, self.settings, reference)
        assert receipt is not None
        return receipt

    def do(self, asked: Asked, person: Person = ANNA, **options: Any) -> Receipt:
        """Ask, and carry it out."""
        reference = self.ask(asked, person, **options).reference
        self.work()
        return self.receipt(reference)

    def note(self, lead_id: str, body: str, note_type: str = "General") -> Asked:
        return note(self.client.key, lead_id, body, note_type)

    def removal(self, *lead_ids: str, reason: str = "Not a fit") -> Asked:
        return removal(self.client.key, lead_ids, reason)

    def mark(self, lead_id: str, status: str, reason: str | None = None) -> Asked:
        return mark(self.client.key, lead_id, status, reason)

    def undo(self, reference: str, person: Person = ANNA) -> Receipt:
        """Ask for an undoing, and carry it out."""
        with self.engine.connect() as connection:
            asked = undo(connection, person, reference, self.clock(), admin=person is ADMIN)
        return self.do(asked, person)

    def writes(self, name: str | None = None) -> list[dict[str, Any]]:
        """Changes of leads in the emulator's journal, newest last: the cells that differ, by name."""
        table = self.base.tables[0]
        names = {each.id: each.name for each in table.fields}
        changes = []
        for row in self.emulator.writes:
            if row["base"] != self.base.id or row["table"] != "Leads" or row["before"] is None:
                continue
            before, after = row["before"], row["after"] or {}
            cells = {names[each]: after.get(each) for each in {*before, *after} if before.get(each) != after.get(each)}
            if name is None or name in cells:
                changes.append({"id": row["id"], **cells})
        return changes

    def count(self, what: str) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(text(f"select count(*) from {what}")).scalar_one())

    def log(self, where: str = "true") -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(text(f"select * from app.activity_log where {where} order by id")).all())

    def messages(self) -> list[tuple[str, str | None, str]]:
        """What was left to be told: about what, to whom, what."""
        with self.engine.connect() as connection:
            rows = connection.execute(text("select kind, recipient, said from app.write_messages order by id"))
            return [(row.kind, row.recipient, row.said) for row in rows]


def empty(engine: Engine, emulator: Emulator) -> None:
    """Forget what other tests asked for, and what they did to the emulator."""
    with engine.begin() as connection:
        for table in ("write_requests", "write_messages", "lead_edits", "activity_log"):
            connection.execute(text(f"delete from app.{table}"))
    emulator.heal()
    emulator.state.commits.clear()


def make_world(engine: Engine, settings: Settings, emulator: Emulator, **options: Any) -> World:
    """A world of its own: a client that nothing was read of before."""
    key = f"c{next(_NUMBERS)}"
    base = make_base(emulator.store, **options)
    settings = settings.model_copy(
        update={
            "airtable_endpoint_url": emulator.url,
            "airtable_api_key": SecretStr("pat"),
            "airtable_base_id": base.id,
            "uysp_client": key,
            "uysp_admins": [ADMIN.id],
        }
    )
    world = World(engine, settings, emulator, settings.clients[0])
    emulator.store.clock.source = world.clock
    world.sync()
    return world


Make = Callable[..., World]
