"""Where a person sees several clients, everything that leads can be told apart by says whose it is."""

from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import text

from slackbot.answers import ask
from slackbot.answers.model import Answer
from slackbot.answers.own import own_leads
from slackbot.blocks.message import answer_message
from tests.slackbot import marts
from tests.slackbot.marts import record_id
from uysp.settings import Settings

Engine = sqlalchemy.Engine


@pytest.fixture
def twins(built: Engine) -> Engine:
    """Clients acme and bravo that look alike: a campaign, its steps and a lead of the same names."""
    for number, client in enumerate(("acme", "bravo"), 1):
        marts.mark_synced(built, client)
        marts.add_campaign(built, "Pricing Rules", client=client, leads=10 * number, booking_rate=0.1 * number)
        marts.add_lead(
            built,
            number,
            client=client,
            name="Avery Kestrelby",
            campaign="Pricing Rules",
            is_hot=True,
            claimed_by="ada@example.invalid",
        )
        for step in range(2):
            row = {"client": client, "campaign": "Pricing Rules", "step": step, "leads_at_step": 1}
            marts.add(built, "sequence_steps", row | {"leads_reached": 10 * number - 3 * step})
    return built


def opened(answer: Answer, section: str) -> list[str]:
    """Return what stands in the select below a section."""
    shown = answer.sections[section]
    assert shown.link is not None
    return [shown.link(row).label for row in shown.rows]


def asked(line: str, engine: Engine, settings: Settings, *seen: str) -> Answer:
    return ask(line, engine, settings, (seen or ("acme", "bravo")).__contains__)


@pytest.mark.parametrize(
    ("line", "section", "labels"),
    [
        ("hot", "leads", ["Avery Kestrelby"]),
        ("dashboard", "hot_leads", ["Avery Kestrelby"]),
        ("lead avery", "leads", ["Avery Kestrelby"]),
        ("campaign pricing step:1", "leads", ["Avery Kestrelby"]),
        ("campaign pricing", "steps", ["Step 0", "Step 1"]),
        ("campaigns", "campaigns", ["Pricing Rules"]),
    ],
)
def test_what_leads_on_names_the_client_where_there_are_several(
    twins: Engine, reading: Engine, settings: Settings, line: str, section: str, labels: list[str]
) -> None:
    answer = asked(line, reading, settings)
    assert sorted(opened(answer, section)) == [f"{key}: {label}" for key in ("acme", "bravo") for label in labels]
    assert "acme: " in str(answer_message(answer)["blocks"])
    if not line.startswith("lead"):  # else it is a single lead's card
        assert sorted(opened(asked(line, reading, settings, "acme"), section)) == labels


def test_a_leads_card_names_its_client_where_there_are_several(
    twins: Engine, reading: Engine, settings: Settings
) -> None:
    line = f"lead acme/{record_id(1)}"
    answer = asked(line, reading, settings)
    assert answer.sections["leads"].columns[0].label == "Client"
    assert answer.findings.summary.startswith("Avery Kestrelby (acme): Pricing Rules")
    alone = asked(line, reading, settings, "acme")
    assert alone.sections["leads"].columns[0].label == "Company"
    assert alone.findings.summary.startswith("Avery Kestrelby: ")


def test_sentences_and_charts_of_a_campaign_tell_clients_apart(
    twins: Engine, reading: Engine, settings: Settings
) -> None:
    answer = asked("campaign pricing", reading, settings)
    assert answer.findings.summary.startswith("Pricing Rules (acme): 10 leads")
    assert " Pricing Rules (bravo): 20 leads" in answer.findings.summary
    (funnel,) = answer.findings.charts
    assert funnel.series == {"acme": [10, 7], "bravo": [20, 17]}
    assert "Of 10 leads of Pricing Rules (acme), 7 reached step 1" in funnel.summary
    (alone,) = asked("campaign pricing", reading, settings, "bravo").findings.charts
    assert alone.series == {"Leads": [20, 17]}
    listed = asked("campaign pricing step:1", reading, settings).findings.summary
    assert listed.startswith("2 leads at step 1 now (1 of acme, 1 of bravo). Pricing Rules (acme): ")
    (compared,) = asked("campaigns", reading, settings).findings.charts
    assert list(compared.categories) == ["bravo: Pricing Rules", "acme: Pricing Rules"]
    assert "Pricing Rules (bravo) has the highest booking rate, 20.0%." in compared.summary


def test_a_step_that_one_client_has_not_is_drawn_of_the_others(
    twins: Engine, reading: Engine, settings: Settings
) -> None:
    row = {"client": "bravo", "campaign": "Pricing Rules", "step": 2, "leads_at_step": 1, "leads_reached": 4}
    marts.add(twins, "sequence_steps", row)
    (funnel,) = asked("campaign pricing", reading, settings).findings.charts
    assert funnel.series == {"acme": [10, 7, 0], "bravo": [20, 17, 4]}


def test_long_keys_leave_room_for_the_campaign_on_a_chart(built: Engine, reading: Engine, settings: Settings) -> None:
    for client in ("international-rescue", "thunderbirds-holding"):
        marts.mark_synced(built, client)
        rates = dict.fromkeys(("booking_rate", "click_rate", "opt_out_rate"), 0.5)
        marts.add_campaign(built, "Pricing", client=client, leads=10, **rates)
    answer = ask("campaigns", reading, settings)
    blocks: Any = answer_message(answer)["blocks"]
    (chart,) = (block for block in blocks if block["type"] == "data_visualization")
    assert chart["chart"]["axis_config"]["categories"] == ["interna…: Pricing", "thunder…: Pricing"]


def test_ones_own_leads_in_home_name_their_client(twins: Engine, reading: Engine) -> None:
    with reading.connect() as connection:
        assert connection.execute(text("select count(*) from marts.leads")).scalar_one() == 2
        own = own_leads(connection, ("acme", "bravo"), "ada@example.invalid")
    assert own.columns[0].label == "Client"
    assert own.link is not None
    assert [own.link(row).label for row in own.rows] == ["acme: Avery Kestrelby", "bravo: Avery Kestrelby"]
