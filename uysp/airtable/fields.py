"""The registry: which Airtable table and field stands behind each name that models read.

A field's canonical name is the name it had when first seen, or the one that the client's configuration gives it;
a rename in Airtable changes nothing downstream (spec/interface.md, section Postgres schemas). Options of selects
are known by id, with the time in which each of their names was in use.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.expression import bindparam

from uysp.airtable.client import Field, Table
from uysp.settings import Client

TABLES = {
    "leads": "Leads",
    "campaigns": "Campaigns",
    "sms_templates": "SMS_Templates",
    "sms_audit": "SMS_Audit",
}

# What the marts cannot do without (spec/interface.md, section Source base).
REQUIRED_TABLES = ("leads",)
REQUIRED_FIELDS = {"leads": ("Processing Status", "SMS Sequence Position", "Booked", "SMS Stop")}

# What the models read besides; a base that lacks one is told so, and reads it as empty.
EXPECTED_FIELDS = {
    "leads": (
        *(
            "Lead",
            "First Name",
            "Last Name",
            "Email",
            "Phone",
            "Company",
            "Job Title",
            "Campaign (CORRECTED)",
        ),
        *("SMS Variant", "ICP Score", "HRQ Status", "SMS Status", "SMS Sent Count", "SMS Last Sent At"),
        *(
            "SMS Stop Reason",
            "Booked At",
            "Short Link URL",
            "Click Count",
            "Clicked Link",
            "First Clicked At",
        ),
        *(
            "Reply Count",
            "Conversation Status",
            "Engagement - Level",
            "Lead Source",
            "Claimed By",
            "Claimed At",
        ),
        *("Notes", "Linked Campaign"),
    ),
    "campaigns": ("Campaign Name", "Campaign Type", "Active"),
    "sms_templates": ("Campaign", "Variant", "Step"),
    "sms_audit": (
        *("Event", "Campaign ID", "Phone", "Status", "Lead Record ID", "Text", "Sent At", "Delivery At"),
        "Clicked At",
    ),
}

SELECTS = ("singleSelect", "multipleSelects")


@dataclass(frozen=True)
class SourceTable:
    """One of our tables as it stands in a client's base now.

    Attributes:
        source_table: its name in the schema raw.
        table: its Airtable schema.
        names: canonical name by field id, for the fields that exist.
        warnings: what a person should know, a sentence each.
    """

    client: str
    source_table: str
    table: Table
    names: Mapping[str, str]
    warnings: tuple[str, ...] = ()

    @property
    def attachment_names(self) -> list[str]:
        """Canonical names of the attachment fields, whose URLs change with every read."""
        return [self.names[item.id] for item in self.table.fields if item.type == "multipleAttachments"]


@dataclass(frozen=True)
class _Known:
    canonical_name: str
    exists: bool


def find_tables(
    connection: Connection, client: Client, schema: list[Table]
) -> tuple[dict[str, SourceTable], list[str]]:
    """Match our tables with those of the base: by the id they had before, else by name.

    Returns:
        The tables that the base has, by source table, and the names of those that it has not.
    """
    rows = connection.execute(
        text("select source_table, table_id from raw.airtable_tables where client = :client"),
        {"client": client.key},
    )
    known_ids = {row.source_table: row.table_id for row in rows}
    by_id = {table.id: table for table in schema}
    by_name = {table.name: table for table in schema if table.id not in known_ids.values()}
    found: dict[str, SourceTable] = {}
    missing: list[str] = []
    for source_table, name in TABLES.items():
        table = by_id.get(known_ids.get(source_table, "")) or by_name.get(name)
        if table is None:
            missing.append(source_table)
        else:
            found[source_table] = _name_fields(connection, client, source_table, table)
    return found, missing


def known_tables(connection: Connection, client: Client) -> dict[str, SourceTable]:
    """Return the tables as they were when the schema was last read; none where the configuration changed since.

    Equal to what `find_tables` returned then, but for the order of fields.
    """
    rows = connection.execute(
        text("""
            select source_table, table_id, airtable_tables.current_name as table_name,
                   field_id, canonical_name, airtable_fields.current_name, type, options
            from raw.airtable_tables
            join raw.airtable_fields using (client, source_table)
            where client = :client and airtable_tables.deleted_at is null and airtable_fields.deleted_at is null
            order by source_table, airtable_fields.first_seen, field_id
        """),
        {"client": client.key},
    ).all()
    names: dict[str, dict[str, str]] = {}
    fields: dict[str, list[Field]] = {}
    tables: dict[str, tuple[str, str]] = {}
    for row in rows:
        tables[row.source_table] = (row.table_id, row.table_name)
        names.setdefault(row.source_table, {})[row.field_id] = row.canonical_name
        fields.setdefault(row.source_table, []).append(Field(row.field_id, row.current_name, row.type, row.options))
        if client.field_names.get(row.canonical_name, row.current_name) != row.current_name:
            return {}  # the clients file names another field for it now
    return {
        name: SourceTable(
            client.key,
            name,
            Table(*tables[name], tuple(fields[name])),
            names[name],
            _warnings(client, name, tables[name][1], fields[name], names[name]),
        )
        for name in TABLES
        if name in tables
    }


def option_names(source: SourceTable) -> dict[str, frozenset[str]]:
    """Return the names that each select field's options have, by field id."""
    return {
        item.id: frozenset(str(choice["name"]) for choice in (item.options or {}).get("choices", ()))
        for item in source.table.fields
        if item.type in SELECTS
    }


