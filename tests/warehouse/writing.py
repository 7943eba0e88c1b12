"""Puts bases into schema raw and the activity log as the loader and the bot would, one state after the other."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from tests.warehouse.expected.base import SOURCE_TABLES, Base, Fields, Version, json_text
from tests.warehouse.world import FIELD_TYPES

Load = tuple[str, str, datetime]  # client, source table, when
JSON_COLUMNS = ("fields", "details")


def reserve_load_ids(connection: Connection, count: int) -> Iterator[int]:
    """Return load ids that a slow load took before those of others that end before it."""
    sequence = "nextval(pg_get_serial_sequence('raw.loads', 'load_id'))"
    return iter(connection.execute(text(f"select {sequence} from generate_series(1, {count})")).scalars().all())


def write_bases(connection: Connection, bases: Iterable[Base], load_ids: Iterator[int] | None = None) -> None:
    """Add to the database what `bases` have and it does not, loads of all clients in the order of their times.

    Args:
        bases: each holds all that it held when it was written before.
        load_ids: reserved ones; without them each load takes the next.
    """
    bases = list(bases)
    known = _versions_known(connection)
    new = {
        (base.client, table, record_id): [
            version for version in versions if version.version > known.get((base.client, table, record_id), 0)
        ]
        for base in bases
        for table, records in base.histories.items()
        for record_id, versions in records.items()
    }
    ids = _write_loads(connection, bases, new, load_ids)
    for base in bases:
        _write_registry(connection, base)
        for table in base.histories:
            changed = [key for key in new if key[:2] == (base.client, table) and new[key]]
            history = [_history_row(key, version, ids) for key in changed for version in new[key]]
            _insert(connection, f"raw.{table}_history", history)
            present = [_present_row(base, key, ids) for key in changed]
            _insert(connection, f"raw.{table}", present, key=("client", "record_id"))
        _write_actions(connection, base)
    count_tables(connection)


def count_tables(connection: Connection) -> None:
    """Bring raw.table_counts to what the tables hold."""
    for table in SOURCE_TABLES:
        connection.execute(text("delete from raw.table_counts where source_table = :table"), {"table": table})
        connection.execute(
            text(f"""
                insert into raw.table_counts
                select client, :table, sum((deleted_at is null)::int), sum((deleted_at is not null)::int),
                       max(modified_at)
                from raw.{table} group by client
            """),
            {"table": table},
        )


def _versions_known(connection: Connection) -> dict[tuple[str, str, str], int]:
    tables = ("leads", "campaigns", "sms_templates", "sms_audit")
    return {
        (row.client, table, row.record_id): row.version
        for table in tables
        for row in connection.execute(text(f"select client, record_id, version from raw.{table}"))
    }


def _write_loads(
    connection: Connection,
    bases: list[Base],
    new: dict[tuple[str, str, str], list[Version]],
    load_ids: Iterator[int] | None,
) -> dict[Load, int]:
    operations: dict[Load, list[str]] = {}
    first_loads = {(base.client, table): at for base in bases for table, at in base.first_load_at.items()}
    known: dict[Load, int] = {
        (row.client, row.source_table, row.observed_at): row.load_id
        for row in connection.execute(text("select client, source_table, observed_at, load_id from raw.loads"))
    }
    for (client, table), at in first_loads.items():
        operations[client, table, at] = []  # also one that found nothing
    for (client, table, _), versions in new.items():
        for version in versions:
            operations.setdefault((client, table, version.observed_at), []).append(version.operation)
    for load in sorted(operations.keys() - known.keys(), key=lambda load: (load[2], *load)):
        client, table, at = load
        done = operations[load]
        counts = {kind: done.count(kind) for kind in ("created", "updated", "deleted", "restored")}
        row = {"client": client, "source_table": table, "observed_at": at, "records_read": len(done)}
        row |= counts | {"is_first": first_loads[client, table] == at}
        known[load] = _insert_load(connection, row, None if load_ids is None else next(load_ids))
    return known


def _insert_load(connection: Connection, row: dict[str, Any], load_id: int | None) -> int:
    number = {} if load_id is None else {"load_id": load_id}
    columns = [*row, *number]
    written: int = connection.execute(
        text(f"""
            insert into raw.loads ({", ".join(columns)}) overriding system value
            values ({", ".join(f":{column}" for column in columns)}) returning load_id
        """),
        row | number,
    ).scalar_one()
    return written


def _write_registry(connection: Connection, base: Base) -> None:
    client = {"client": base.client}
    names = {"name": base.client, "base_id": f"app{base.client:0>14}"}
    settings = {"timezone": base.timezone, "internal_campaigns": list(base.internal_campaigns)}
    _insert(connection, "raw.clients", [client | names | settings], key=("client",))
    for table, first in base.first_load_at.items():
        seen = client | {"source_table": table, "first_seen": first, "last_seen": first, "deleted_at": None}
        named = {"table_id": f"tbl_{table}", "current_name": table}
        _insert(connection, "raw.airtable_tables", [seen | named], key=("client", "source_table"))
        columns = [
            seen
            | {"field_id": f"fld_{name}", "canonical_name": name, "current_name": name, "type": type_}
            | {"options": None}
            for name, type_ in FIELD_TYPES[table].items()
        ]
        _insert(connection, "raw.airtable_fields", columns, key=("client", "source_table", "field_id"))
    options = [
        client
        | {"source_table": option.source_table, "field_id": f"fld_{option.field}"}
        | {"option_id": option.option_id, "name": option.name}
        | {"seen_from": option.seen_from, "seen_to": option.seen_to}
        for option in base.options
    ]
    if _renames_options(connection, base):  # as uysp.airtable.fields does
        connection.execute(text("delete from app.built_loads where client = :client"), client)
    option_key = ("client", "source_table", "field_id", "option_id", "seen_from")
    _insert(connection, "raw.airtable_options", options, key=option_key)
    states = [
        client
        | {"source_table": table, "last_synced_at": state.last_synced_at, "last_error": state.last_error}
        | {"last_error_at": state.last_synced_at if state.last_error else None}
        for table, state in base.sync_state.items()
    ]
    _insert(connection, "raw.sync_state", states, key=("client", "source_table"))


def _renames_options(connection: Connection, base: Base) -> bool:
    """Return whether an option has another name than in the database."""
    open_names = {
        (row.source_table, row.field_id, row.option_id, row.name)
        for row in connection.execute(
            text("select * from raw.airtable_options where client = :client and seen_to is null"),
            {"client": base.client},
        )
    }
    present = {
        (option.source_table, f"fld_{option.field}", option.option_id, option.name)
        for option in base.options
        if option.seen_to is None
    }
    return not open_names <= present


def _write_actions(connection: Connection, base: Base) -> None:
    written: int = connection.execute(
        text("select count(*) from app.activity_log where client = :client"), {"client": base.client}
    ).scalar_one()
    rows = [{"client": base.client} | asdict(action) for action in base.actions[written:]]
    _insert(connection, "app.activity_log", [row | {"details": json_text(row["details"])} for row in rows])


def _history_row(key: tuple[str, str, str], version: Version, ids: dict[Load, int]) -> Fields:
    client, table, record_id = key
    return {
        "client": client,
        "record_id": record_id,
        "version": version.version,
        "fields": json_text(version.fields),
        "observed_at": version.observed_at,
        "operation": version.operation,
        "load_id": ids[client, table, version.observed_at],
    }


def _present_row(base: Base, key: tuple[str, str, str], ids: dict[Load, int]) -> Fields:
    client, table, record_id = key
    last = base.histories[table][record_id][-1]
    return {
        "client": client,
        "record_id": record_id,
        "fields": json_text(last.fields),
        "created_time": base.created_times[table][record_id],
        "modified_at": last.observed_at,
        "extracted_at": last.observed_at,
        "deleted_at": last.observed_at if last.operation == "deleted" else None,
        "version": last.version,
        "load_id": ids[client, table, last.observed_at],
    }


def _insert(connection: Connection, table: str, rows: list[Fields], key: tuple[str, ...] = ()) -> None:
    """Insert rows; with `key`, update those that are there."""
    if not rows:
        return
    columns = list(rows[0])
    values = ", ".join(f"cast(:{name} as jsonb)" if name in JSON_COLUMNS else f":{name}" for name in columns)
    changes = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in key)
    otherwise = f"on conflict ({', '.join(key)}) do update set {changes}" if key else ""
    connection.execute(text(f"insert into {table} ({', '.join(columns)}) values ({values}) {otherwise}"), rows)
