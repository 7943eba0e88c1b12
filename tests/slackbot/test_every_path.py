"""Every verb, and everywhere that its buttons and selects lead, through the emulated Slack."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import text

from playground.slack.limits.blocks import block_faults
from playground.slack.payloads import elements
from playground.slack.server import Slack
from playground.slack.workspace import Message
from slackbot import pace
from slackbot.answers import TOPICS, VERBS
from slackbot.blocks.actions import ASK, CHOOSE, CSV, EXPLAIN, OPEN, SHARE, WRITE
from tests.slackbot import marts
from tests.slackbot.conftest import both
from tests.slackbot.drawn import HOSTILE, markup, parts, strings
from tests.slackbot.test_bot import shown
from tests.slackbot.test_listeners import ready
from tests.waiting import eventually
from uysp import lead_index
from uysp.settings import Settings

Engine = sqlalchemy.Engine
MOST_PATHS = 60  # from one verb; there are as many as rows
NOW = datetime.now(UTC)
ADA = "U0ADA00001"

LINES = {
    **{topic.verb.name: topic.verb.examples[0] for topic in TOPICS},
    "campaign": 'campaign "ChatGPT Use Cases" step:1',
    "lead": "lead jane",
    "timeline": f"timeline uysp/{marts.record_id(1)}",
    "versions": f"versions uysp/{marts.record_id(1)}",
    "history": "history",
    "help": "help",
}


@pytest.fixture
def busy(built: Engine, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """A base with two campaigns and some leads, and people who may ask as fast as a test does."""
    monkeypatch.setattr(pace, "READS_A_MINUTE", 100_000)
    marts.mark_synced(built, at=NOW)
    for name in ("ChatGPT Use Cases", "Webinar <!channel> & *more*"):
        marts.add_campaign(built, name, leads=30, bookings=3, booking_rate=0.1, clickers=4, clicks=9, messages_sent=40)
        for step in (1, 2):
            marts.add(built, "sequence_steps", {**counted(marts.SEQUENCE_STEPS), "campaign": name, "step": step})
            marts.add(
                built, "click_tracking", {**counted(marts.CLICK_TRACKING), "campaign": name, "reached_step": step}
            )
        marts.add(
            built, "variant_performance", {**counted(marts.VARIANT_PERFORMANCE), "campaign": name, "variant": "A"}
        )
        marts.add(built, "daily_activity", {**counted(marts.DAILY_ACTIVITY), "campaign": name, "day": NOW.date()})
    for period in ("24h", "7d", "30d", "all"):
        row = {**counted(marts.DASHBOARD), "period": period, "as_of": NOW, "history_since": NOW - timedelta(days=60)}
        marts.add(built, "dashboard", row)
    for number in range(1, 31):
        marts.add_lead(
            built,
            number,
            name=f"Jane {'Doe' if number == 1 else f'Roe {number}'}",
            email=f"jane{number}@acme.example",
            campaign="ChatGPT Use Cases",
            icp_score=50 + number,
            is_hot=number < 12,
            clicks=number % 3,
            clicked=bool(number % 3),
            last_sent_at=NOW - timedelta(days=number),
        )
    return built


def counted(columns: str) -> dict[str, Any]:
    """Return a row whose counts are 3 and whose shares are 0.5."""
    named = [column.split() for column in columns.replace("\n", " ").split(",")]
    values = {"bigint": 3, "double": 0.5}
    return {"client": "uysp", **{name: values[kind] for name, kind, *_ in named if kind in values}}


def lines_of(message: Message) -> list[tuple[str, str, str | None]]:
    """Return everything that can be pressed or chosen: action_id, label, and the option's value."""
    found: list[tuple[str, str, str | None]] = []
    for each in elements(message.blocks):
        element = each.element
        if element["type"] == "button":
            found.append((element["action_id"], element["text"]["text"], None))
        else:
            found += [(element["action_id"], each.block_id, option["value"]) for option in element.get("options", ())]
    return found


