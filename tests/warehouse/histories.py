"""Seeded histories of awkward bases: several clients, each in several successive states."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.warehouse.awkward import PHONES_AROUND, iso
from tests.warehouse.bot import GAP, act
from tests.warehouse.events import TEN_DIGITS, fill, happen, live, rename_options
from tests.warehouse.expected.base import SOURCE_TABLES, Base, Fields, OptionName, SyncState, Version
from tests.warehouse.world import OPTIONS, World, load_time, observe, observe_written

STATES = 9
ACTIONS_A_ROUND = 4
LONGEST_ROUND = timedelta(hours=4)  # what a round takes beyond its pause, its loads and actions included
UNSEEN, MISSED = 0.2, 0.2


States = list[Base]  # one base as it was after each of several loads


def awkward_states(seed: int, until: datetime) -> list[States]:
    """Return three bases: an ordinary one, one first seen on 29 February, and one that lacks fields and tables.

    Each has `STATES` states: the last one differs from the one before in the names of options alone. Their clients
    are named by kind and seed, so that bases of several seeds fit into one database.

    Args:
        until: when the last loads ended, but for some hours; what a dashboard counts has to lie shortly before it.
    """
    zones = ("America/New_York", "Asia/Kolkata", "Pacific/Auckland")
    return [
        _awkward_states(random.Random(f"{seed} {kind}"), Base(f"{kind}-{seed}", zone), until)
        for kind, zone in zip(("acme", "leap", "poor"), zones, strict=True)
    ]


def _awkward_states(rng: random.Random, base: Base, until: datetime) -> States:
    long = [timedelta(hours=9), timedelta(days=3), timedelta(days=12), timedelta(days=60)]
    short = [timedelta(minutes=5), timedelta(hours=20), timedelta(minutes=5), timedelta(hours=9)]
    pauses = [timedelta(), *rng.choices(long, k=4), *rng.sample(short, k=3)]
    is_poor, is_leap = base.client.startswith("poor"), base.client.startswith("leap")
    start = until - sum(pauses, timedelta()) - len(pauses) * LONGEST_ROUND
    world = World(rng, datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC) if is_leap else start)
    tables = ("leads", "campaigns") if is_poor else SOURCE_TABLES
    lacking = {"Notes", "Reply Count", "Click Count", "Linked Campaign", "Active"} if is_poor else set()
    base = replace(base, internal_campaigns=("call_booked", " PRICING-rules "))
    _add_options(world, tables)
    fill(world)
    states = []
    for number, pause in enumerate(pauses):
        if number:
            world.now += pause + timedelta(microseconds=rng.randrange(10**9))
            live(world, tables)
        if is_poor and number == 2:
            base = replace(base, timezone="America/St_Johns", internal_campaigns=("default_nurture",))
        for table in tables:
            at = load_time(world, table)
            if table == "campaigns" and is_poor and number == 0:
                base.first_load_at[table] = at  # was empty when it was first loaded
                continue
            observe(world, base, table, at, lacking)
            error = "Airtable did not answer." if table == "campaigns" else None
            base.sync_state[table] = SyncState(at, error)
        for _ in range(ACTIONS_A_ROUND):
            _act_and_observe(world, base, lacking)
        world.now += GAP
        states.append(_state(world, base, tables))
    # options have other names already, and no record was read since
    rename_options(world)
    return [*states, _state(world, base, tables)]


def _add_options(world: World, tables: Sequence[str]) -> None:
    for (table, field_name), names in OPTIONS.items():
        if table in tables:
            for number, name in enumerate(names):
                option_id = f"opt {table} {field_name} {number}"
                world.option_names.append(OptionName(table, field_name, option_id, name, world.now, None))


def _act_and_observe(world: World, base: Base, lacking: set[str]) -> None:
    """Let somebody use the bot, and load what Airtable answered at once, or find it with the next look."""
    world.now += GAP
    lead_id = world.rng.choice(list(world.records["leads"]))
    if world.rng.random() < UNSEEN:  # something else happened to the lead that we have not seen yet
        happen(world, lead_id)
    before = len(world.actions)
    act(world, lead_id)
    changed = {action.lead_id or "" for action in world.actions[before:] if action.outcome == "done"}
    if world.rng.random() < MISSED:
        observe(world, base, "leads", world.now + timedelta(minutes=4), lacking)
        return
    for record_id in sorted(changed & set(world.records["leads"])):
        at = world.now + timedelta(milliseconds=world.rng.choice([-300, 0, 700]))
        observe_written(world, base, record_id, at, lacking)
        if world.rng.random() < UNSEEN:  # a scheduler that had read the lead before writes over it
            statuses = {"Processing Status": "In Sequence", "HRQ Status": "Review", "Claimed By": "Cy"}
            world.set("leads", record_id, **statuses)
            observe_written(world, base, record_id, at + timedelta(minutes=4), lacking)


def _state(world: World, base: Base, tables: Sequence[str]) -> Base:
    """Return what a base holds now, for good."""
    return replace(
        base,
        histories={
            table: {record_id: list(rows) for record_id, rows in records.items()}
            for table, records in base.histories.items()
        },
        created_times={
            table: {record_id: world.created[table][record_id] for record_id in base.history(table)} for table in tables
        },
        first_load_at=dict(base.first_load_at),
        options=list(world.option_names),
        sync_state=dict(base.sync_state),
        actions=list(world.actions),
    )


def competing_receipts(rng: random.Random, client: str) -> Base:
    """Return a base in which many receipts compete for few messages; no date or option in it depends on the load."""
    world = World(rng, datetime(2025, 5, 1, 12, tzinfo=UTC))
    leads = [world.add("leads", {"Phone": digits, "SMS Status": "Sent"}) for digits in TEN_DIGITS[:2]]
    leads.append(world.add("leads", {"Phone": TEN_DIGITS[0], "SMS Status": "Test"}))
    for _ in range(60):
        fields: Fields = {
            "Event": rng.choice(["Send Attempt", "Sent", "Sent", "Send Failed", *["Delivery", "Click"] * 4]),
            "Phone": rng.choice(PHONES_AROUND).format(rng.choice(TEN_DIGITS[:2])),
            "Lead Record ID": rng.choice([*leads, None, None]),
            "Status": rng.choice(["Sent", "Delivered", "Failed", None]),
        }
        at = iso(world.now + timedelta(minutes=5 * rng.randrange(6)))
        times = {"Delivery": "Delivery At", "Click": "Clicked At"}
        world.add("sms_audit", fields | {times.get(fields["Event"], "Sent At"): at})
    base = Base(client)
    for table in SOURCE_TABLES:
        observe(world, base, table, world.now + timedelta(hours=1), set())
        base.sync_state[table] = SyncState(world.now + timedelta(hours=1), None)
        base.created_times[table] = dict(world.created[table])
    return base


def held_at(base: Base, moment: datetime) -> Base:
    """Return what a base held of its records at a moment; options and actions stay as they are."""
    histories = {
        table: {
            record_id: [row for row in rows if row.observed_at <= moment]
            for record_id, rows in records.items()
            if rows[0].observed_at <= moment
        }
        for table, records in base.histories.items()
    }
    return replace(base, histories=histories)


def with_other_arrival(base: Base, client: str, rng: random.Random) -> Base:
    """Return the same records, but the audit records in shuffled rows, arrived in several loads, some twice."""
    first = base.first_load_at["sms_audit"]
    arrivals: dict[str, list[Version]] = {}
    audit = base.history("sms_audit")
    for record_id in rng.sample(list(audit), k=len(audit)):
        at = first + timedelta(minutes=5 * rng.randrange(5))
        rows = [Version(1, audit[record_id][0].fields, at, "created")]
        if rng.random() < 0.2:
            rows.append(Version(2, rows[0].fields, at + timedelta(hours=1), "deleted"))
            rows.append(Version(3, rows[0].fields, at + timedelta(hours=2), "restored"))
        arrivals[record_id] = rows
    return replace(base, client=client, histories=base.histories | {"sms_audit": arrivals})
