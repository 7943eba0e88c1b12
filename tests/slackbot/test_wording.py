"""What people hear first of an answer: one sentence that no name drowns, with counts as one says them."""

import pytest
import sqlalchemy

from slackbot.answers import ask
from slackbot.answers.search import AmbiguousLeadError
from slackbot.blocks.message import answer_message
from tests.slackbot import marts
from uysp.settings import Settings

Engine = sqlalchemy.Engine
LONG = "Ada " + "loud" * 750


@pytest.mark.parametrize("line", ["lead {}", "timeline {}", 'campaign "{}"', 'hot campaign:"{}"', 'variants "{}"'])
def test_a_name_of_thousands_of_letters_leaves_the_rest_to_be_heard(
    line: str, built: Engine, reading: Engine, settings: Settings
) -> None:
    marts.mark_synced(built)
    lead_id = marts.add_lead(built, 1, name=LONG, campaign=LONG, is_hot=True)
    marts.add_campaign(built, LONG, leads=1)
    typed = line.format(lead_id if line.startswith(("lead", "timeline")) else LONG[:900])
    said = answer_message(ask(typed, reading, settings))["text"]
    assert len(said) < 700
    assert "data" in said.casefold()


def test_leads_of_long_names_are_told_apart_in_a_short_sentence(
    built: Engine, reading: Engine, settings: Settings
) -> None:
    marts.mark_synced(built)
    ids = [marts.add_lead(built, number, name=LONG, company=LONG) for number in (1, 2)]
    with pytest.raises(AmbiguousLeadError) as told:
        ask("timeline ada", reading, settings)
    assert all(lead_id in str(told.value) for lead_id in ids)
    assert len(str(told.value)) < 700


def test_one_is_no_plural(built: Engine, reading: Engine, settings: Settings) -> None:
    marts.mark_synced(built)
    marts.add_campaign(built, "Webinar", leads=1, bookings=1)
    counts = {"links": 1, "clicks": 1, "clickers": 1, "linked_clickers": 1, "booked_clickers": 1, "others": 0}
    counts |= {"booked_others": 0, "reached_step": 1}
    marts.add(built, "click_tracking", {"client": "uysp", "campaign": "Webinar", **counts})
    assert ask("campaigns", reading, settings).findings.summary.startswith("1 campaign, 1 lead, 1 booked")
    assert "Webinar: 1 lead, " in ask("campaign webinar", reading, settings).findings.summary
    assert ask("clicks", reading, settings).findings.summary.startswith("1 click by 1 lead, 1 has a link.")
