"""What each version of a lead says, and what follows from all of them: sections 1 and 2."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from tests.warehouse.expected.base import Base, Version
from tests.warehouse.expected.campaigns import name_key, version_campaign
from tests.warehouse.expected.values import (
    MAX_POSITION,
    clean_checkbox,
    clean_count,
    clean_date,
    read_text,
    ten_digits,
)

OPT_OUT_WORDS = {"STOP", "STOPALL", "UNSUB", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT"}


@dataclass(frozen=True)
class LeadVersion:
    """The clean values of one version that history matters for."""

    observed_at: datetime
    is_first_load: bool
    campaign: str
    step: int
    clicks: int
    replies: int
    sms_status: str | None
    stopped: bool
    stop_cause: str | None
    booked: bool
    booked_at: datetime | None
    last_sent_at: datetime | None
    processing_status: str | None
    hrq_status: str | None
    variant: str | None
    conversation: str | None
    claimed_by: str | None
    notes: str | None
    phone: str | None
    ten_digits: str | None

    @property
    def said_to_have_replied(self) -> bool:
        """Whether Conversation Status says so."""
        return self.conversation is not None and self.conversation != "No Reply"


def lead_versions(base: Base, links: dict[str, str | None]) -> dict[str, list[LeadVersion]]:
    """Return every lead that ever was, with its versions in order."""
    return {
        record_id: [_lead_version(base, links, version) for version in versions]
        for record_id, versions in base.versions("leads").items()
    }


def _lead_version(base: Base, links: dict[str, str | None], version: Version) -> LeadVersion:
    fields = version.fields

    def text(name: str) -> str | None:
        return read_text(base, "leads", version, name)

    stopped = clean_checkbox(fields.get("SMS Stop"))
    booked = clean_checkbox(fields.get("Booked"))
    return LeadVersion(
        observed_at=version.observed_at,
        is_first_load=version.observed_at == base.first_load_at.get("leads"),
        campaign=version_campaign(base, links, version),
        step=clean_count(fields.get("SMS Sequence Position"), MAX_POSITION)[0],
        clicks=clean_count(fields.get("Click Count"))[0],
        replies=clean_count(fields.get("Reply Count"))[0],
        sms_status=text("SMS Status"),
        stopped=stopped,
        stop_cause=_stop_cause(stopped, text("SMS Stop Reason"), booked),
        booked=booked,
        booked_at=clean_date(fields.get("Booked At"), version.observed_at)[0],
        last_sent_at=clean_date(fields.get("SMS Last Sent At"), version.observed_at)[0],
        processing_status="Completed" if text("Processing Status") == "Complete" else text("Processing Status"),
        hrq_status=text("HRQ Status"),
        variant=text("SMS Variant"),
        conversation=text("Conversation Status"),
        claimed_by=text("Claimed By"),
        notes=text("Notes"),
        phone=text("Phone"),
        ten_digits=ten_digits(text("Phone")),
    )


def _stop_cause(stopped: bool, reason: str | None, booked: bool) -> str | None:
    if not stopped:
        return None
    # spec: metrics.md section 2: letters of any script count, so that no word becomes another one by losing some; a
    # reason without any letter is still a reason
    letters = "".join(filter(str.isalpha, reason or "")).upper()
    if letters in OPT_OUT_WORDS:
        return "opted_out"
    if letters == "BOOKED" or (reason is None and booked):
        return "booked"
    return "removed"


def is_test(versions: list[LeadVersion]) -> bool:
    """Return whether SMS Status is 'Test' in any version."""
    return any(version.sms_status == "Test" for version in versions)


def highest_step(versions: list[LeadVersion]) -> int:
    """Return the highest position in any version within the present campaign."""
    return max(version.step for version in in_present_campaign(versions))


def in_present_campaign(versions: list[LeadVersion]) -> list[LeadVersion]:
    """Return the versions of the present campaign, with those of earlier stays."""
    present = name_key(versions[-1].campaign)
    return [version for version in versions if name_key(version.campaign) == present]


def opted_out_at(versions: list[LeadVersion]) -> datetime | None:
    """Return when the present opt-out was first seen, or None if nobody knows or there is none."""
    start = start_of_present_run(versions, lambda version: version.stop_cause == "opted_out")
    return None if start is None or start.is_first_load else start.observed_at


def booking_made_at(versions: list[LeadVersion]) -> datetime | None:
    """Return when the present booking was made, or None if nobody knows or there is none."""
    start = start_of_present_run(versions, lambda version: version.booked)
    if start is None:
        return None
    if not start.is_first_load:
        return start.observed_at
    meeting_was_before = start.booked_at is not None and start.booked_at <= start.observed_at
    return start.booked_at if meeting_was_before else None


def click_rises(versions: list[LeadVersion]) -> Iterator[tuple[datetime, int]]:
    """Yield each rise of `clicks`, the highest count so far, at the time when it was seen: section 8."""
    highest = versions[0].clicks if versions[0].is_first_load else 0
    for version in versions:
        if version.clicks > highest:
            yield version.observed_at, version.clicks - highest
            highest = version.clicks


def start_of_present_run(versions: list[LeadVersion], holds: Callable[[LeadVersion], bool]) -> LeadVersion | None:
    """Return the first version of the present unbroken run of which something holds, or None if it does not now."""
    start = None
    for version in reversed(versions):
        if not holds(version):
            break
        start = version
    return start
