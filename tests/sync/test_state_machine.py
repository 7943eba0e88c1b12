"""Whatever happens to a base, to the wire and to our processes: once it comes to rest, raw is what Airtable holds.

A hypothesis state machine works on one small base behind the emulator. What every cycle that went well could see is
kept, so that history can be held against it at the end.
"""

import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, ClassVar

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from pydantic import SecretStr
from sqlalchemy import Connection, Engine, event, text

from playground.airtable.behaviour import Behaviour
from playground.airtable.schema import Base, Field, Table
from playground.airtable.schema_edits import edit
from playground.airtable.server import Emulator, running_emulator
from playground.airtable.store import Store
from tests.sync.conftest import Reader
from uysp.airtable.client import RetryableError
from uysp.airtable.fields import TABLES, known_tables
from uysp.database import exclusive
from uysp.raw import load_written
from uysp.settings import PROJECT, Client, Settings, inherited_environment

EXAMPLES = int(inherited_environment().get("UYSP_SEQUENCES", "300"))
KILLED = max(1, EXAMPLES // 15)
STEPS = 16
PATHS = ("payloads", "listRecords", "webhooks", "tables$", r"/tbl\w+$")
FAULTS: tuple[dict[str, Any], ...] = (
    {"status": 500},
    {"status": 503, "retry_after": 1},
    {"status": 429},
    {"drop": "before"},
    {"drop": "after"},
    {"body": "truncated"},
    {"body": "malformed"},
)
State = dict[str, dict[str, dict[str, Any]]]


class KilledError(BaseException):
    """Stands for the end of a process: nothing catches it, and the database rolls back."""


class World:
    """One database and one emulator for all sequences; each has a base and a client of its own."""

    def __init__(self, engine: Engine, settings: Settings, emulator: Emulator) -> None:
        self.engine = engine
        self.settings = settings.model_copy(update={"airtable_endpoint_url": emulator.url})
        self.emulator = emulator
        self.count = 0
        assert settings.database_url is not None
        self.login_url = settings.database_url.get_secret_value()

    def new_reader(self) -> Reader:
        self.count += 1
        base = make_base(self.emulator.store)
        client = Client(f"c{self.count}", "one", base.id, SecretStr("pat"))
        return Reader(self.engine, self.settings, client, [], self.emulator.advance)


def make_base(store: Store) -> Base:
    def table(name: str, *fields: tuple[str, str, dict[str, Any]]) -> Table:
        made = [Field(store.new_id("fld"), field, kind, options) for field, kind, options in fields]
        return Table(store.new_id("tbl"), name, made[0].id, made)

    def select(*names: str) -> dict[str, Any]:
        return {"choices": [{"id": store.new_id("sel"), "name": name} for name in names]}

    leads = table(
        "Leads",
        ("Lead", "singleLineText", {}),
        ("Processing Status", "singleSelect", select("Ready for SMS", "In Sequence", "Completed")),
        ("SMS Sequence Position", "number", {"precision": 0}),
        ("Booked", "checkbox", {}),
        ("SMS Stop", "checkbox", {}),
        ("Company", "singleLineText", {}),
    )
    formula = Field(store.new_id("fld"), "Shout", "formula", {"formula": f"UPPER({{{leads.fields[5].id}}})"})
    formula.options |= {
        "isValid": True,
        "referencedFieldIds": [leads.fields[5].id],
        "result": {"type": "singleLineText"},
    }
    leads.fields.append(formula)
    audit = table("SMS_Audit", ("Event", "singleLineText", {}), ("Phone", "singleLineText", {}))
    base = Base(
        store.new_id("app"), "A base", [leads, table("Campaigns", ("Campaign Name", "singleLineText", {})), audit]
    )
    with store.lock:
        store.bases[base.id] = base
    store.create(base.id, "Leads", [{"Lead": f"Lead {number}", "Company": "First"} for number in range(6)])
    store.create(base.id, "SMS_Audit", [{"Event": "Sent"}])
    return base


class Sequence(RuleBasedStateMachine):
    """One sequence of things that happen."""

    world: ClassVar[World]
    sync_killed: ClassVar[Callable[[Reader, Emulator, int, bool], bool]]

    @initialize()
    def begin(self) -> None:
        self.reader = self.world.new_reader()
        self.emulator = self.world.emulator
        self.store = self.emulator.store
        self.base_id = self.reader.client.base_id
        self.base = self.store.bases[self.base_id]
        self.seen: list[State] = []
        self.was_deleted: set[str] = set()
        self.trash: list[str] = []
        self.number = 0
        self.is_kill_due = type(self).sync_killed is kill
        self.emulator.behaviour.payload_records = None
        self.emulator.behaviour.half_filled_creates = False

    # What happens in Airtable

    @rule(many=st.integers(1, 4), table=st.sampled_from(["Leads", "Leads", "SMS_Audit", "Campaigns"]))
    def create(self, many: int, table: str) -> None:
        first = {"Leads": "Lead", "SMS_Audit": "Event", "Campaigns": "Campaign Name"}[table]
        self.store.create(self.base_id, table, [{first: self.next_text()} for _ in range(many)])

    @rule(data=st.data(), many=st.integers(1, 3))
    def change(self, data: st.DataObject, many: int) -> None:
        ids = self.some(data, many)
        self.store.update(self.base_id, "Leads", {record_id: {self.company: self.next_text()} for record_id in ids})

    @rule(data=st.data(), option=st.integers(0, 2))
    def choose(self, data: st.DataObject, option: int) -> None:
        status = self.base.tables[0].fields[1]
        name = status.choices[option % len(status.choices)]["name"]
        self.store.update(self.base_id, "Leads", {i: {status.id: name} for i in self.some(data, 2)})

    @rule()
    def burst(self) -> None:
        text_ = self.next_text()
        self.store.update(self.base_id, "Leads", {i: {self.company: text_} for i in self.ids()})

    @rule(data=st.data(), many=st.integers(1, 3))
    def delete(self, data: st.DataObject, many: int) -> None:
        gone = self.some(data, many)
        self.store.delete(self.base_id, "Leads", gone)
        self.was_deleted |= set(gone)
        self.trash += gone

    @rule()
    def undelete(self) -> None:
        if self.trash:
            self.store.restore(self.base_id, "Leads", [self.trash.pop()])

    @rule(name=st.sampled_from(["Company", "Firm", "Employer"]))
    def rename_field(self, name: str) -> None:
        if self.base.tables[0].field_named(name) is None:
            edit(self.store, self.base_id, "rename_field", table="Leads", field=self.company, name=name)

    @rule()
    def rename_option(self) -> None:
        status = self.base.tables[0].fields[1]
        old = status.choices[1]["name"]
        edit(
            self.store,
            self.base_id,
            "rename_option",
            table="Leads",
            field=status.id,
            option=old,
            name=f"In Sequence {self.next_text()}",
        )

    @rule()
    def add_field(self) -> None:
        name = f"Extra {self.next_text()}"
        edit(self.store, self.base_id, "add_field", table="Leads", name=name, type="singleLineText")
        self.store.update(self.base_id, "Leads", {i: {name: "filled"} for i in self.ids()[:1]})

    @rule()
    def delete_field(self) -> None:
        extra = [item.id for item in self.base.tables[0].fields if item.name.startswith("Extra")]
        if extra:
            edit(self.store, self.base_id, "delete_field", table="Leads", field=extra[0])

    # What happens on the wire, and to hooks

    @rule(path=st.sampled_from(PATHS), fault=st.sampled_from(FAULTS), times=st.integers(1, 7), skip=st.integers(0, 2))
    def fail(self, path: str, fault: dict[str, Any], times: int, skip: int) -> None:
        self.emulator.fail(path=path, times=times, skip=skip, **fault)

    @rule()
    def forget_iterators(self) -> None:
        self.emulator.kill_iterators()

    @rule(do=st.sampled_from(["expire", "invalidate", "disable", "delete", "purge"]))
    def hurt_hooks(self, do: str) -> None:
        webhooks = self.emulator.state.webhooks
        for hook in self.emulator.hooks(self.base_id):
            match do:
                case "expire":
                    webhooks.expire(hook)
                case "invalidate":
                    webhooks.invalidate(hook)
                case "disable":
                    hook.is_enabled = False
                case "delete":
                    webhooks.hooks[self.base_id].clear()
                case _:
                    webhooks.purge(hook)
        self.make_checks_due()

    @rule(split=st.sampled_from([None, 1, 2]), half_filled=st.booleans())
    def tell_otherwise(self, split: int | None, half_filled: bool) -> None:
        self.emulator.behaviour.payload_records = split
        self.emulator.behaviour.half_filled_creates = half_filled

    @rule(hours=st.sampled_from([1, 30, 200, 400]))
    def let_time_pass(self, hours: int) -> None:
        self.emulator.advance(hours * 3600)
        with self.reader.engine.begin() as connection:  # for us, too
            connection.execute(
                text("""
                    update app.airtable_hooks set
                        looked_at = looked_at - passed, checked_at = checked_at - passed,
                        schema_read_at = schema_read_at - passed
                    from (select make_interval(hours => :hours) as passed) as time where client = :client
                """),
                {"hours": hours, "client": self.reader.client.key},
            )

    # What we do

    @rule(options=st.sampled_from([{}, {}, {"quick": True}, {"full": True}, {"sweep": True}]))
    def sync(self, options: dict[str, bool]) -> None:
        outcomes = self.reader.sync(**options)
        went_well = not any(outcome.error or outcome.left or outcome.alarm for outcome in outcomes.values())
        if went_well and not self.marks():  # a record marked still is one that the cycle did not believe yet
            self.seen.append(self.airtable())

    @rule()
    def sync_while_somebody_works(self) -> None:
        """Changes, and writes of ours, happen between two pages."""

        def work(table: str, _: int) -> None:
            ids = self.ids()
            if table == "leads" and ids:
                self.store.update(self.base_id, "Leads", {ids[0]: {self.company: self.next_text()}})
                self.write(ids[-1], drop=False)

        self.reader.sync(progress=work, full=True)

    @rule(data=st.data(), drop=st.booleans())
    def write_through(self, data: st.DataObject, drop: bool) -> None:
        for record_id in self.some(data, 1):
            self.write(record_id, drop=drop)

    @rule(after=st.integers(0, 60), full=st.booleans())
    def sync_and_die(self, after: int, full: bool) -> None:
        """The process ends at some statement."""
        self.sync_killed_in_process(after, full)

    @rule(after=st.integers(1, 8), full=st.booleans())
    def sync_and_be_killed(self, after: int, full: bool) -> None:
        if type(self).sync_killed(self.reader, self.emulator, after, full):
            self.is_kill_due = False

    def write(self, record_id: str, *, drop: bool) -> None:
        with self.reader.engine.connect() as connection:
            source = known_tables(connection, self.reader.client).get("leads")
            sent_at: datetime = connection.execute(text("select clock_timestamp()")).scalar_one()
        if source is None:
            return
        if drop:
            self.emulator.fail(method="PATCH", drop="after")
        try:
            records = self.reader.gateway.update(source.table.id, {record_id: {self.company: self.next_text()}})
        except RetryableError:
            return  # applied, and nobody knows
        with self.reader.engine.begin() as connection:
            load_written(connection, source, records, sent_at)

    def sync_killed_in_process(self, after: int, full: bool) -> None:
        left = [after]

        def count(*_: object) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise KilledError

        event.listen(self.reader.engine, "before_cursor_execute", count)
        try:
            self.reader.sync(full=full)
        except KilledError:
            pass
        finally:
            event.remove(self.reader.engine, "before_cursor_execute", count)
            self.reader.engine.dispose()
            # A process that ended has no connections; as the login, because a role may not end a superuser's.
            with psycopg.connect(self.world.login_url, autocommit=True) as login:
                login.execute(
                    "select pg_terminate_backend(pid, 5000) from pg_stat_activity "
                    "where datname = current_database() and pid <> pg_backend_pid()"
                )

    # At the end

    def teardown(self) -> None:
        if not hasattr(self, "reader"):
            return
        if self.is_kill_due:
            # A full one asks for changes, for the schema, and for three tables.
            self.sync_and_be_killed(1 + self.world.count % 5, full=True)
            assert not self.is_kill_due
        self.emulator.heal()
        for _ in range(4):
            self.let_writes_settle()
            outcomes = list(self.reader.sync(accept_deletions=True).values())
            assert [outcome.error for outcome in outcomes] == [None] * 4
            if self.reader.gateway and self.is_without_hook():
                outcomes += self.reader.sync(sweep=True, accept_deletions=True).values()
            if not self.marks() and not any(outcome.changed or outcome.deleted for outcome in outcomes):
                break  # at rest
        self.check_rows()
        self.check_history()

    def check_rows(self) -> None:
        expected, present = self.airtable(), self.raw()
        with self.reader.engine.connect() as connection:
            counted = connection.execute(
                text("select source_table, rows from raw.table_counts where client = :client"),
                {"client": self.reader.client.key},
            )
            counts = {row.source_table: row.rows for row in counted}
        for table in TABLES:
            assert present[table] == expected[table], table
            assert counts.get(table, 0) == len(present[table]), table

    def check_history(self) -> None:
        client = self.reader.client.key
        with self.reader.engine.connect() as connection:
            for table in TABLES:
                versions = history_of(connection, client, table)
                for record_id, rows in versions.items():
                    assert [row.version for row in rows] == list(range(1, len(rows) + 1))
                    assert all(a.observed_at < b.observed_at for a, b in itertools.pairwise(rows))
                    if any(row.operation == "deleted" for row in rows):
                        assert record_id in self.was_deleted, "deleted here, never there"
                for state in self.seen:
                    for record_id, fields in state[table].items():
                        assert fields in [row.fields for row in versions[record_id]], "a version that was seen is gone"

    def raw(self) -> State:
        with self.reader.engine.connect() as connection:
            return {
                table: {
                    row.record_id: row.fields
                    for row in connection.execute(
                        text(
                            f"select record_id, fields from raw.{table} where client = :client and deleted_at is null"
                        ),
                        {"client": self.reader.client.key},
                    )
                }
                for table in TABLES
            }

    def airtable(self) -> State:
        """The base, under the names that our registry gives the fields."""
        with self.reader.engine.connect() as connection:
            sources = known_tables(connection, self.reader.client)
        state: State = {table: {} for table in TABLES}
        for table, source in sources.items():
            _, found = self.store.table(self.base_id, source.table.id)
            names = {item.name: source.names[item.id] for item in found.fields if item.id in source.names}
            for record_id, cells in self.store.read_all(self.base_id, found.id):
                state[table][record_id] = {names.get(name, name): value for name, value in cells.items()}
        return state

    def marks(self) -> int:
        with self.reader.engine.connect() as connection:
            marked: int = connection.execute(
                text("select count(*) from app.airtable_dirty where client = :client"),
                {"client": self.reader.client.key},
            ).scalar_one()
        return marked

    def is_without_hook(self) -> bool:
        with self.reader.engine.connect() as connection:
            hook: str | None = connection.execute(
                text("select hook_id from app.airtable_hooks where client = :client"),
                {"client": self.reader.client.key},
            ).scalar_one_or_none()
        return hook is None

    def let_writes_settle(self) -> None:
        """As if the last write had been a while ago: listings are not believed for two seconds after one."""
        with self.reader.engine.begin() as connection:
            connection.execute(
                text("update raw.leads set written_at = written_at - interval '10 s' where client = :client"),
                {"client": self.reader.client.key},
            )

    def make_checks_due(self) -> None:
        with self.reader.engine.begin() as connection:
            connection.execute(
                text(
                    "update app.airtable_hooks set checked_at = checked_at - interval '2 hours' where client = :client"
                ),
                {"client": self.reader.client.key},
            )

    @property
    def company(self) -> str:
        return self.base.tables[0].fields[5].id

    def ids(self) -> list[str]:
        return sorted(self.base.tables[0].records)

    def some(self, data: st.DataObject, many: int) -> list[str]:
        ids = self.ids()
        return ids[: data.draw(st.integers(0, min(many, len(ids))))] if ids else []

    def next_text(self) -> str:
        self.number += 1
        return f"text {self.number}"


def history_of(connection: Connection, client: str, table: str) -> dict[str, list[Any]]:
    versions: dict[str, list[Any]] = {}
    for row in connection.execute(
        text(f"select * from raw.{table}_history where client = :client order by record_id, version"),
        {"client": client},
    ):
        versions.setdefault(row.record_id, []).append(row)
    return versions


@pytest.fixture
def world(engine: Engine, settings: Settings) -> Any:
    behaviour = Behaviour(requests_per_second=None, user_requests_per_second=None)
    with running_emulator(Store({}), behaviour) as emulator:
        yield World(engine, settings, emulator)


def run(world: World, examples: int, killed: Callable[[Reader, Emulator, int, bool], bool]) -> None:
    Sequence.world = world
    Sequence.sync_killed = staticmethod(killed)
    run_state_machine_as_test(
        Sequence,
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            phases=[Phase.generate],  # a sequence that fails is short enough to be read, and shrinking takes minutes
            database=None,
            derandomize="UYSP_SEQUENCES" not in inherited_environment(),  # else --hypothesis-seed says which
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )


def kill_nobody(reader: Reader, emulator: Emulator, after: int, full: bool) -> bool:
    reader.sync(quick=True)
    return False


def kill(reader: Reader, emulator: Emulator, after: int, full: bool) -> bool:
    """A real process, a real kill -9 while it waits for the `after`th answer; returns whether it came so far."""
    assert reader.settings.database_url is not None
    program = (
        "import sys; from pydantic import SecretStr; from uysp.airtable.limiter import Limiter\n"
        "from uysp.database import Role, open_database; from uysp.settings import Client, load_settings\n"
        "from uysp.sync import sync_client\n"
        "settings = load_settings(); client = Client(sys.argv[1], 'one', sys.argv[2], SecretStr('pat'))\n"
        "with open_database(settings, Role.PIPELINE) as engine:\n"
        "    sync_client(engine, settings, client, full='full' in sys.argv, pace=Limiter(1e6, pause=lambda _: None))\n"
    )
    environment = inherited_environment() | {
        "DATABASE_URL": reader.settings.database_url.get_secret_value(),
        "UYSP_HOME": str(reader.settings.uysp_home),
        "AIRTABLE_ENDPOINT_URL": emulator.url,
    }
    emulator.state.faults.clear()
    waiting = emulator.fail(skip=after - 1, latency=30)
    arguments = [reader.client.key, reader.client.base_id, *(["full"] if full else [])]
    process = subprocess.Popen([sys.executable, "-c", program, *arguments], env=environment, cwd=PROJECT)
    try:
        end = time.monotonic() + 60
        while process.poll() is None and waiting.times:
            assert time.monotonic() < end, "it asks for nothing"
            time.sleep(0.02)
    finally:
        process.kill()  # SIGKILL
        status = process.wait()
        emulator.heal()
    assert status in {0, -signal.SIGKILL}
    with exclusive(reader.engine, f"sync {reader.client.key}"):
        pass  # the database has noticed, too
    return status == -signal.SIGKILL


@pytest.mark.timeout(6000)
def test_whatever_happens_raw_ends_as_what_airtable_holds(world: World) -> None:
    run(world, EXAMPLES - KILLED, kill_nobody)


@pytest.mark.timeout(6000)
def test_whatever_happens_and_whenever_processes_are_killed(world: World) -> None:
    run(world, KILLED, kill)
