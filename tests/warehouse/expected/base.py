"""What raw holds for one client, as plain objects; nothing here knows what any value means.

`read_bases` takes it from a database, `write_bases` puts it there as the loader would.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, text

SOURCE_TABLES = ("leads", "campaigns", "sms_templates", "sms_audit")

Json = Any  # None, bool, int, Decimal, str, list or dict, as JSON has them
Fields = dict[str, Json]


@dataclass(frozen=True)
class Version:
    """One row of a raw history; a deletion repeats the fields known last."""

    version: int
    fields: Fields
    observed_at: datetime
    operation: str


@dataclass(frozen=True)
class OptionName:
    """One name that a select option had in [seen_from, seen_to); seen_to None: its present name."""

    source_table: str
    field: str
    option_id: str
    name: str
    seen_from: datetime
    seen_to: datetime | None


@dataclass(frozen=True)
class SyncState:
    """How the last looks at a table ended."""

    last_synced_at: datetime | None
    last_error: str | None


@dataclass(frozen=True)
class Base:
    """All that raw holds for one client; tables that its Airtable base lacks are missing from the dicts."""

    client: str
    timezone: str = "UTC"
    internal_campaigns: tuple[str, ...] = ("call_booked",)
    histories: dict[str, dict[str, list[Version]]] = field(default_factory=dict)
    created_times: dict[str, dict[str, datetime]] = field(default_factory=dict)
    first_load_at: dict[str, datetime] = field(default_factory=dict)
    options: list[OptionName] = field(default_factory=list)
    sync_state: dict[str, SyncState] = field(default_factory=dict)

    def history(self, source_table: str) -> dict[str, list[Version]]:
        """Return record id to all its history rows in order, deletions included."""
        return self.histories.get(source_table, {})

    def versions(self, source_table: str) -> dict[str, list[Version]]:
        """Return record id to its versions: history rows that are no deletion (metrics.md, introduction)."""
        return {
            record_id: [row for row in rows if row.operation != "deleted"]
            for record_id, rows in self.history(source_table).items()
        }

    def present(self, source_table: str) -> dict[str, Version]:
        """Return record id to the present version, for the records that exist."""
        return {
            record_id: rows[-1]
            for record_id, rows in self.history(source_table).items()
            if rows[-1].operation != "deleted"
        }

    @cached_property
    def names_by_field(self) -> dict[tuple[str, str], list[OptionName]]:
        """Option names by (source table, field)."""
        by_field: dict[tuple[str, str], list[OptionName]] = {}
        for option in self.options:
            by_field.setdefault((option.source_table, option.field), []).append(option)
        return by_field


def json_text(value: Json) -> str:
    """Return JSON as Postgres prints jsonb: no exponents, keys by length and then bytes."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int | Decimal):
        return number_text(value)
    if isinstance(value, list):
        return "[" + ", ".join(json_text(item) for item in value) + "]"
    keys = sorted(value, key=lambda key: (len(key.encode()), key.encode()))
    return "{" + ", ".join(f"{json_text(key)}: {json_text(value[key])}" for key in keys) + "}"


def number_text(value: int | Decimal) -> str:
    """Return a JSON number as Postgres prints it."""
    number = Decimal(value)
    return f"{number.copy_abs() if number.is_zero() else number:f}"


def read_bases(connection: Connection) -> list[Base]:
    """Return every client's base from schema raw, in the order of their keys."""
    bases = {
        client: Base(client, timezone, tuple(internal))
        for client, timezone, internal in _rows(
            connection, "select client, timezone, internal_campaigns from raw.clients"
        )
    }
    for table in SOURCE_TABLES:
        for client, record_id, version, fields, observed_at, operation in _rows(
            connection,
            f"""
            select client, record_id, version, fields::text, observed_at, operation
            from raw.{table}_history order by client, record_id, version
            """,
        ):
            row = Version(version, _parse(fields), observed_at, operation)
            bases[client].histories.setdefault(table, {}).setdefault(record_id, []).append(row)
        for client, record_id, created in _rows(connection, f"select client, record_id, created_time from raw.{table}"):
            bases[client].created_times.setdefault(table, {})[record_id] = created
    for client, table, observed_at in _rows(
        connection, "select client, source_table, observed_at from raw.loads where is_first"
    ):
        bases[client].first_load_at[table] = observed_at
    for client, table, synced_at, error in _rows(
        connection, "select client, source_table, last_synced_at, last_error from raw.sync_state"
    ):
        bases[client].sync_state[table] = SyncState(synced_at, error)
    for client, *option in _rows(
        connection,
        """
        select o.client, source_table, f.canonical_name, o.option_id, o.name, o.seen_from, o.seen_to
        from raw.airtable_options as o
        join raw.airtable_fields as f using (client, source_table, field_id)
        order by o.client, source_table, f.canonical_name, o.option_id, o.seen_from
        """,
    ):
        bases[client].options.append(OptionName(*option))
    return [bases[client] for client in sorted(bases)]


