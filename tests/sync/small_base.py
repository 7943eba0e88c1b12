"""A small base whose schema is edited, and what raw and the registry should hold of it."""

import itertools
from collections import defaultdict
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Engine, text

from playground.airtable.behaviour import Behaviour
from playground.airtable.schema import Base, Field, Table
from playground.airtable.schema_edits import edit
from playground.airtable.server import Emulator
from playground.airtable.store import Store
from tests.sync.conftest import Reader
from uysp.airtable.drift import recent_changes
from uysp.airtable.fields import TABLES, find_tables, known_tables
from uysp.settings import Client, Settings

Edits = list[dict[str, Any]]


def unlimited() -> Behaviour:
    return Behaviour(requests_per_second=None, user_requests_per_second=None)


def make_base(store: Store) -> Base:
    """A base of six leads with selects, a formula and a lookup; the only one that the store has then."""

    def made(name: str, kind: str = "singleLineText", **options: Any) -> Field:
        return Field(store.new_id("fld"), name, kind, options)

    def choices(*names: str) -> list[dict[str, str]]:
        return [{"id": store.new_id("sel"), "name": name, "color": "blueLight2"} for name in names]

    def table(name: str, *fields: Field) -> Table:
        return Table(store.new_id("tbl"), name, fields[0].id, list(fields))

    name, link = made("Campaign Name"), made("Linked Campaign", "multipleRecordLinks")
    shouted = made("Shouted", "formula", formula=f"UPPER({{{name.id}}})", referencedFieldIds=[name.id], isValid=True)
    shouted.options["result"] = {"type": "singleLineText"}
    campaigns = table("Campaigns", name, made("Campaign Type", "singleSelect", choices=choices("Standard")), shouted)
    looked_up = made(
        "Campaign shouted",
        "multipleLookupValues",
        recordLinkFieldId=link.id,
        fieldIdInLinkedTable=shouted.id,
        isValid=True,
        result={"type": "singleLineText"},
    )
    leads = table(
        "Leads",
        made("Lead"),
        made("Processing Status", "singleSelect", choices=choices("Backlog", "In Sequence", "Completed")),
        made("SMS Sequence Position", "number", precision=0),
        made("Booked", "checkbox"),
        made("SMS Stop", "checkbox"),
        made("Company"),
        made("Job Title"),
        made("Tags", "multipleSelects", choices=choices("Webinar ", "🤖 bot", "VIP")),
        made("Remarks"),
        looked_up,
    )
    base = Base(store.new_id("app"), "A base", [leads, campaigns, table("SMS_Audit", made("Event"))])
    with store.lock:
        store.bases.clear()
        store.bases[base.id] = base
    store.create(base.id, "Campaigns", [{"Campaign Name": "One", "Campaign Type": "Standard"}])
    filled = {"Company": "Acme", "Job Title": "Chief", "Remarks": "Remarkable"}
    selected = {"Processing Status": "In Sequence", "Tags": ["Webinar ", "VIP"]}
    for number in range(6):
        store.create(base.id, "Leads", [{"Lead": f"Lead {number}", **filled, **(selected if number % 2 else {})}])
    store.create(base.id, "SMS_Audit", [{"Event": "Sent"}] * 3)
    return base


def new_reader(engine: Engine, settings: Settings, emulator: Emulator, key: str) -> Reader:
    settings = settings.model_copy(update={"airtable_endpoint_url": emulator.url})
    return Reader(engine, settings, Client(key, key, make_base(emulator.store).id, SecretStr("pat")), [])


def do(emulator: Emulator, edits: Edits) -> None:
    """Carry out edits, of Leads where they do not say otherwise."""
    (base_id,) = emulator.store.bases
    for each in edits:
        edit(emulator.store, base_id, **({} if each["edit"] == "add_table" else {"table": "Leads"}) | each)


def table_of(emulator: Emulator, name: str) -> Table:
    (base,) = emulator.store.bases.values()
    found = base.table_named(name)
    assert found is not None
    return found


def field_of(emulator: Emulator, name: str) -> Field:
    found = table_of(emulator, "Leads").field_named(name)
    assert found is not None
    return found


def first_lead(emulator: Emulator) -> str:
    return min(table_of(emulator, "Leads").records)


def make_schema_due(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("update app.airtable_hooks set schema_read_at = now() - interval '2 hours'"))


def said(engine: Engine, source_table: str = "leads") -> str:
    with engine.connect() as connection:
        return " ".join(recent_changes(connection, source_table))


def present(reader: Reader, source_table: str = "leads") -> dict[str, dict[str, Any]]:
    with reader.engine.connect() as connection:
        rows = connection.execute(
            text(f"select record_id, fields from raw.{source_table} where deleted_at is null and client = :client"),
            {"client": reader.client.key},
        )
        return {row.record_id: row.fields for row in rows}


def expected(emulator: Emulator, reader: Reader, source_table: str = "leads") -> dict[str, dict[str, Any]]:
    """Airtable's records under our names."""
    with reader.engine.connect() as connection:
        source = known_tables(connection, reader.client)[source_table]
    names = {item.name: source.names[item.id] for item in source.table.fields}
    records = emulator.store.read_all(reader.client.base_id, source.table.id)
    return {record_id: {names[name]: value for name, value in cells.items()} for record_id, cells in records}


def known_warnings(reader: Reader, source_table: str) -> tuple[str, ...]:
    with reader.engine.connect() as connection:
        return known_tables(connection, reader.client)[source_table].warnings


def assert_registry_is_right(reader: Reader, emulator: Emulator) -> None:
    """Known is what there is; the names of an option follow one another; those that exist have one open name each."""
    base = emulator.store.bases[reader.client.base_id]
    with reader.engine.connect() as connection:
        known = known_tables(connection, reader.client)
        found, missing = find_tables(connection, reader.client, reader.gateway.schema())
        rows = connection.execute(
            text("select * from raw.airtable_options where client = :client order by seen_from"),
            {"client": reader.client.key},
        ).all()
    assert known.keys() == found.keys() == TABLES.keys() - set(missing)
    for name, source in known.items():
        assert dict(source.names) == dict(found[name].names)
        assert len(set(source.names.values())) == len(source.names)
        assert set(source.warnings) == set(found[name].warnings)
        assert set(source.notes) == set(found[name].notes)
        table = base.table_named(source.table.id)
        assert table is not None
        assert source.table.name == table.name
        assert {item.id: (item.name, item.type, item.options or {}) for item in source.table.fields} == {
            item.id: (item.name, item.type, item.options) for item in table.fields
        }
        there = {
            (item.id, choice["id"]): choice["name"]
            for item in table.fields
            if item.type in {"singleSelect", "multipleSelects"}
            for choice in item.choices
        }
        of_table = [row for row in rows if row.source_table == name]
        still_open = [((row.field_id, row.option_id), row.name) for row in of_table if row.seen_to is None]
        assert dict(still_open) == there
        assert len(still_open) == len(there)
        intervals = defaultdict(list)
        for row in of_table:
            intervals[row.field_id, row.option_id].append(row)
        for each in intervals.values():
            for one, other in itertools.pairwise(each):
                assert one.seen_from < one.seen_to <= other.seen_from
