"""Which campaign a lead's version names, which campaigns there are, and how they are spelled: section 1."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from tests.warehouse.expected.base import Base, Version
from tests.warehouse.expected.values import clean_checkbox, read_text

UNASSIGNED = "Unassigned"


@dataclass(frozen=True)
class Campaign:
    """A campaign of the Campaigns table."""

    name: str
    campaign_type: str | None
    is_paused: bool


@dataclass(frozen=True)
class CampaignNames:
    """The campaigns that exist, by the key of their names."""

    from_table: dict[str, Campaign]
    from_leads: dict[str, str]

    def knows(self, name: str) -> bool:
        """Return whether the Campaigns table or a lead (no test) has a campaign of this name."""
        return name_key(name) in self.from_table or name_key(name) in self.from_leads

    def shown(self, name: str) -> str:
        """Return a name as it is shown; one that only test leads have stays as it is."""
        key = name_key(name)
        if key == name_key(UNASSIGNED):
            return UNASSIGNED
        if key in self.from_table:
            return self.from_table[key].name
        return self.from_leads.get(key, name)


@cache
def name_key(name: str) -> str:
    """Return the letters and digits of a name in lower case."""
    # character by character: a final sigma must not depend on what stands behind it
    lower = "".join(character.lower() for character in name)
    # spec: metrics.md section 1 does not say what a name without any meets by: by itself, or all of them would be one
    return "".join(c for c in lower if unicodedata.category(c)[0] == "L" or unicodedata.category(c) == "Nd") or lower


def linked_names(base: Base) -> dict[str, str | None]:
    """Return record id of the Campaigns table to its name: the present one or, once gone, the last."""
    return {
        record_id: read_text(base, "campaigns", rows[-1], "Campaign Name")
        for record_id, rows in base.history("campaigns").items()
    }


def version_campaign(base: Base, links: dict[str, str | None], version: Version) -> str:
    """Return the campaign that a version of a lead names, as spelled there."""
    corrected = read_text(base, "leads", version, "Campaign (CORRECTED)")
    if corrected is not None:
        return corrected
    linked = version.fields.get("Linked Campaign")
    for record_id in linked if isinstance(linked, list) else []:
        # spec: metrics.md section 1: a link to a record that is gone resolves by its last name, in the present
        # version too
        name = links.get(record_id) if isinstance(record_id, str) else None
        if name is not None:
            return name
    return UNASSIGNED


def campaign_names(base: Base, lead_campaigns: Iterable[str]) -> CampaignNames:
    """Return the campaigns of a base.

    Args:
        lead_campaigns: the present campaign of each existing lead that is no test, as spelled there.
    """
    created = base.created_times.get("campaigns", {})
    from_table: dict[str, Campaign] = {}
    present = base.present("campaigns")
    for record_id in sorted(present, key=lambda record_id: (created[record_id], record_id)):
        version = present[record_id]
        name = read_text(base, "campaigns", version, "Campaign Name")
        if name is not None and name_key(name) != name_key(UNASSIGNED):
            campaign_type = read_text(base, "campaigns", version, "Campaign Type")
            is_paused = not clean_checkbox(version.fields.get("Active"))
            from_table.setdefault(name_key(name), Campaign(name, campaign_type, is_paused))
    spellings: dict[str, Counter[str]] = defaultdict(Counter)
    for name in lead_campaigns:
        if name_key(name) != name_key(UNASSIGNED):
            spellings[name_key(name)][name] += 1
    from_leads = {key: min(counts, key=lambda name: (-counts[name], name)) for key, counts in spellings.items()}
    return CampaignNames(from_table, from_leads)