def write_bases(connection: Connection, bases: Iterable[Base], field_types: dict[str, dict[str, str]]) -> None:
    """Fill the empty tables of schema raw with `bases`, loads of all clients in the order of their times.

    Args:
        field_types: source table to field name to Airtable's type, for the registry.
    """
    bases = list(bases)
    load_ids = _write_loads(connection, bases)
    for base in bases:
        _write_registry(connection, base, field_types)
        for table, records in base.histories.items():
            history = [
                _history_row(base, table, record_id, version, load_ids)
                for record_id, versions in records.items()
                for version in versions
            ]
            _insert(connection, f"raw.{table}_history", history)
            _insert(connection, f"raw.{table}", [_present_row(base, table, r, load_ids) for r in records])


LoadIds = dict[tuple[str, str, datetime], int]


def _write_loads(connection: Connection, bases: list[Base]) -> LoadIds:
    operations: dict[tuple[datetime, str, str], list[str]] = {}
    for base in bases:
        for table, first in base.first_load_at.items():
            operations[(first, base.client, table)] = []
        for table, records in base.histories.items():
            for version in (version for versions in records.values() for version in versions):
                key = (version.observed_at, base.client, table)
                operations.setdefault(key, []).append(version.operation)
    first_loads = {(base.client, table): at for base in bases for table, at in base.first_load_at.items()}
    load_ids: LoadIds = {}
    for (at, client, table), done in sorted(operations.items()):
        load_ids[client, table, at] = connection.execute(
            text("""
                insert into raw.loads (
                    client, source_table, observed_at, is_first, records_read, created, updated, deleted, restored
                ) values (:client, :table, :at, :first, :read, :created, :updated, :deleted, :restored)
                returning load_id
            """),
            {
                "client": client,
                "table": table,
                "at": at,
                "first": first_loads[client, table] == at,
                "read": len(done),
                "created": done.count("created"),
                "updated": done.count("updated"),
                "deleted": done.count("deleted"),
                "restored": done.count("restored"),
            },
        ).scalar_one()
    return load_ids


def _write_registry(connection: Connection, base: Base, field_types: dict[str, dict[str, str]]) -> None:
    client = {"client": base.client}
    _insert(
        connection,
        "raw.clients",
        [
            client
            | {"name": base.client, "base_id": f"app{base.client:0>14}", "timezone": base.timezone}
            | {"internal_campaigns": list(base.internal_campaigns)}
        ],
    )
    for table, first in base.first_load_at.items():
        seen = client | {"source_table": table, "first_seen": first, "last_seen": first, "deleted_at": None}
        _insert(connection, "raw.airtable_tables", [seen | {"table_id": f"tbl_{table}", "current_name": table}])
        columns = [
            seen
            | {"field_id": f"fld_{name}", "canonical_name": name, "current_name": name, "type": type_}
            | {"options": None}
            for name, type_ in field_types[table].items()
        ]
        _insert(connection, "raw.airtable_fields", columns)
    options = [
        client
        | {"source_table": option.source_table, "field_id": f"fld_{option.field}"}
        | {"option_id": option.option_id, "name": option.name}
        | {"seen_from": option.seen_from, "seen_to": option.seen_to}
        for option in base.options
    ]
    _insert(connection, "raw.airtable_options", options)
    states = [
        client
        | {"source_table": table, "last_synced_at": state.last_synced_at, "last_error": state.last_error}
        | {"last_error_at": state.last_synced_at if state.last_error else None}
        for table, state in base.sync_state.items()
    ]
    _insert(connection, "raw.sync_state", states)


def _history_row(base: Base, table: str, record_id: str, version: Version, load_ids: LoadIds) -> Fields:
    return {
        "client": base.client,
        "record_id": record_id,
        "version": version.version,
        "fields": json_text(version.fields),
        "observed_at": version.observed_at,
        "operation": version.operation,
        "load_id": load_ids[base.client, table, version.observed_at],
    }


def _present_row(base: Base, table: str, record_id: str, load_ids: LoadIds) -> Fields:
    last = base.histories[table][record_id][-1]
    return {
        "client": base.client,
        "record_id": record_id,
        "fields": json_text(last.fields),
        "created_time": base.created_times[table][record_id],
        "modified_at": last.observed_at,
        "extracted_at": last.observed_at,
        "deleted_at": last.observed_at if last.operation == "deleted" else None,
        "version": last.version,
        "load_id": load_ids[base.client, table, last.observed_at],
    }


def _insert(connection: Connection, table: str, rows: list[Fields]) -> None:
    if not rows:
        return
    columns = list(rows[0])
    values = ", ".join("cast(:fields as jsonb)" if name == "fields" else f":{name}" for name in columns)
    connection.execute(text(f"insert into {table} ({', '.join(columns)}) values ({values})"), rows)


def _rows(connection: Connection, sql: str) -> Iterator[Any]:
    return iter(connection.execute(text(sql)))


def _parse(fields: str) -> Fields:
    parsed: Fields = json.loads(fields, parse_int=Decimal, parse_float=Decimal)
    return parsed
