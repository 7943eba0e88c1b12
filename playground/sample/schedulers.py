"""The four generations of the scheduler that sends messages: whom each takes for due, and what each writes.

Their hours of the day are left out, so that a demonstration lives at any hour. Each reads, sends, waits (the gap), and
writes what follows from what it had read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from playground.sample.endpoint import Cells, Row, quoted
from playground.sample.outside import Happening, Outside, moment, number, ten_digits
from playground.sample.times import iso

BATCH: Final = 5  # leads in one run; the real ones took 25 to 50
COMPLETE_AT: Final = 3  # position from which a lead counts as done
_FAILURE: Final = 0.03
_DEFAULT_DELAY_DAYS: Final = {2: 3, 3: 7}
_ERRORS: Final = ("invalid contact", "local unsubscribe", "not a valid phone number")

NOVEMBER_ZEROES: Final = (
    "SMS Sequence Position", "Click Count", "Reply Count", "SMS Cost",
    "Company Score Component", "Role Score Component", "Dynamic Signals Score",
    "🤖 ai_message_count_today", "🤖 messages_in_last_2_hours", "🤖 safety_violations_count",
    "🤖 total_ai_messages_sent", "🤖 total_ai_cost_usd", "🤖 retry_count",
    "Engagement - Tag Count", "Engagement - Recency Points", "Engagement - Total Score",
)  # fmt: skip

_MAY_BE_TEXTED: Final = "{Phone Valid}, NOT({SMS Stop}), NOT({Booked}), {Phone} != ''"
_IN_SEQUENCE: Final = "{Processing Status} = 'In Sequence'"
_READY: Final = "{Processing Status} = 'Ready for SMS'"
_ON_HOLD_FOR_A_DAY: Final = "OR(NOT({SMS Last Sent At}), IS_BEFORE({SMS Last Sent At}, YESTERDAY))"


@dataclass(frozen=True)
class Generation:
    """One scheduler.

    Attributes:
        due: formula of the leads that it takes; YESTERDAY and AN_HOUR_AGO stand for those moments.
        logs_attempts: whether it writes 'Send Attempt' before it sends.
        logs_message_ids: whether `Campaign ID` in the log is the provider's id of the message, no campaign.
        first_step_only: whether it only ever sends step 1, and zeroes the counters while it counts.
        event: what it calls a message that went out.
    """

    name: str
    due: str
    logs_attempts: bool = True
    logs_message_ids: bool = False
    first_step_only: bool = False
    event: str = "Sent"


GENERATIONS: Final = (
    Generation(
        "august",
        f"AND({_MAY_BE_TEXTED}, OR({{Processing Status}} = 'Queued', {_IN_SEQUENCE}),"
        " OR({SMS Sequence Position} > 0, {SMS Eligible}))",
        logs_attempts=False,
        logs_message_ids=True,
    ),
    Generation(
        "september",
        f"AND({_MAY_BE_TEXTED}, {{SMS Eligible}}, NOT({{Current Coaching Client}}),"
        f" OR(AND({_READY}, {{SMS Batch Control}} = 'Active'), {_IN_SEQUENCE}), {_ON_HOLD_FOR_A_DAY})",
        event="SMS Sent",
    ),
    Generation(
        "october",
        f"AND({_MAY_BE_TEXTED}, {{SMS Batch Control}} = 'Active',"
        f" OR(NOT({{SMS Sequence Position}} > 0), {_ON_HOLD_FOR_A_DAY}))",
        event="SMS Sent",
    ),
    Generation(
        "november",
        f"AND({_MAY_BE_TEXTED}, {_READY}, {{Lead Source}} = 'Standard Form', NOT({{Current Coaching Client}}),"
        " {Imported At}, IS_BEFORE({Imported At}, AN_HOUR_AGO))",
        first_step_only=True,
    ),
)


@dataclass(frozen=True)
class _Due:
    """A lead as it was read, and what it is to be sent."""

    lead: Row
    campaign: str
    variant: str
    step: int
    text: str


def send(outside: Outside, generation: Generation) -> Happening:
    """One run of a scheduler, from reading the due leads to the last line of its log."""
    moment_now = outside.clock()
    formula = generation.due.replace("YESTERDAY", quoted(iso(moment_now - timedelta(days=1)))).replace(
        "AN_HOUR_AGO", quoted(iso(moment_now - timedelta(hours=1)))
    )
    found = outside.endpoint.select("Leads", formula)
    due = _with_templates(outside, generation, found)[:BATCH]
    if not due:
        return Happening(f"{generation.name}: nobody due")
    failed = {message.lead.id for message in due if outside.rng.random() < _FAILURE}
    if generation.logs_attempts:
        attempted_at = outside.now()
        outside.endpoint.create(
            "SMS_Audit",
            [_log(outside, generation, message, "Send Attempt", attempted_at) for message in due],
        )
    outside.sleep(outside.gap)
    sent_at = outside.now()
    changes = {
        message.lead.id: _cells(outside, generation, message, sent_at, failed=message.lead.id in failed)
        for message in due
    }
    for lead in outside.endpoint.update("Leads", changes):
        if lead.id not in failed:
            outside.remember(lead, outside.clock())
    results = []
    for message in due:
        is_failed = message.lead.id in failed
        row = _log(outside, generation, message, "Send Failed" if is_failed else generation.event, sent_at)
        results.append(row | {"Status": "Failed" if is_failed else "Sent"})
    outside.endpoint.create("SMS_Audit", results)
    return Happening(generation.name, tuple(message.lead.id for message in due))


def _with_templates(outside: Outside, generation: Generation, leads: list[Row]) -> list[_Due]:
    """The leads whose turn it is, in random order; those without a template are passed over in silence."""
    rows = outside.endpoint.select("SMS_Templates", "{Body} != ''", limit=1_000) if leads else []
    templates = {_template_key(row.fields): row.fields for row in rows}
    due: list[_Due] = []
    for lead in outside.rng.sample(leads, len(leads)):
        campaign = str(lead.fields.get("Campaign (CORRECTED)", ""))
        variant = str(lead.fields.get("SMS Variant") or outside.rng.choice("AB"))
        step = 1 if generation.first_step_only else int(number(lead.fields, "SMS Sequence Position")) + 1
        template = templates.get((campaign, variant, min(step, COMPLETE_AT)))
        if template is None or not ten_digits(lead.fields) or not _delay_is_over(outside, lead, step, template):
            continue
        name = str(lead.fields.get("First Name", "")).strip() or "there"
        text = str(template["Body"])
        for placeholder in ("{firstName}", "{Name}", "{{first_name}}"):
            text = text.replace(placeholder, name)
        due.append(_Due(lead, campaign, variant, step, text))
    return due


def _template_key(fields: Mapping[str, object]) -> tuple[str, str, int]:
    step = fields.get("Step", 0)
    return (
        str(fields.get("Campaign", "")).strip(),
        str(fields.get("Variant", "")),
        int(step) if isinstance(step, int | float) else 0,
    )


def _delay_is_over(outside: Outside, lead: Row, step: int, template: Cells) -> bool:
    last = lead.fields.get("SMS Last Sent At")
    if step == 1 or last is None:
        return True
    days = number(template, "Delay Days") or _DEFAULT_DELAY_DAYS.get(step, 7)
    return moment(str(last)) <= outside.clock() - timedelta(days=days)


def _cells(outside: Outside, generation: Generation, message: _Due, sent_at: str, *, failed: bool) -> Cells:
    """What a scheduler writes to the lead, computed from what it had read before the gap."""
    read = message.lead.fields
    if generation.first_step_only:
        cells: Cells = dict.fromkeys(NOVEMBER_ZEROES, 0)
        if failed:
            return cells | {
                "SMS Status": "Failed",
                "SMS Retry Count": number(read, "SMS Retry Count") + 1,
                "Last Error Message": outside.rng.choice(_ERRORS),
            }
        cells["SMS Retry Count"] = 0
        cells["Processing Status"] = "In Sequence"
    elif failed:
        return {"SMS Status": "Failed", "Processing Status": "Complete"}
    else:
        cells = {
            "SMS Sequence Position": message.step,
            "Processing Status": "Complete" if message.step >= COMPLETE_AT else "In Sequence",
        }
    link_id = str(read.get("Short Link ID") or message.lead.id[-8:])
    return cells | {
        "SMS Status": "Sent",
        "SMS Sent Count": int(number(read, "SMS Sent Count")) + 1,
        "SMS Last Sent At": sent_at,
        "SMS Variant": message.variant,
        "Short Link ID": link_id,
        "Short Link URL": f"https://s.example/{link_id}",
    }


def _log(outside: Outside, generation: Generation, message: _Due, event: str, at: str) -> Cells:
    campaign = f"msg_{outside.rng.getrandbits(40):010x}" if generation.logs_message_ids else message.campaign
    return {
        "Event": event,
        "Campaign ID": campaign,
        "Phone": str(message.lead.fields["Phone"]),
        "Lead Record ID": message.lead.id,
        "Text": message.text,
        "Sent At": at,
    }
