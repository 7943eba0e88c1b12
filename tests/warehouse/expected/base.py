"""What raw and the activity log hold for one client, as plain objects; nothing here knows what any value means."""

import json
from collections.abc import Iterator
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
class Action:
    """A line of the activity log; its number says nothing, so it is left out."""

    at: datetime
    actor_id: str
    actor_name: str | None
    action: str
    lead_id: str | None
    details: Fields
    outcome: str


@dataclass(frozen=True)
class Base:
    """All that we hold for one client; tables that its Airtable base lacks are missing from the dicts."""

    client: str
    timezone: str = "UTC"
    internal_campaigns: tuple[str, ...] = ("call_booked",)
    histories: dict[str, dict[str, list[Version]]] = field(default_factory=dict)
    created_times: dict[str, dict[str, datetime]] = field(default_factory=dict)
    first_load_at: dict[str, datetime] = field(default_factory=dict)
    options: list[OptionName] = field(default_factory=list)
    sync_state: dict[str, SyncState] = field(default_factory=dict)
    actions: list[Action] = field(default_factory=list)

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
    """Return every client's base from schema raw and the activity log, in the order of their keys."""
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
    for client, at, actor_id, actor_name, action, lead_id, details, outcome in _rows(
        connection,
        """
        select client, at, actor_id, actor_name, action, lead_id, details::text, outcome
        from app.activity_log where client in (select client from raw.clients) order by id
        """,
    ):
        bases[client].actions.append(Action(at, actor_id, actor_name, action, lead_id, _parse(details), outcome))
    return [bases[client] for client in sorted(bases)]


def _rows(connection: Connection, sql: str) -> Iterator[Any]:
    return iter(connection.execute(text(sql)))


def _parse(fields: str) -> Fields:
    parsed: Fields = json.loads(fields, parse_int=Decimal, parse_float=Decimal)
    return parsed
