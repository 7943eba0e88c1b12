"""marts.data_quality_issues, what is wrong between values that are good by themselves: metrics.md section 10."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import zip_longest

from tests.warehouse.expected.base import Base, Json
from tests.warehouse.expected.campaigns import name_key
from tests.warehouse.expected.lead_versions import LeadVersion, start_of_present_run
from tests.warehouse.expected.values import clean_number, read_text

READY_FOR = timedelta(days=3)
TOLD_TO_STOP = {"opted_out", "removed"}
Row = dict[str, Json]


def expected_lead_issues(
    base: Base,
    as_of: datetime,
    versions: dict[str, list[LeadVersion]],
    messages: list[Row],
    counted: list[str],
) -> list[Row]:
    """Return the rows of marts.data_quality_issues that the rules of section 10 give.

    Args:
        as_of: the moment of reading.
        versions: every lead's versions.
        messages: the rows of marts.messages.
        counted: the leads that exist and are no tests.
    """
    existing = {lead_id: versions[lead_id] for lead_id in counted}
    found = [
        *_same_phone_as_stopped(existing),
        *_ready_but_not_sent(base, as_of, existing, messages),
        *_template_missing(base, existing),
    ]
    return [
        {
            "client": base.client,
            "source_table": "leads",
            "record_id": lead_id,
            "field": field,
            "value": value,
            "rule": rule,
            "seen_at": seen_at,
        }
        for lead_id, field, value, rule, seen_at in found
    ]


Found = tuple[str, str, str | None, str, datetime]  # lead, field, its clean value, rule, seen_at


def _same_phone_as_stopped(leads: dict[str, list[LeadVersion]]) -> Iterator[Found]:
    stopped: dict[str, list[datetime]] = defaultdict(list)
    for versions in leads.values():
        phone = versions[-1].ten_digits
        start = start_of_present_run(versions, partial(_is_told_to_stop, phone))
        if phone is not None and start is not None:
            stopped[phone].append(start.observed_at)
    for lead_id, versions in leads.items():
        phone = versions[-1].ten_digits
        start = start_of_present_run(versions, partial(_goes_on, phone))
        if phone is not None and start is not None and stopped[phone]:
            seen_at = max(start.observed_at, min(stopped[phone]))
            yield lead_id, "Phone", versions[-1].phone, "same_phone_as_stopped", seen_at


def _is_told_to_stop(phone: str | None, version: LeadVersion) -> bool:
    return version.stop_cause in TOLD_TO_STOP and version.ten_digits == phone


def _goes_on(phone: str | None, version: LeadVersion) -> bool:
    return not version.stopped and version.ten_digits == phone


def _ready_but_not_sent(
    base: Base, as_of: datetime, leads: dict[str, list[LeadVersion]], messages: list[Row]
) -> Iterator[Found]:
    sent: dict[str, list[datetime]] = defaultdict(list)
    for message in messages:
        if not message["failed"] and message["lead_id"] is not None:
            sent[message["lead_id"]].append(message["sent_at"])
    for lead_id, versions in leads.items():
        start = start_of_present_run(versions, lambda version: version.processing_status == "Ready for SMS")
        if start is None or versions[-1].stopped:
            continue
        since = base.created_times["leads"][lead_id] if start.is_first_load else start.observed_at
        if as_of - since >= READY_FOR and not any(at >= since for at in sent[lead_id]):
            yield lead_id, "Processing Status", "Ready for SMS", "ready_but_not_sent_3d", since + READY_FOR


def _template_missing(base: Base, leads: dict[str, list[LeadVersion]]) -> Iterator[Found]:
    templates = _templates(base)
    for lead_id, versions in leads.items():
        now = versions[-1]
        if now.processing_status != "In Sequence" or now.variant is None:
            continue
        place = templates[name_key(now.campaign), Decimal(now.step + 1)]
        existing = [template for template in place if template.until is None]
        own = [template for template in place if template.variant == now.variant]
        if existing and all(template.until is not None for template in own):
            start = start_of_present_run(versions, partial(_waits_as, now))
            assert start is not None
            any_since = min(template.since for template in existing)
            own_until = [template.until for template in own if template.until is not None]
            seen_at = max(start.observed_at, any_since, *own_until)
            yield lead_id, "SMS Sequence Position", str(now.step), "template_missing", seen_at


def _waits_as(now: LeadVersion, version: LeadVersion) -> bool:
    return (version.processing_status, version.step, version.variant, name_key(version.campaign)) == (
        *(now.processing_status, now.step, now.variant),
        name_key(now.campaign),
    )


@dataclass(frozen=True)
class Template:
    """A version of a template, which held in [since, until); until None: the present one."""

    variant: str | None
    since: datetime
    until: datetime | None


def _templates(base: Base) -> dict[tuple[str, Decimal], list[Template]]:
    """Return campaign key and step to what were and are templates for it."""
    templates: dict[tuple[str, Decimal], list[Template]] = defaultdict(list)
    for rows in base.history("sms_templates").values():
        for version, later in zip_longest(rows, rows[1:]):
            campaign = read_text(base, "sms_templates", version, "Campaign")
            step = clean_number(version.fields.get("Step"))[0]
            if version.operation != "deleted" and campaign is not None and step is not None:
                variant = read_text(base, "sms_templates", version, "Variant")
                template = Template(variant, version.observed_at, later.observed_at if later else None)
                templates[name_key(campaign), step].append(template)
    return templates