def mark_deleted_tables(connection: Connection, client: Client, missing: list[str], seen_at: datetime) -> None:
    """Note that the base no longer has these tables; what was read of them stays."""
    connection.execute(
        text("""
            update raw.airtable_tables set deleted_at = :seen_at
            where client = :client and source_table = any(:missing) and deleted_at is null
        """),
        {"client": client.key, "missing": missing, "seen_at": seen_at},
    )


def missing_requirements(found: Mapping[str, SourceTable], missing: list[str]) -> list[str]:
    """Return what the base lacks of what the marts cannot do without, in words; empty when all is there."""
    lacking = [f"the table {TABLES[name]}" for name in REQUIRED_TABLES if name in missing]
    for source_table, names in REQUIRED_FIELDS.items():
        if source_table in found:
            present = set(found[source_table].names.values())
            lacking += [f"the field {name!r} of {TABLES[source_table]}" for name in names if name not in present]
    return lacking


def record_registry(connection: Connection, source: SourceTable, seen_at: datetime) -> None:
    """Write what `source` says about the table, its fields and its options, as of `seen_at`."""
    key = {"client": source.client, "source_table": source.source_table, "seen_at": seen_at}
    connection.execute(
        text("""
            insert into raw.airtable_tables (client, source_table, table_id, current_name, first_seen, last_seen)
            values (:client, :source_table, :table_id, :current_name, :seen_at, :seen_at)
            on conflict (client, source_table) do update set
                table_id = excluded.table_id, current_name = excluded.current_name,
                last_seen = excluded.last_seen, deleted_at = null
        """),
        key | {"table_id": source.table.id, "current_name": source.table.name},
    )
    # Deletions first: a new field may take over the canonical name of one that is gone.
    connection.execute(
        text("""
            update raw.airtable_fields set deleted_at = :seen_at
            where client = :client and source_table = :source_table and deleted_at is null
              and not field_id = any(:field_ids)
        """),
        key | {"field_ids": list(source.names)},
    )
    connection.execute(
        text("""
            insert into raw.airtable_fields
                (client, source_table, field_id, canonical_name, current_name, type, options, first_seen, last_seen)
            values (:client, :source_table, :field_id, :canonical_name, :current_name, :type, :options,
                    :seen_at, :seen_at)
            on conflict (client, source_table, field_id) do update set
                canonical_name = excluded.canonical_name, current_name = excluded.current_name,
                type = excluded.type, options = excluded.options, last_seen = excluded.last_seen, deleted_at = null
        """).bindparams(bindparam("options", type_=JSONB(none_as_null=True))),
        [
            key
            | {
                "field_id": item.id,
                "canonical_name": source.names[item.id],
                "current_name": item.name,
                "type": item.type,
                "options": item.options,
            }
            for item in source.table.fields
        ],
    )
    _record_options(connection, source, key)


