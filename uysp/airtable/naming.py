"""Which name a field has downstream: every field has one, no two have the same, and none passes to another unasked.

In this order:

1. What the clients file says: the field that has this base's own name takes the canonical one, and keeps it by its id
   whatever Airtable calls it later, as long as the entry stands.
2. What was there before: a field that exists keeps its name, then one that came back from Airtable's trash.
3. A name that models read and that no field holds: the field that is called so now takes it. So a field that was
   renamed into the place of a deleted one, or to the name that a warning asked for, is found.
4. The rest by what they are called. A field whose name another one holds is kept as "name (id)" until it is free; so
   a field that was made anew takes its old name over, whether the old field is deleted before or after.

Source: spec/interface.md, section Postgres schemas ("the name the field had when it was first seen").
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from uysp.airtable.model import Field


@dataclass(frozen=True)
class KnownField:
    """What the registry has of a field.

    Attributes:
        own_name: the base's own name by which the clients file named it; None: it did not.
        exists: whether Airtable had it when the schema was last read.
    """

    canonical_name: str
    own_name: str | None
    exists: bool


@dataclass
class Naming:
    """Names given so far.

    Attributes:
        names: canonical name by field id.
        own_names: by field id, the base's own name by which the clients file named it.
    """

    names: dict[str, str] = field(default_factory=dict)
    own_names: dict[str, str] = field(default_factory=dict)
    _held: set[str] = field(default_factory=set, repr=False)

    def is_free(self, name: str) -> bool:
        """Tell whether no field holds this name."""
        return name not in self._held

    def give(self, item: Field, name: str) -> bool:
        """Name a field that has no name yet, if the name is free; return whether it was."""
        if item.id in self.names or not self.is_free(name):
            return False
        self.names[item.id] = name
        self._held.add(name)
        return True

    def rename(self, item: Field) -> None:
        """Call a field what Airtable calls it, if that is free and the clients file does not name it."""
        if item.id not in self.own_names and self.is_free(item.name):
            self._held.discard(self.names.pop(item.id))
            self.give(item, item.name)


def name_fields(
    fields: Sequence[Field],
    known: Mapping[str, KnownField],
    own_names: Mapping[str, str],
    read_by_models: Collection[str],
) -> Naming:
    """Give every field of a table its canonical name. What comes out changes nothing when it is known the next time.

    Args:
        fields: those that exist, in the order of the base.
        known: what the registry has, by field id, of these and of deleted ones.
        own_names: the clients file's: canonical name to this base's own name.
        read_by_models: canonical names that models read.
    """
    naming = Naming()
    _follow_clients_file(naming, fields, known, own_names)
    for exists in (True, False):
        for item in fields:
            each = known.get(item.id)
            is_kept = each is not None and each.own_name in {None, own_names.get(each.canonical_name)}
            if each is not None and each.exists == exists and is_kept:  # else its entry was withdrawn
                naming.give(item, each.canonical_name)
    for item in fields:
        if item.name in read_by_models and naming.names.get(item.id, item.name) not in read_by_models:
            naming.rename(item)
    for item in fields:
        if naming.names.get(item.id) == second_name(item):
            naming.rename(item)
    for item in fields:
        name = item.name
        while item.id not in naming.names and not naming.give(item, name):
            name = second_name(item) if name == item.name else f"{name} ({item.id})"
    return naming


def second_name(item: Field) -> str:
    """Return the name under which a field is kept while another one holds its own."""
    return f"{item.name} ({item.id})"


def _follow_clients_file(
    naming: Naming, fields: Sequence[Field], known: Mapping[str, KnownField], own_names: Mapping[str, str]
) -> None:
    def named_before(canonical: str, *, exists: bool) -> list[Field]:
        as_known = KnownField(canonical, own_names[canonical], exists)
        return [item for item in fields if known.get(item.id) == as_known]

    def called_so(canonical: str) -> list[Field]:
        return [item for item in fields if item.name == own_names[canonical]]

    claims = [(canonical, named_before(canonical, exists=True)) for canonical in own_names]
    claims += [(canonical, called_so(canonical) + named_before(canonical, exists=False)) for canonical in own_names]
    for canonical, candidates in claims:
        for item in candidates:
            if naming.give(item, canonical):
                naming.own_names[item.id] = own_names[canonical]
