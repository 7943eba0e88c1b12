"""Campaigns and message templates of the sample base, with the ways in which their names fail to meet.

Leads carry a slug ('chatgpt_use_cases'), the Campaigns table a title ('ChatGPT Use Cases'), templates either; some
names exist on one side only (spec/metrics.md section 1, "campaign").
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from playground.sample.schema import Json, new_id, options_of
from playground.sample.times import iso


@dataclass(frozen=True)
class Title:
    """A row of the Campaigns table.

    Attributes:
        name: as the table spells it; empty for a row without a name.
        slug: what leads carry in `Campaign (CORRECTED)`; None where leads can only be linked.
        share: weight among the leads that have a campaign.
        days_old: days since the row was created.
    """

    name: str
    slug: str | None
    share: float
    days_old: int
    kind: str | None = "Standard"
    active: bool = True


TITLES: Final = (
    Title("ChatGPT Use Cases", "chatgpt_use_cases", 14, 300),
    Title("Pricing Rules", "pricing_rules", 10, 298),
    Title("Consensus Building", "consensus_building", 7, 295),
    Title("Impactful Meetings", "impactful_meetings", 6, 290),
    Title("Problem Mapping", "problem_mapping", 6, 280, active=False),
    Title("Killer Proposal", "killer_proposal", 5, 270),
    Title("Executive Outreach", "executive_outreach", 5, 260),
    Title("Income Planner", "income_planner", 4, 250),
    Title("VSL 500k-1M", "vsl_500k_1m", 8, 240, "Custom"),
    Title("Fundamentals Training", "fundamentals_training", 4, 230),
    Title("Weekly Scorecard", "weekly_scorecard", 3, 220, None),
    Title("Predict Selling", "predict_selling", 3, 210),
    Title("Opportunity Cost", "opportunity_cost", 2, 200, active=False),
    Title("Default Nurture", "default_nurture", 9, 190, active=False),
    Title("Best Q4 Ever Webinar", "Best-Q4-Ever-Webinar", 4, 120, "Webinar"),
    Title("Call Booked", "call_booked", 2, 180),
    Title("VSL 500K 1M (FB)", "vsl_500k_1m_fb", 2, 100, "Custom"),
    Title("Rad Goals", None, 1, 90),
    Title("Q4 2025 Webinar", None, 1, 60, "Webinar"),
    Title("Négociation d’été", None, 0.5, 55),
    Title("Q1 <b>Push</b> & Renewals *now*", None, 0.5, 20, "Custom"),
    # Never reached anybody.
    Title("Old List Re-engagement 🎯", None, 0, 310, active=False),
    # The same name again, in other spellings and later: the older row decides.
    Title(" chatgpt use cases ", None, 0.4, 40, active=False),
    Title("PRICING__RULES", None, 0.4, 30, "Webinar", active=False),
    # Without a name: an empty cell, and a blank one.
    Title("", None, 0.3, 25, None),
    Title("   ", None, 0.3, 15, None, active=False),
)  # fmt: skip

# Options of `Campaign (CORRECTED)` that no row of the Campaigns table meets, and how many leads carry them.
UNLISTED_SLUGS: Final = {"executive_email": 3.0}

_TEMPLATE_NAMES: Final = (
    *options_of("Leads", "Campaign (CORRECTED)"),
    "rad_goals",
    "topical_mindset",
    "Q4 2025 Webinar",
)
_MISSING_TEMPLATES: Final = {
    ("pricing_rules", "B", 2), ("consensus_building", "A", 3), ("consensus_building", "B", 3),
    ("vsl_500k_1m_fb", "B", 1), ("weekly_scorecard", "A", 2), ("call_booked", "A", 1), ("call_booked", "B", 1),
    ("call_booked", "A", 2), ("call_booked", "B", 2), ("call_booked", "A", 3), ("call_booked", "B", 3),
    ("rad_goals", "B", 1), ("rad_goals", "B", 2), ("rad_goals", "B", 3),
}  # fmt: skip
_BODIES: Final = (
    "Hi {greeting}, it's the UYSP team. You asked about {topic}: want the short version?",
    "{greeting}, quick follow-up on {topic}. Worth 15 minutes this week?",
    "Last note from us on {topic}, {greeting}. Reply STOP to opt out.",
)
_GREETINGS: Final = ("{firstName}", "{Name}", "{{first_name}}")


def campaign_records(seed: int, now: datetime) -> list[Json]:
    """Rows of the Campaigns table, in the order of `TITLES`; who is linked is added with the leads."""
    rng = random.Random(f"{seed}/campaigns")
    records: list[Json] = []
    for position, title in enumerate(TITLES):
        created = now - timedelta(days=title.days_old, seconds=rng.randrange(86_400))
        fields: Json = {}
        if title.name:
            fields["Campaign Name"] = title.name
        if title.kind:
            fields["Campaign Type"] = title.kind
        if position % 5 != 4:
            fields["Form ID"] = str(2_100_000_000 + rng.randrange(90_000_000))
        if title.active:
            fields["Active"] = True
        if title.kind == "Webinar":
            fields["Webinar Datetime"] = iso(now + timedelta(days=rng.choice((-20, -3, 9)), hours=rng.randrange(24)))
            fields["Zoom Link"] = f"https://meet.example/j/{rng.randrange(10**9)}"
        if position % 3 == 0:
            fields["Resource Link"] = f"https://library.example/{position}"
            fields["Resource Name"] = f"Worksheet {position}"
        if title.slug is None:
            fields["Auto Discovered"] = True
        # Two figures that somebody once typed in; nothing keeps them right.
        fields["Messages Sent"] = rng.randrange(60)
        fields["Total Leads "] = rng.randrange(3, 94)
        records.append({"id": new_id(rng, "rec"), "createdTime": iso(created), "fields": fields})
    return records


def template_records(seed: int, now: datetime) -> list[Json]:
    """Rows of SMS_Templates: steps 1 to 3 in two variants, some missing, some for names that are no option."""
    rng = random.Random(f"{seed}/templates")
    records: list[Json] = []
    for number, name in enumerate(_TEMPLATE_NAMES):
        for variant in ("A", "B"):
            for step in range(1, len(_BODIES) + 1):
                if (name, variant, step) in _MISSING_TEMPLATES:
                    continue
                fields: Json = {"Campaign": f"{name} " if number % 7 == 3 else name, "Variant": variant, "Step": step}
                if step > 1 and number % 4:
                    fields["Delay Days"] = 3 if step == 2 else 7
                    fields["Fast Delay Minutes"] = 2
                fields["Body"] = message_text(name, variant, step, _GREETINGS[number % 3])
                created = now - timedelta(days=300 - number * 3, seconds=rng.randrange(86_400))
                records.append({"id": new_id(rng, "rec"), "createdTime": iso(created), "fields": fields})
    return records


def message_text(campaign: str, variant: str, step: int, greeting: str) -> str:
    """What a campaign says at a step; steps above 3 repeat the last text with a number."""
    topic = campaign.replace("_", " ").strip() + (" (and a link)" if variant == "B" else "")
    text = _BODIES[min(step, len(_BODIES)) - 1].replace("{topic}", topic).replace("{greeting}", greeting)
    return text if step <= len(_BODIES) else f"{text} ({step})"
