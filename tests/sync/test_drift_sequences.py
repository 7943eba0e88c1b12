"""Whatever people do to a schema, in any order: names stay, records and registry are right."""

import itertools
from collections.abc import Iterator
from typing import Any

import hypothesis
import pytest
from hypothesis import strategies as st
from sqlalchemy import Engine

from playground.airtable.schema import Field
from playground.airtable.schema_edits import edit
from playground.airtable.server import Emulator, running_emulator
from playground.airtable.store import Store
from tests.sync.conftest import Reader
from tests.sync.small_base import assert_registry_is_right, expected, new_reader, present, unlimited
from uysp.airtable.fields import EXPECTED_FIELDS, REQUIRED_FIELDS, known_tables
from uysp.settings import Settings

NAMES = st.sampled_from(["Company", "Firm", "Job Title", "Notes", "Notes ", "notes", "🤖 x", "Remarks"])
NUMBER = st.integers(0, 30)
EDIT = st.one_of(
    st.tuples(st.just("rename_field"), NUMBER, NAMES),
    st.tuples(st.just("add_field"), st.sampled_from(["singleLineText", "singleSelect"]), NAMES),
    st.tuples(st.just("delete_field"), NUMBER, NAMES),
    st.tuples(st.just("restore_field"), NUMBER, NAMES),
    st.tuples(st.just("swap_fields"), NUMBER, NUMBER),
    st.tuples(st.just("change_type"), NUMBER, st.sampled_from(["multilineText", "singleLineText"])),
    st.tuples(st.just("add_option"), NUMBER, NUMBER),
    st.tuples(st.just("rename_option"), NUMBER, NUMBER),
    st.tuples(st.just("delete_option"), NUMBER, NUMBER),
    st.tuples(st.just("swap_options"), NUMBER, NUMBER),
    st.tuples(st.just("fill"), NUMBER, NUMBER),
    st.tuples(st.just("rename_table"), NUMBER, st.sampled_from(["Campaigns", "SMS_Audit", "Leads", "x"])),
    st.tuples(st.just("clients_file"), st.sampled_from(["Company", "Notes", "Job Title"]), NAMES),
)


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with running_emulator(Store({}), unlimited()) as emulator:
        yield emulator


