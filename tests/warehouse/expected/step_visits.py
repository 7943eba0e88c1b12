"""marts.step_visits: metrics.md section 5."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from tests.warehouse.expected.base import Base, Json
from tests.warehouse.expected.campaigns import CampaignNames, name_key
from tests.warehouse.expected.lead_versions import LeadVersion

DAY = timedelta(days=1)
Row = dict[str, Json]


@dataclass
class Visit:
    """A stay of a lead at a step of a campaign, the campaign as the first version of it spells it."""

    campaign: str
    step: int
    entered_at: datetime
    left_at: datetime | None = None


def expected_step_visits(
    base: Base, names: CampaignNames, versions: dict[str, list[LeadVersion]], counted: list[str]
) -> list[Row]:
    """Return the rows of marts.step_visits.

    Args:
        versions: every lead's versions.
        counted: the leads that exist and are no tests.
    """
    return [
        {
            "client": base.client,
            "lead_id": lead_id,
            "campaign": names.shown(visit.campaign),
            "step": visit.step,
            "entered_at": visit.entered_at,
            "left_at": visit.left_at,
            "days": None if visit.left_at is None else (visit.left_at - visit.entered_at) / DAY,
        }
        for lead_id in counted
        for visit in visits(versions[lead_id], base.created_times["leads"][lead_id])
    ]


def visits(versions: list[LeadVersion], created_at: datetime) -> list[Visit]:
    """Return a lead's visits in order; between two there may be a time in which it was at no step."""
    first = versions[0]
    found = [Visit(first.campaign, first.step, _first_entered_at(first, created_at))]
    for previous, version in pairwise(versions):
        same_campaign = name_key(version.campaign) == name_key(previous.campaign)
        if same_campaign and version.step == previous.step:
            continue
        entered_at = _entered_at(version, previous)
        if found[-1].left_at is None:
            found[-1].left_at = entered_at
        if not same_campaign or version.step > 0:
            found.append(Visit(version.campaign, version.step, entered_at))
    return found


def _first_entered_at(version: LeadVersion, created_at: datetime) -> datetime:
    if version.step == 0:
        return created_at
    sent_at = version.last_sent_at
    if sent_at is not None and created_at <= sent_at <= version.observed_at:
        return sent_at
    return version.observed_at


def _entered_at(version: LeadVersion, previous: LeadVersion) -> datetime:
    sent_at = version.last_sent_at
    if version.step > 0 and sent_at is not None and previous.observed_at < sent_at <= version.observed_at:
        return sent_at
    return version.observed_at