def follow(slack: Slack, message: Message, action_id: str, value: str | None) -> Message | None:
    """Press or choose something; return the answer, None where a window opens or a file comes."""
    if value is not None:
        return slack.choose("ada", message, action_id, value).wait_for_answer()
    pressed = slack.press("ada", message, action_id)
    assert pressed.error is None
    if CSV.fullmatch(action_id):
        # The last of what comes; else it would be taken for an answer to what is pressed next.
        assert eventually(lambda: any(one.text.startswith("Here is") for one in pressed.answers()))
        assert any(one.files for one in pressed.answers())
        return None
    if action_id in (EXPLAIN, SHARE):
        view = slack.wait_for_modal("ada", ready, 10)
        assert "went wrong" not in str(view.blocks)
        slack.close("ada")
        return None
    return pressed.wait_for_answer()


def check(answer: Message) -> None:
    """Check what holds for every answer."""
    assert block_faults(list(answer.blocks)) == []
    assert "went wrong" not in answer.text
    assert "could not answer" not in answer.text
    assert "<!channel>" not in answer.text.replace("&lt;", "")
    assert answer.only_for == ADA


@both
def test_every_verb_is_answered(busy: Engine, bot: Settings, slack: Slack) -> None:
    assert set(LINES) == {verb.name for verb in VERBS}
    for line in LINES.values():
        asked = slack.command("ada", line, "general")
        assert asked.error is None
        assert asked.acked_after is not None
        assert asked.acked_after < 1
        check(asked.wait_for_answer())
        event = slack.say("ada", f"@UYSP {line}", "general")
        assert event is not None
        check(event.wait_for_answer())


def fill(engine: Engine, table: str, value: str, **others: Any) -> None:
    """Add a row to a mart that has this value in every text column but those that are given."""
    named = [column.split() for column in marts.RELATIONS[table].replace("\n", " ").split(",")]
    texts = {name: value for name, kind, *_ in named if kind == "text"}
    marts.add(engine, table, {**counted(marts.RELATIONS[table]), **texts, "client": "uysp", **others})


@pytest.fixture
def hostile(busy: Engine) -> Engine:
    """A base with what may do harm in every text of every table."""
    for number, value in enumerate(HOSTILE, 100):
        lead_id = marts.record_id(number)
        lead = {name: each for name, each in marts.LEAD.items() if name not in ("name", "campaign")}
        fill(busy, "leads", value, **lead | {"lead_id": lead_id, "is_hot": True, "clicks": 3, "icp_score": 90})
        fill(busy, "campaign_performance", value, is_internal=False, is_unassigned=False, is_paused=False)
        fill(busy, "sequence_steps", value, step=1)
        fill(busy, "click_tracking", value, reached_step=1)
        fill(busy, "variant_performance", value)
        fill(busy, "lead_timeline", value, lead_id=lead_id, event_id=f"e{number}", at=NOW)
        fill(busy, "data_quality_issues", value, record_id=lead_id, seen_at=NOW)
        fill(busy, "sync_status", value, last_synced_at=NOW, rows=1)
        said = {"said": value, "before": {value or "x": value}, "after": {value or "x": f"{value}!"}, "reason": value}
        with busy.begin() as connection:
            connection.execute(
                text("""
                    insert into app.activity_log (client, actor_id, actor_name, action, lead_id, details, outcome)
                    values ('uysp', 'U1', :value, 'NOTE_ADDED', :lead_id, cast(:details as jsonb), 'done')
                """),
                {"value": value, "lead_id": lead_id, "details": json.dumps(said)},
            )
            connection.execute(
                text("""
                    insert into raw.leads_history (client, record_id, version, fields, observed_at, operation, load_id)
                    values ('uysp', :lead_id, 1, '{}', :at, 'created', 1),
                        ('uysp', :lead_id, 2, cast(:fields as jsonb), :at, 'updated', 2)
                """),
                {"lead_id": lead_id, "at": NOW, "fields": json.dumps({value or "x": value})},
            )
    lead_index.refresh(busy)
    return busy