class People:
    """They edit a base, within what Airtable allows and what the marts need."""

    def __init__(self, emulator: Emulator) -> None:
        self.store = emulator.store
        (self.base,) = self.store.bases.values()
        self.leads = self.base.tables[0]
        self.needed = {item.id for item in self.leads.fields if item.name in {"Lead", *REQUIRED_FIELDS["leads"]}}
        self.trash: list[Field] = []
        self.count = 0

    def edit(self, kind: str, **arguments: Any) -> None:
        edit(self.store, self.base.id, kind, table=self.leads.id, **arguments)

    def next_name(self) -> str:
        self.count += 1
        return f"option {self.count}"

    def do(self, kind: str, first: Any, second: Any) -> None:
        selects = [item for item in self.leads.fields if item.options.get("choices")]
        if kind == "rename_table":
            if self.base.table_named(second) is None:
                edit(self.store, self.base.id, kind, table=self.base.tables[2].id, name=second)
        elif "option" not in kind:
            self.edit_fields(kind, first, second)
        elif selects:
            self.edit_options(kind, selects[first % len(selects)], second)

    def edit_fields(self, kind: str, first: Any, second: Any) -> None:
        fields = self.leads.fields
        chosen = fields[first % len(fields)] if isinstance(first, int) else fields[0]
        match kind:
            case "rename_field" if chosen.id in self.needed:  # a clients file that takes its name away is an error
                self.edit(kind, field=chosen.id, name=f"{chosen.name}!")
            case "rename_field" if self.leads.field_named(second) is None:
                self.edit(kind, field=chosen.id, name=second)
            case "add_field" if self.leads.field_named(second) is None:
                options = {"choices": [{"name": "A"}, {"name": "B"}]} if first == "singleSelect" else {}
                self.edit(kind, name=second, type=first, options=options)
            case "delete_field" if chosen.id not in self.needed:
                self.trash.append(chosen)
                self.edit(kind, field=chosen.id)
            case "restore_field" if self.trash and self.leads.field_named(second) is None:
                restored = self.trash.pop()
                restored.name = second
                fields.append(restored)
                self.store.schema_changed(self.base)
            case "swap_fields" if not {chosen.id, (other := fields[second % len(fields)]).id} & self.needed:
                chosen.name, other.name = other.name, chosen.name
                self.store.schema_changed(self.base)
            case "change_type" if chosen.type in {"singleSelect", "singleLineText", "multilineText"}:
                self.edit("change_field", field=chosen.id, type=second, options={})
            case "fill":
                self.fill(chosen, second)

    def edit_options(self, kind: str, select: Field, number: int) -> None:
        names = [choice["name"] for choice in select.choices]
        chosen = names[number % len(names)]
        match kind:
            case "add_option":
                self.edit(kind, field=select.id, name=self.next_name())
            case "rename_option":
                self.edit(kind, field=select.id, option=chosen, name=self.next_name())
            case "delete_option" if len(names) > 1:
                self.edit(kind, field=select.id, option=chosen)
            case "swap_options":
                other, between = names[(number + 1) % len(names)], self.next_name()
                if other != chosen:
                    self.edit("rename_option", field=select.id, option=chosen, name=between)
                    self.edit("rename_option", field=select.id, option=other, name=chosen)
                    self.edit("rename_option", field=select.id, option=between, name=other)

    def fill(self, chosen: Field, number: int) -> None:
        ids = sorted(self.leads.records)
        if chosen.type in {"singleLineText", "multilineText"}:
            value: Any = self.next_name()
        elif chosen.type in {"singleSelect", "multipleSelects"}:
            option = chosen.choices[number % len(chosen.choices)]["name"]
            value = option if chosen.type == "singleSelect" else [option]
        else:
            return
        self.store.update(self.base.id, "Leads", {ids[number % len(ids)]: {chosen.id: value}})


def test_whatever_people_do_to_the_schema_names_stay_and_records_are_right(
    engine: Engine, settings: Settings, emulator: Emulator
) -> None:
    keys = (f"c{number}" for number in itertools.count())

    @hypothesis.settings(max_examples=20, deadline=None, derandomize=True, database=None)
    @hypothesis.given(st.lists(st.lists(EDIT, min_size=1, max_size=4), min_size=1, max_size=4))
    def try_it(batches: list[list[tuple[str, Any, Any]]]) -> None:
        reader = new_reader(engine, settings, emulator, next(keys))
        people = People(emulator)
        reader.sync()
        for batch in batches:
            before, file_before = holders(reader), reader.client.field_names
            for kind, first, second in batch:
                if kind == "clients_file":
                    reader = reader.named(field_names={first: second})
                else:
                    people.do(kind, first, second)
            assert {outcome.error for outcome in reader.sync().values()} == {None}
            for table in ("leads", "campaigns", "sms_audit"):
                assert present(reader, table) == expected(emulator, reader, table)
            assert_registry_is_right(reader, emulator)
            if not reader.client.field_names and not file_before:
                assert_names_stayed(before, reader)
        asked = len(emulator.requests)
        reader.sync()
        assert len(emulator.requests) - asked == 1, "an idle look, because everything is known"

    try_it()


def holders(reader: Reader) -> dict[str, str]:
    """The field that holds each canonical name of Leads."""
    with reader.engine.connect() as connection:
        return {name: field_id for field_id, name in known_tables(connection, reader.client)["leads"].names.items()}


def assert_names_stayed(before: dict[str, str], reader: Reader) -> None:
    """What models read passes on only when its field is gone; another name also when its field took one of those."""
    after = holders(reader)
    names = {field_id: name for name, field_id in after.items()}
    for name, field_id in before.items():
        if field_id not in names or names[field_id] == name:
            continue
        assert name not in EXPECTED_FIELDS["leads"]
        assert names[field_id] in EXPECTED_FIELDS["leads"] or name == f"{names[field_id]} ({field_id})"
