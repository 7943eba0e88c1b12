"""The registry: which Airtable table and field stands behind each name that models read.

A field's canonical name is the name it had when first seen, or the one that the client's configuration gives it;
a rename in Airtable changes nothing downstream (spec/interface.md, section Postgres schemas). Options of selects
are known by id, with the time in which each of their names was in use.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql.expression import bindparam

from uysp.airtable.model import Field, Table
from uysp.airtable.naming import KnownField, Naming, name_fields, second_name
from uysp.settings import Client
from uysp.storable import storable

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

# What is written and never read by a model.
WRITTEN_FIELDS = {"leads": ("HRQ Reason",)}

SELECTS = ("singleSelect", "multipleSelects")


@dataclass(frozen=True)
class SourceTable:
    """One of our tables as it stands in a client's base now.

    Attributes:
        source_table: its name in the schema raw.
        table: its Airtable schema.
        names: canonical name by field id, for the fields that exist.
        own_names: by field id, the base's own name by which the clients file named it.
        file_names: canonical name to this base's own name, as the clients file has it for this table.
        warnings: what a person should know, a sentence each.
        notes: what is as it should be, and worth a sentence when it comes about.
    """

    client: str
    source_table: str
    table: Table
    names: Mapping[str, str]
    own_names: Mapping[str, str] = field(default_factory=dict)
    file_names: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def called(self, name: str) -> str:
        """Return how to call a field that is looked for, with the name that the clients file gives it."""
        own = self.file_names.get(name, name)
        return repr(name) if own == name else f"{own!r} (in the clients file for {name!r})"

    @property
    def attachment_names(self) -> list[str]:
        """Canonical names of the attachment fields, whose URLs change with every read."""
        return [self.names[item.id] for item in self.table.fields if item.type == "multipleAttachments"]


def find_tables(
    connection: Connection | None, client: Client, schema: list[Table]
) -> tuple[dict[str, SourceTable], list[str]]:
    """Match our tables with those of the base: by the id they had before, else by name.

    Args:
        connection: to read the registry; None: nothing is known, so that names alone count.
        client: whose base.
        schema: all tables of the base.

    Returns:
        The tables that the base has, by source table, and the names of those that it has not.
    """
    known_ids = {} if connection is None else _known_ids(connection, client)
    schema = [_storable(table) for table in schema]
    by_id = {table.id: table for table in schema}
    by_name = {table.name: table for table in schema if table.id not in known_ids.values()}
    found: dict[str, SourceTable] = {}
    missing: list[str] = []
    for source_table, name in TABLES.items():
        table = by_id.get(known_ids.get(source_table, "")) or by_name.get(name)
        if table is None:
            missing.append(source_table)
        else:
            known = {} if connection is None else _known_fields(connection, client, source_table)
            naming = _named(client, source_table, table.fields, known)
            found[source_table] = _source_table(client, source_table, table, naming)
    return _with_unmet_names(found), missing


def known_tables(connection: Connection, client: Client) -> dict[str, SourceTable]:
    """Return the tables as they were when the schema was last read; none where the clients file names others since.

    Equal to what `find_tables` returned then, but for the order of fields.
    """
    rows = connection.execute(
        text("""
            select source_table, table_id, airtable_tables.current_name as table_name,
                   field_id, canonical_name, own_name, airtable_fields.current_name, type, options
            from raw.airtable_tables
            join raw.airtable_fields using (client, source_table)
            where client = :client and airtable_tables.deleted_at is null and airtable_fields.deleted_at is null
            order by source_table, airtable_fields.first_seen, field_id
        """),
        {"client": client.key},
    ).all()
    tables: dict[str, SourceTable] = {}
    for name in TABLES:
        of_table = [row for row in rows if row.source_table == name]
        if not of_table:
            continue
        fields = tuple(Field(row.field_id, row.current_name, row.type, row.options) for row in of_table)
        known = {row.field_id: KnownField(row.canonical_name, row.own_name, exists=True) for row in of_table}
        naming = _named(client, name, fields, known)
        if any(
            (naming.names[field_id], naming.own_names.get(field_id)) != (each.canonical_name, each.own_name)
            for field_id, each in known.items()
        ):
            return {}
        tables[name] = _source_table(client, name, Table(of_table[0].table_id, of_table[0].table_name, fields), naming)
    return _with_unmet_names(tables)


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
            table, present = found[source_table].table, set(found[source_table].names.values())
            lacking += [
                f"the field {found[source_table].called(name)} of {TABLES[source_table]}"
                f"{_lookalike(name, table.fields)}"
                for name in names
                if name not in present
            ]
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
    # Whoever holds a name that is another field's from now on lets go of it first: names are unique.
    connection.execute(
        text("""
            update raw.airtable_fields set deleted_at = :seen_at
            where client = :client and source_table = :source_table and deleted_at is null
              and canonical_name is distinct from cast(:names as jsonb) ->> field_id
        """).bindparams(bindparam("names", type_=JSONB)),
        key | {"names": dict(source.names)},
    )
    connection.execute(
        text("""
            insert into raw.airtable_fields (
                client, source_table, field_id, canonical_name, own_name, current_name, type, options,
                first_seen, last_seen
            )
            values (
                :client, :source_table, :field_id, :canonical_name, :own_name, :current_name, :type, :options,
                :seen_at, :seen_at
            )
            on conflict (client, source_table, field_id) do update set
                canonical_name = excluded.canonical_name, own_name = excluded.own_name,
                current_name = excluded.current_name, type = excluded.type, options = excluded.options,
                last_seen = excluded.last_seen, deleted_at = null
        """).bindparams(bindparam("options", type_=JSONB(none_as_null=True))),
        [
            key
            | {
                "field_id": item.id,
                "canonical_name": source.names[item.id],
                "own_name": source.own_names.get(item.id),
                "current_name": item.name,
                "type": item.type,
                "options": item.options,
            }
            for item in source.table.fields
        ],
    )
    _record_options(connection, source, key)


def _known_ids(connection: Connection, client: Client) -> dict[str, str]:
    rows = connection.execute(
        text("select source_table, table_id from raw.airtable_tables where client = :client"),
        {"client": client.key},
    )
    return {row.source_table: row.table_id for row in rows}


def _known_fields(connection: Connection, client: Client, source_table: str) -> dict[str, KnownField]:
    rows = connection.execute(
        text("""
            select field_id, canonical_name, own_name, deleted_at is null as "exists"
            from raw.airtable_fields where client = :client and source_table = :source_table
        """),
        {"client": client.key, "source_table": source_table},
    )
    return {row.field_id: KnownField(row.canonical_name, row.own_name, row.exists) for row in rows}


def _named(client: Client, source_table: str, fields: Sequence[Field], known: Mapping[str, KnownField]) -> Naming:
    return name_fields(fields, known, _own_names(client, source_table), _read_by_models(source_table))


def _read_by_models(source_table: str) -> set[str]:
    return {*REQUIRED_FIELDS.get(source_table, ()), *EXPECTED_FIELDS[source_table]}


def canonical_names(source_table: str) -> set[str]:
    """Return the names of a table's fields that are used here; for each of them a base may have its own."""
    return {*_read_by_models(source_table), *WRITTEN_FIELDS.get(source_table, ())}


