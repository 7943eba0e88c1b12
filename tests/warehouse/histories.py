"""Seeded histories of awkward bases: several clients, each in several successive states."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.warehouse.awkward import PHONES_AROUND, iso
from tests.warehouse.events import TEN_DIGITS, fill, live
from tests.warehouse.expected.base import SOURCE_TABLES, Base, Fields, OptionName, SyncState, Version
from tests.warehouse.world import OPTIONS, World, load_time, observe


def awkward_bases(seed: int) -> list[Base]:
    """Return three bases: an ordinary one, one first seen on 29 February, and one that lacks fields and tables.

    Their clients are named by kind and seed, so that bases of several seeds fit into one database.
    """
    starts = (
        datetime(2025, 3, 1, 7, 0, 0, 123_457, tzinfo=UTC),
        datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2025, 6, 30, 12, tzinfo=UTC),
    )
    return [
        _awkward_base(random.Random(f"{seed} {kind}"), f"{kind}-{seed}", start, is_poor=kind == "poor")
        for kind, start in zip(("acme", "leap", "poor"), starts, strict=True)
    ]


def _awkward_base(rng: random.Random, client: str, start: datetime, *, is_poor: bool) -> Base:
    world = World(rng, start)
    tables = ("leads", "campaigns") if is_poor else SOURCE_TABLES
    lacking = {"Notes", "Reply Count", "Click Count", "Linked Campaign", "Active"} if is_poor else set()
    base = Base(client, "America/New_York", ("call_booked", " PRICING-rules "))
    for (table, field_name), names in OPTIONS.items():
        if table in tables:
            for number, name in enumerate(names):
                option_id = f"opt {table} {field_name} {number}"
                world.option_names.append(OptionName(table, field_name, option_id, name, start, None))
    fill(world)
    for number in range(rng.randrange(7, 10)):
        if number:
            world.now += rng.choice([timedelta(minutes=5), timedelta(hours=9), timedelta(days=3), timedelta(days=60)])
            world.now += timedelta(microseconds=rng.randrange(10**9))
            live(world, tables)
        for table in tables:
            at = load_time(world, table)
            if table == "campaigns" and is_poor and number == 0:
                base.first_load_at[table] = at  # was empty when it was first loaded
                continue
            observe(world, base, table, at, lacking)
            error = "Airtable did not answer." if table == "campaigns" else None
            base.sync_state[table] = SyncState(at, error)
    base.options.extend(world.option_names)
    for table in tables:
        base.created_times[table] = {record_id: world.created[table][record_id] for record_id in base.history(table)}
    return base


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
