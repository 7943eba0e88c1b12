"""What raw holds, and what it should hold, in plain Python."""

import itertools
from typing import Any

from sqlalchemy import Engine, text

from playground.airtable.server import Emulator
from uysp.airtable.fields import TABLES
from uysp.storable import storable

State = dict[str, list[tuple[Any, ...]]]


def whole_state(engine: Engine) -> State:
    """Everything that a load writes, so that two states can be compared."""
    tables = [*TABLES, *(f"{table}_history" for table in TABLES), "loads", "table_counts"]
    tables += ["airtable_tables", "airtable_fields"]
    with engine.connect() as connection:
        return {
            # When the schema was last read is no state.
            table: sorted(
                (
                    tuple(row)
                    for row in connection.execute(text(f"select to_jsonb(t) - 'last_seen' from raw.{table} t"))
                ),
                key=repr,
            )
            for table in [*tables, "airtable_options"]
        }


def present_records(engine: Engine, source_table: str) -> dict[str, dict[str, Any]]:
    with engine.connect() as connection:
        rows = connection.execute(text(f"select record_id, fields from raw.{source_table} where deleted_at is null"))
        return {row.record_id: row.fields for row in rows}


def airtable_records(emulator: Emulator, source_table: str) -> dict[str, dict[str, Any]]:
    (base_id,) = emulator.store.bases
    return {record_id: storable(cells) for record_id, cells in emulator.store.read_all(base_id, TABLES[source_table])}


def assert_raw_equals_airtable(engine: Engine, emulator: Emulator) -> None:
    for source_table in TABLES:
        raw, airtable = present_records(engine, source_table), airtable_records(emulator, source_table)
        # Of two whole tables pytest would make a comparison that takes minutes.
        differing = [i for i in sorted(raw.keys() | airtable.keys()) if raw.get(i) != airtable.get(i)]
        shown = {i: (raw.get(i), airtable.get(i)) for i in differing[:2]}
        assert not differing, f"{len(differing)} records of {source_table} (raw, Airtable): {shown}"


def assert_counts_are_true(engine: Engine) -> None:
    """What the loader counted is what there is, in every table that was ever loaded."""
    with engine.connect() as connection:
        for source_table in TABLES:
            counted = connection.execute(
                text("""
                    select client, rows, deleted_rows, last_changed_at from raw.table_counts
                    where source_table = :source_table and rows + deleted_rows > 0 order by client
                """),
                {"source_table": source_table},
            ).all()
            records: dict[str, list[Any]] = {}
            for row in connection.execute(text(f"select client, modified_at, deleted_at from raw.{source_table}")):
                records.setdefault(row.client, []).append(row)
            found = []
            for client, rows in sorted(records.items()):
                gone = sum(row.deleted_at is not None for row in rows)
                found.append((client, len(rows) - gone, gone, max(row.modified_at for row in rows)))
            assert [tuple(row) for row in counted] == found, source_table


def assert_history_is_sound(engine: Engine) -> None:
    """Versions count from 1 without gaps, the last one is the present row, operations follow from one another."""
    assert_counts_are_true(engine)
    for source_table in TABLES:
        with engine.connect() as connection:
            versions: dict[str, list[Any]] = {}
            for row in connection.execute(
                text(f"select * from raw.{source_table}_history order by record_id, version")
            ):
                versions.setdefault(row.record_id, []).append(row)
            present = {row.record_id: row for row in connection.execute(text(f"select * from raw.{source_table}"))}
        assert versions.keys() == present.keys()
        for record_id, rows in versions.items():
            assert [row.version for row in rows] == list(range(1, len(rows) + 1))
            assert rows[0].operation == "created"
            for before, after in itertools.pairwise(rows):
                assert before.observed_at < after.observed_at
                allowed = {"restored"} if before.operation == "deleted" else {"updated", "deleted"}
                assert after.operation in allowed
                if after.operation == "updated":
                    assert before.fields != after.fields
            last, row = rows[-1], present[record_id]
            assert (last.fields, last.version, last.observed_at) == (row.fields, row.version, row.modified_at)
            assert (row.deleted_at is not None) == (last.operation == "deleted")