def _own_names(client: Client, source_table: str) -> dict[str, str]:
    """Return what the clients file says of this table: it names fields without their tables."""
    here = canonical_names(source_table)
    elsewhere = set().union(*map(canonical_names, TABLES)) - here
    return {canonical: own for canonical, own in client.field_names.items() if canonical not in elsewhere}


def _source_table(client: Client, source_table: str, table: Table, naming: Naming) -> SourceTable:
    names = naming.names
    holders = {names[item.id]: item for item in table.fields}
    source = SourceTable(client.key, source_table, table, names, naming.own_names, _own_names(client, source_table))
    warnings = [
        f"The base of client {client.key} has no field {source.called(name)} in {table.name}"
        f"{_lookalike(name, table.fields)}; what depends on it stays empty."
        for name in EXPECTED_FIELDS[source_table]
        if name not in holders
    ]
    notes = []
    for item in table.fields:
        holder = holders.get(item.name, item)
        is_of_interest = item.name in _read_by_models(source_table) or names[item.id] == second_name(item)
        if holder is not item and holder.id not in naming.own_names and is_of_interest:
            notes.append(
                f"The field {item.name!r} of {table.name} is kept as {names[item.id]!r}: the name is that of the field "
                f"that is called {holder.name!r} now. If it is the wrong one, name the right one in the clients file."
            )
    return replace(source, warnings=tuple(warnings), notes=tuple(notes))


def unmet_names(tables: Mapping[str, SourceTable], source: SourceTable) -> list[str]:
    """Return in words which lines of the clients file mean no field, where another is read in its place.

    A name that two of our tables have, Phone, is met where one of them has the field.
    """
    met = {each.names[field_id] for each in tables.values() for field_id in each.own_names}
    return [
        f"The clients file says {own!r} for {name!r}, but {source.table.name} has no field of that name; its field "
        f"{item.name!r} is read instead. Correct or remove the line."
        for name, own in source.file_names.items()
        for item in source.table.fields
        if source.names[item.id] == name and name not in met
    ]


def _with_unmet_names(tables: dict[str, SourceTable]) -> dict[str, SourceTable]:
    return {
        name: replace(source, warnings=(*source.warnings, *unmet_names(tables, source)))
        for name, source in tables.items()
    }


def _lookalike(name: str, fields: Iterable[Field]) -> str:
    """Return a hint at a field whose name differs only in case or in blanks around it."""
    for item in fields:
        if item.name != name and item.name.strip().casefold() == name.strip().casefold():
            return f" (there is {item.name!r}, which is another name)"
    return ""


def _storable(table: Table) -> Table:
    """Return the table with names that Postgres can hold; cells get the same treatment when they are loaded."""
    fields = tuple(
        Field(item.id, storable(item.name), storable(item.type), storable(item.options)) for item in table.fields
    )
    return Table(table.id, storable(table.name), fields)


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
                returning client
            ), rebuilt as (
                -- Every version is read by an option's present name, so the marts take up all loads again.
                delete from app.built_loads where client in (select client from closed)
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