def test_what_may_do_harm_is_text_in_every_answer_wherever_it_stands(
    hostile: Engine, bot: Settings, slack: Slack
) -> None:
    lines = ["dashboard", "campaigns", "clicks", "hot 100", "variants", "quality", "status", "history", "lead rec"]
    ids = [f"uysp/{marts.record_id(100 + number)}" for number in range(len(HOSTILE))]
    for line in (*lines, *(f"{verb} {each}" for each in ids for verb in ("lead", "timeline", "versions", "history"))):
        answer = slack.command("ada", line, "general").wait_for_answer()
        check(answer)
        assert answer.blocks[0]["type"] == "header", (line, answer.text)
        assert markup([dict(block) for block in answer.blocks]) == []
        for kind in ("user", "broadcast", "link", "usergroup", "channel"):
            assert parts(list(answer.blocks), kind) == []
        assert re.search(r"[<>]|&(?!(?:amp|lt|gt);)", answer.text) is None
        for shown_text in [answer.text, *strings(list(answer.blocks))]:
            assert not set(shown_text.replace("\n", "")) & set("\u202e\x1b\r\t")


def follow_label(slack: Slack, message: Message, label: str) -> Message:
    """Press or choose what stands on it; return the answer."""
    for found in elements(message.blocks):
        element = found.element
        if element["type"] == "button" and element["text"]["text"] == label:
            return slack.press("ada", message, element["action_id"], found.block_id).wait_for_answer()
        if any(option["text"]["text"] == label for option in element.get("options", ())):
            return slack.choose("ada", message, element["action_id"], label).wait_for_answer()
    raise AssertionError(f"there is no {label!r}")


@both
def test_the_way_leads_from_the_dashboard_down_to_a_lead_and_back(busy: Engine, bot: Settings, slack: Slack) -> None:
    name = "ChatGPT Use Cases"
    way = {
        "Last 7 days": "Dashboard, last 7 days",
        name: name,
        "Step 1": f"{name}, step 1",
        "Jane Roe 30": "Jane Roe 30",
        "Step 1 of it": f"{name}, step 1",
        "All steps": name,
        "All campaigns": "Campaigns",
        "Dashboard": "Dashboard, last 30 days",
        "Jane Roe 11": "Jane Roe 11",
        "Hot leads": "Hot leads",
    }
    message = slack.command("ada", "dashboard", "general").wait_for_answer()
    for label, title in way.items():
        message = follow_label(slack, message, label)
        check(message)
        assert message.blocks[0]["text"]["text"] == title


def test_the_leads_of_a_step_come_by_score_with_what_is_asked_for_in_pages(
    busy: Engine, bot: Settings, slack: Slack
) -> None:
    answer = slack.command("ada", LINES["campaign"], "general").wait_for_answer()
    [table] = [each for each in answer.blocks if each.get("caption") == "Leads at step 1 now"]
    wanted = ["Name", "Company", "ICP score", "Status", "Messages", "Last sent", "Clicked", "Booked"]
    assert [cell["text"] for cell in table["rows"][0]] == wanted
    scores = [row[2]["value"] for row in table["rows"][1:]]
    following = follow_label(slack, answer, "Next →")
    [table] = [each for each in following.blocks if each.get("caption") == "Leads at step 1 now"]
    assert [*scores, *(row[2]["value"] for row in table["rows"][1:])] == list(range(80, 50, -1))


@both
@pytest.mark.parametrize("verb", LINES)
def test_every_button_and_select_of_an_answer_leads_somewhere(
    busy: Engine, bot: Settings, slack: Slack, verb: str
) -> None:
    first = slack.command("ada", LINES[verb], "general").wait_for_answer()
    check(first)
    to_do: list[tuple[Message, Any]] = [(first, step) for step in lines_of(first)]
    done: set[tuple[str, str | None]] = set()
    while to_do and len(done) < MOST_PATHS:
        message, (action_id, label, value) = to_do.pop(0)
        known = (action_id if value is None and not ASK.fullmatch(action_id) else label, value)
        if known in done:
            continue
        done.add(known)
        if WRITE.fullmatch(action_id):
            continue  # tests/slackbot/test_writes.py presses those
        assert any(each.fullmatch(action_id) for each in (ASK, CHOOSE, OPEN, CSV)) or action_id in (EXPLAIN, SHARE)
        if slack.workspace.find(message.channel, message.ts) is None:
            continue
        present = slack.workspace.find(message.channel, message.ts)
        if present is not None and (action_id, label, value) not in lines_of(present):
            continue  # a choice has put another answer in its place
        answer = follow(slack, message, action_id, value)
        if answer is not None:
            check(answer)
            to_do += [(answer, step) for step in lines_of(answer)]
    assert done or verb in ("history", "help", "status"), shown(first)