def _name_fields(connection: Connection, client: Client, source_table: str, table: Table) -> SourceTable:
    """Give every field that exists its canonical name; each name is held by one field."""
    rows = connection.execute(
        text("""
            select field_id, canonical_name, deleted_at is null as "exists"
            from raw.airtable_fields where client = :client and source_table = :source_table
        """),
        {"client": client.key, "source_table": source_table},
    )
    known = {row.field_id: _Known(row.canonical_name, row.exists) for row in rows}
    configured = {own: canonical for canonical, own in client.field_names.items()}
    naming = _Naming()
    # Configuration wins, then what was there before, then newcomers in the order of the base.
    for item in table.fields:
        if item.name in configured:
            naming.take(item, configured[item.name])
    for item in table.fields:
        if item.id in known and known[item.id].exists:
            naming.take(item, known[item.id].canonical_name)
    for item in table.fields:
        naming.take(item, known[item.id].canonical_name if item.id in known else item.name)
    warnings = _warnings(client, source_table, table.name, table.fields, naming.names)
    return SourceTable(client.key, source_table, table, naming.names, warnings)


def _warnings(
    client: Client, source_table: str, table_name: str, fields: Iterable[Field], names: Mapping[str, str]
) -> tuple[str, ...]:
    """Return what a person should know: expected fields that are missing, and names that two fields have."""
    held = set(names.values())
    return (
        *(
            f"The base of client {client.key} has no field {name!r} in {table_name}; what depends on it stays empty."
            for name in EXPECTED_FIELDS[source_table]
            if name not in held
        ),
        *(
            f"The field {item.name!r} is kept as {names[item.id]!r}, because another field holds that name."
            for item in fields
            if names[item.id] == _second_name(item)
        ),
    )


def _second_name(item: Field) -> str:
    return f"{item.name} ({item.id})"


@dataclass
class _Naming:
    """Canonical names given so far; a name that is held goes to nobody else."""

    names: dict[str, str] = field(default_factory=dict)

    @property
    def held(self) -> set[str]:
        return set(self.names.values())

    def take(self, item: Field, wanted: str) -> None:
        if item.id in self.names:
            return
        self.names[item.id] = _second_name(item) if wanted in self.held else wanted


def _record_options(connection: Connection, source: SourceTable, key: dict[str, Any]) -> None:
    """Close the names that options no longer have, and open those that they have now."""
    options = [
        {"field_id": item.id, "option_id": str(choice["id"]), "name": str(choice["name"])}
        for item in source.table.fields
        if item.type in SELECTS
        for choice in (item.options or {}).get("choices", [])
    ]
    connection.execute(
        text("""
            with present as (
                select * from jsonb_to_recordset(:options) as option (field_id text, option_id text, name text)
            ), closed as (
                update raw.airtable_options as known set seen_to = :seen_at
                where client = :client and source_table = :source_table and seen_to is null
                  and not exists (
                      select from present where present.field_id = known.field_id
                          and present.option_id = known.option_id and present.name = known.name
                  )
            )
            insert into raw.airtable_options (client, source_table, field_id, option_id, name, seen_from)
            select :client, :source_table, field_id, option_id, name, :seen_at from present
            where not exists (
                select from raw.airtable_options as known
                where known.client = :client and known.source_table = :source_table and known.seen_to is null
                  and known.field_id = present.field_id and known.option_id = present.option_id
                  and known.name = present.name
            )
        """).bindparams(bindparam("options", type_=JSONB)),
        key | {"options": options},
    )
