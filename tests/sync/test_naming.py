"""Canonical names, over random schema edits and clients files: one each, kept, and the same when asked again."""

import random
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from uysp.airtable.model import Field
from uysp.airtable.naming import KnownField, Naming, name_fields, second_name

READ = frozenset({"A", "B", "C"})
NAMES = st.sampled_from(["A", "B", "C", "X", "Y", "Z", "a", "A ", "🤖 A", "A (fld1)"])
IDS = st.sampled_from([f"fld{number}" for number in range(7)])
# A base at a moment: names are unique among the fields that exist, as Airtable has it.
BASE = st.dictionaries(IDS, NAMES, max_size=7).map(
    lambda names: [field(i, name) for name, i in {name: i for i, name in names.items()}.items()]
)
CLIENTS_FILE = st.dictionaries(NAMES, NAMES, max_size=3)


def field(field_id: str, name: str) -> Field:
    return Field(field_id, name, "singleLineText", None)


def recorded(known: dict[str, KnownField], naming: Naming) -> dict[str, KnownField]:
    """The registry afterwards."""
    gone = {i: replace(each, exists=False) for i, each in known.items()}
    return gone | {i: KnownField(name, naming.own_names.get(i), True) for i, name in naming.names.items()}


def existing(known: dict[str, KnownField]) -> dict[str, KnownField]:
    return {i: each for i, each in known.items() if each.exists}


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
    moments=st.lists(st.tuples(BASE, CLIENTS_FILE, st.booleans()), min_size=1, max_size=6),
    rng=st.randoms(use_true_random=False),
)
def test_every_field_has_one_name_and_keeps_it(
    moments: list[tuple[list[Field], dict[str, str], bool]], rng: random.Random
) -> None:
    known: dict[str, KnownField] = {}
    own_names: dict[str, str] = {}
    for fields, other_file, is_edited in moments:
        before = existing(known)
        own_names = other_file if is_edited else own_names
        naming = name_fields(fields, known, own_names, READ)
        names = naming.names
        assert names.keys() == {item.id for item in fields}
        assert len(set(names.values())) == len(names)
        known = recorded(known, naming)

        again = name_fields(rng.sample(fields, k=len(fields)), existing(known), own_names, READ)
        assert (again.names, again.own_names) == (names, naming.own_names), "known tables are as they were found"

        for item in fields:
            name = names[item.id]
            if item.id in naming.own_names:
                assert own_names[name] == naming.own_names[item.id]
            elif name != item.name and name == second_name(item):
                assert item.name in names.values(), "a second name is for those whose own is taken"
        for canonical, own in own_names.items():
            for item in fields:
                if item.name == own and item.id not in naming.own_names:
                    assert canonical in naming.names.values(), "what the clients file names is found"
        if not is_edited:
            keeps_its_names(before, fields, naming)


def keeps_its_names(before: dict[str, KnownField], fields: list[Field], naming: Naming) -> None:
    for item in fields:
        if item.id not in before:
            continue
        old, new = before[item.id].canonical_name, naming.names[item.id]
        if before[item.id].own_name is not None:
            assert new == old, "a field that the clients file named keeps its name by its id"
        elif new != old and item.id not in naming.own_names:
            was_displaced = any(naming.names[other] == old for other in naming.own_names)
            took_what_was_free = new == item.name and (old == second_name(item) or (new in READ and old not in READ))
            assert was_displaced or took_what_was_free


def test_a_field_made_anew_takes_its_name_over_whether_the_old_one_goes_before_or_after() -> None:
    old, new = field("fld1", "Status"), field("fld2", "Status")
    known = {"fld1": KnownField("Status", None, True)}
    assert name_fields([new], known, {}, READ).names == {"fld2": "Status"}
    both = name_fields([replace(old, name="Status (old)"), new], known, {}, READ)
    assert both.names == {"fld1": "Status", "fld2": "Status (fld2)"}
    assert name_fields([new], recorded(known, both), {}, READ).names == {"fld2": "Status"}


def test_a_field_renamed_into_the_place_of_a_deleted_one_is_what_models_read() -> None:
    known = {
        "fld1": KnownField("A", None, True),
        "fld2": KnownField("X", None, True),
        "fld3": KnownField("B", None, True),
    }
    a, x, b = (field(f"fld{number}", name) for number, name in ((1, "A"), (2, "X"), (3, "B")))
    assert name_fields([replace(x, name="A"), b], known, {}, READ).names == {"fld2": "A", "fld3": "B"}
    # But not at the cost of another name that models read, and not while the field itself exists.
    assert name_fields([x, replace(b, name="A")], known, {}, READ).names == {"fld2": "X", "fld3": "B"}
    assert name_fields([replace(a, name="X"), replace(x, name="A"), b], known, {}, READ).names == {
        "fld1": "A",
        "fld2": "X",
        "fld3": "B",
    }


def test_two_names_that_the_clients_file_swaps_are_swapped() -> None:
    fields = [field("fld1", "A"), field("fld2", "B")]
    known = {"fld1": KnownField("A", None, True), "fld2": KnownField("B", None, True)}
    assert name_fields(fields, known, {"A": "B", "B": "A"}, READ).names == {"fld1": "B", "fld2": "A"}
