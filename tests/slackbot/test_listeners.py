"""What people press, choose, write and open, through the emulated Slack: every hop asks for their own rights."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy
from pydantic import SecretStr
from slack_sdk import WebClient
from sqlalchemy import text

from playground.slack.payloads import elements
from playground.slack.server import Slack
from playground.slack.workspace import Message, PersonKind
from slackbot import pace
from slackbot.app import running
from slackbot.blocks.actions import (
    EXPLAIN,
    FIND_LEAD,
    LEAD,
    NOTE_SHORTCUT,
    PROGRESS,
    RESULTS,
    SHARE,
    SHARE_CHANNEL,
    STOP,
    UNDO,
    ask_id,
    choose_id,
    csv_id,
    open_id,
    write_id,
)
from slackbot.blocks.elements import plain
from tests.slackbot import marts
from tests.slackbot.conftest import HTTP, SOCKETS, bot_settings, both
from tests.slackbot.test_bot import denials, shown
from tests.waiting import eventually
from uysp.settings import Client, Settings

Engine = sqlalchemy.Engine
Json = dict[str, Any]
ADA, BEN, GUS, STELLA = "U0ADA00001", "U0BEN00001", "U0GUS00001", "U0STELLA01"
PERSONAL = ("jane@acme.example", "4155550100", "likes tea")


def button(action_id: str, line: str) -> Json:
    return {"type": "button", "action_id": action_id, "text": plain(action_id), "value": line}


def select(action_id: str, *lines: str) -> Json:
    options = [{"text": plain(line), "value": line} for line in lines]
    return {"type": "static_select", "action_id": action_id, "placeholder": plain("Choose"), "options": options}


PICKER = {
    "type": "external_select",
    "action_id": FIND_LEAD,
    "placeholder": plain("Find a lead"),
    "min_query_length": 1,
}


def put(slack: Slack, *elements: Json, channel: str = "general", only_for: str | None = None) -> Message:
    """Post a message of the bot's with these buttons, and return it as ada sees it."""
    client = WebClient(token=slack.bot_token, base_url=slack.api_url)
    where = slack.workspace.channel(channel).id
    content: Json = {"channel": where, "text": "x", "blocks": [{"type": "actions", "elements": list(elements)}]}
    if only_for is None:
        client.chat_postMessage(**content)
    else:
        client.chat_postEphemeral(user=only_for, **content)
    return slack.workspace.screen("ada", channel)[-1]


@pytest.fixture
def campaign(built: Engine) -> Engine:
    """A base with one campaign and one lead."""
    marts.mark_synced(built)
    marts.add_campaign(built, "Webinar", leads=1200, bookings=30, booking_rate=0.025)
    marts.add_lead(
        built,
        1,
        name="Jane Doe",
        company="Acme",
        email="jane@acme.example",
        phone="4155550100",
        notes="likes tea",
        claimed_by="ada@example.invalid",
    )
    return built


@both
def test_a_button_asks_what_it_carries_and_answers_whoever_pressed(
    campaign: Engine, bot: Settings, slack: Slack
) -> None:
    message = put(slack, button(ask_id(1), "campaigns"))
    pressed = slack.press("ben", message, ask_id(1))
    assert pressed.error is None
    assert pressed.acked_after is not None
    assert pressed.acked_after < 1
    answer = pressed.wait_for_answer()
    assert answer.only_for == BEN
    assert "1,200 leads" in answer.text
    assert slack.workspace.find(message.channel, message.ts) == message
    assert [one.ts for one in slack.workspace.screen("ada", "general")] == [message.ts]


def test_a_choice_takes_the_place_of_what_the_person_alone_sees_and_of_nothing_else(
    campaign: Engine, bot: Settings, slack: Slack
) -> None:
    own = put(slack, select(choose_id(1), "campaigns", "status"), only_for=ADA)
    answer = slack.choose("ada", own, choose_id(1), "campaigns").wait_for_answer()
    assert answer.ts == own.ts
    assert "1,200 leads" in answer.text
    public = put(slack, select(choose_id(1), "campaigns", "status"))
    beside = slack.choose("ada", public, choose_id(1), "campaigns").wait_for_answer()
    assert beside.ts != public.ts
    assert beside.only_for == ADA


@both
def test_a_mention_is_answered_to_its_person_alone(campaign: Engine, bot: Settings, slack: Slack) -> None:
    event = slack.say("ada", "@UYSP lead jane", "general")
    assert event is not None
    answer = event.wait_for_answer()
    assert answer.only_for == ADA
    assert all(each in shown(answer) for each in PERSONAL)
    assert "jane@acme.example" not in str(slack.workspace.screen("ben", "general"))


def test_a_mention_in_a_thread_is_answered_there(campaign: Engine, bot: Settings, slack: Slack) -> None:
    slack.say("ben", "how do we do?", "general")
    thread = slack.workspace.screen("ada", "general")[-1].ts
    event = slack.say("ada", "@UYSP campaigns", "general", thread_ts=thread)
    assert event is not None
    assert event.wait_for_answer().thread_ts == thread


@both
def test_a_direct_message_is_answered_there_and_once(campaign: Engine, bot: Settings, slack: Slack) -> None:
    event = slack.say("ada", "lead jane")
    assert event is not None
    answer = event.wait_for_answer()
    assert answer.channel == slack.workspace.direct_message(ADA).id
    assert all(each in shown(answer) for each in PERSONAL)
    assert slack.redeliver(event).error is None
    assert slack.redeliver(event, new_envelope=True).error is None
    other = slack.say("ada", "help")
    assert other is not None
    other.wait_for_answer()
    assert len(event.answers()) == 2  # its own, and that to help


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("@UYSP lead jane@acme.example", "Jane Doe"),
        ("lead Cars.com", "Mary Poe"),
        ("@UYSP hot 5", "hot lead"),
        ("lead a&b", "Mary Poe"),
        ("@UYSP: campaigns", "1,200 leads"),
        ("@UYSP, campaigns", "1,200 leads"),
        ("hey @UYSP campaigns", "1,200 leads"),
        ("*@UYSP campaigns*", "1,200 leads"),
        ("campaigns @UYSP state:active", "0 active campaigns"),
        ("*campaigns*", "1,200 leads"),
        ("lead _jane_ `doe`", "Jane Doe"),
    ],
)
def test_what_slack_makes_of_a_message_is_read_as_it_was_typed(
    campaign: Engine, bot: Settings, slack: Slack, typed: str, found: str
) -> None:
    marts.add_lead(campaign, 2, name="Mary Poe", company="Cars.com A&B")
    for channel in (None, *(["general"] if "@UYSP" in typed else [])):
        event = slack.say("ada", typed, channel)
        assert event is not None
        assert found in event.wait_for_answer().text


def test_an_edited_message_is_not_answered_again(campaign: Engine, bot: Settings, slack: Slack) -> None:
    channel, person = slack.workspace.direct_message(ADA), slack.workspace.person("ada")
    more = {"channel_type": "im", "subtype": "message_changed", "message": {"text": "campaigns"}}
    edited = slack.interactions.event("message", person, channel, **more)
    assert slack.redeliver(edited).error is None
    event = slack.say("ada", "help")
    assert event is not None
    event.wait_for_answer()
    assert len(event.answers()) == 1


def test_what_is_misspelt_comes_with_buttons_that_ask_what_was_meant(
    campaign: Engine, bot: Settings, slack: Slack
) -> None:
    told = slack.command("ada", "campains", "general").wait_for_answer()
    answer = slack.press("ada", told, "campaigns").wait_for_answer()
    assert "1,200 leads" in answer.text


def test_a_lead_is_found_while_somebody_types_and_choosing_it_asks_for_it(
    campaign: Engine, bot: Settings, slack: Slack
) -> None:
    message = put(slack, PICKER)
    offered = slack.search("ada", message, FIND_LEAD, "jan")
    assert offered.error is None
    assert [one["text"]["text"] for one in offered.options] == ["Jane Doe — Acme"]
    assert all(each not in str(offered.options) for each in PERSONAL)
    answer = slack.choose("ada", message, FIND_LEAD, offered.options[0]["value"]).wait_for_answer()
    assert answer.only_for == ADA
    assert all(each in shown(answer) for each in PERSONAL)


def test_home_shows_what_is_ones_own(campaign: Engine, bot: Settings, slack: Slack) -> None:
    slack.open_home("ada")
    home = slack.wait_for_home("ada")
    assert "Jane Doe" in str(home.blocks)
    slack.open_home("ben")
    assert "Jane Doe" not in str(slack.wait_for_home("ben").blocks)
    assert slack.open_home("ada", tab="messages") is not None


@both
def test_home_is_made_anew_when_it_is_opened(campaign: Engine, bot: Settings, slack: Slack) -> None:
    slack.open_home("ada")
    assert "1,200" in str(slack.wait_for_home("ada").blocks)
    with campaign.begin() as connection:
        connection.execute(text("update marts.campaign_performance set leads = 1234"))
    slack.open_home("ada")
    slack.wait_for_home("ada", lambda view: "1,234" in str(view.blocks))


@both
def test_what_is_pressed_in_home_is_answered_by_direct_message_and_a_choice_there(
    campaign: Engine, bot: Settings, slack: Slack
) -> None:
    direct = slack.workspace.direct_message(ADA).id
    slack.open_home("ada")
    home = slack.wait_for_home("ada")
    answer = slack.press("ada", home, "Campaigns").wait_for_answer()
    assert (answer.channel, answer.text.startswith("1 campaign, 1,200 leads")) == (direct, True)
    offered = slack.search("ada", home, FIND_LEAD, "jan")
    card = slack.choose("ada", home, FIND_LEAD, offered.options[0]["value"]).wait_for_answer()
    assert (card.channel, card.blocks[0]["text"]["text"]) == (direct, "Jane Doe")
    period = next(one.element for one in elements(home.blocks) if one.element["type"] == "static_select")
    assert [option["text"]["text"] for option in period["options"]] == [
        "Last 24 hours",
        "Last 7 days",
        "Last 30 days",
        "All time",
    ]
    slack.choose("ada", home, period["action_id"], "Last 7 days")
    week = slack.wait_for_home("ada", lambda view: "Dashboard, last 7 days" in str(view.blocks))
    assert week.id == home.id


def test_home_of_a_workspace_without_the_newer_blocks_is_made_of_simpler_ones(
    campaign: Engine, bot: Settings, slack: Slack
) -> None:
    slack.fail("views.publish", error="invalid_arguments", times=2)
    slack.open_home("ada")
    home = slack.wait_for_home("ada")
    assert "Webinar" in str(home.blocks)
    assert not {"data_table", "table", "data_visualization"} & {block["type"] for block in home.blocks}


def test_home_says_what_it_cannot_show(campaign: Engine, bot: Settings, slack: Slack) -> None:
    with campaign.begin() as connection:
        connection.exec_driver_sql("set local role none; alter table app.write_requests rename state to how_it_stands")
    slack.open_home("ada")
    home = str(slack.wait_for_home("ada").blocks)
    assert "Webinar" in home  # the dashboard is there
    assert home.count("The database could not answer") == 2  # in place of leads and requests
    assert "Reference" in home


@both
def test_home_of_somebody_who_may_not_ask_says_so(campaign: Engine, bot: Settings, slack: Slack) -> None:
    slack.open_home("gus")
    assert "a guest" in str(slack.wait_for_home("gus").blocks)
    assert denials(campaign) == [(GUS, "a guest")]


@both
def test_a_number_is_explained_in_the_words_of_the_models(campaign: Engine, bot: Settings, slack: Slack) -> None:
    with campaign.begin() as connection:
        connection.execute(text("comment on column marts.leads.icp_score is 'How well the company fits.'"))
    message = put(slack, button(EXPLAIN, "lead jane"))
    slack.press("ada", message, EXPLAIN)
    view = slack.wait_for_modal("ada", lambda view: "One moment" not in str(view.blocks))
    assert view.content["callback_id"] == "explain_view"
    assert "ICP score" in str(view.blocks)
    assert "How well the company fits." in str(view.blocks)
    assert slack.close("ada") is None


def share(slack: Slack, line: str, channel: str = "general") -> None:
    slack.press("ada", put(slack, button(SHARE, line), channel=channel, only_for=ADA), SHARE)


def ready(view: Any) -> bool:
    return "One moment" not in str(view.blocks)


@both
def test_what_is_shared_is_shown_first_with_who_will_see_it_then_posted_without_personal_data(
    campaign: Engine, bot: Settings, slack: Slack
) -> None:
    share(slack, "lead jane")
    view = slack.wait_for_modal("ada", ready)
    said = str(view.blocks)
    assert "4 people in #general will see this, among them 1 guest and 1 app." in said
    assert "Everybody in the workspace can open this channel" in said
    assert all(each not in said for each in PERSONAL)
    assert slack.workspace.screen("ben", "general") == []
    slack.submit("ada")
    assert eventually(lambda: len(slack.workspace.screen("ben", "general")) == 1)
    (posted,) = slack.workspace.screen("ben", "general")
    assert "Jane Doe" in shown(posted)
    assert all(each not in shown(posted) for each in PERSONAL)
    assert "Posted in #general" in str(slack.wait_for_modal("ada", lambda view: "Posted" in str(view.blocks)).blocks)


def test_nothing_is_shared_where_another_organisation_reads_along(
    campaign: Engine, bot: Settings, slack: Slack
) -> None:
    share(slack, "campaigns", "partners")
    view = slack.wait_for_modal("ada", ready)
    assert "shared with another organisation" in str(view.blocks)
    with pytest.raises(ValueError, match="nothing to submit"):
        slack.submit("ada")
    assert slack.workspace.screen("stella", "partners") == []


@both
def test_what_fills_a_submitted_window_may_reach_slack_before_its_acknowledgement(
    campaign: Engine, bot: Settings, slack: Slack, slow_submissions: Callable[[], None]
) -> None:
    slow_submissions()
    share(slack, "campaigns", "outreach")
    slack.wait_for_modal("ada", ready)
    slack.submit("ada")
    slack.wait_for_modal("ada", lambda view: "Posted" in str(view.blocks))


def test_another_channel_can_be_chosen_and_the_preview_is_made_anew(
    campaign: Engine, bot: Settings, slack: Slack
) -> None:
    share(slack, "campaigns", "partners")
    view = slack.wait_for_modal("ada", ready)
    slack.choose("ada", view, SHARE_CHANNEL, "C0OUTREACH")
    view = slack.wait_for_modal("ada", lambda view: "#outreach will see this" in str(view.blocks))
    assert "all of them full members" in str(view.blocks)
    slack.submit("ada")
    assert eventually(lambda: len(slack.workspace.screen("grace", "outreach")) == 1)


def test_what_has_changed_since_the_preview_is_shown_again_and_not_posted(
    campaign: Engine, bot: Settings, slack: Slack
) -> None:
    share(slack, "campaigns", "outreach")
    slack.wait_for_modal("ada", ready)
    with campaign.begin() as connection:
        connection.execute(text("update marts.campaign_performance set bookings = 31"))
    slack.submit("ada")
    view = slack.wait_for_modal("ada", lambda view: "have changed since you looked" in str(view.blocks))
    assert slack.workspace.screen("grace", "outreach") == []
    assert "31 booked" in str(view.blocks)
    slack.submit("ada")
    assert eventually(lambda: len(slack.workspace.screen("grace", "outreach")) == 1)


def test_a_channel_without_the_bot_is_said(campaign: Engine, bot: Settings, slack: Slack) -> None:
    share(slack, "campaigns", "outreach")
    view = slack.wait_for_modal("ada", ready)
    slack.choose("ada", view, SHARE_CHANNEL, "C0SECRET01")
    slack.wait_for_modal("ada", lambda view: "/invite @uysp" in str(view.blocks))


@both
def test_rows_are_sent_as_a_file_to_the_person_alone_and_that_is_logged(
    campaign: Engine, bot: Settings, slack: Slack
) -> None:
    marts.add_campaign(campaign, "=cmd()")
    message = put(slack, button(csv_id("campaigns"), "campaigns"))
    pressed = slack.press("ada", message, csv_id("campaigns"))
    assert eventually(lambda: any(one.files for one in pressed.answers()))
    (file,) = slack.workspace.files.by_id.values()
    assert file.shared_in == [slack.workspace.direct_message(ADA).id]
    assert file.content is not None
    assert "'=cmd()" in file.content.decode("utf-8-sig")
    assert slack.workspace.screen("ben", "general") == [message]
    query = text("select actor_id, details from app.activity_log where action = 'EXPORTED'")

    def logged() -> list[Any]:
        with campaign.connect() as connection:
            return list(connection.execute(query))

    assert eventually(lambda: bool(logged()))  # committed once the file has left
    (row,) = logged()
    assert row.actor_id == ADA
    assert row.details["rows"] == 2


@pytest.mark.parametrize("line", ["campaign webinar step:1 page:2", "campaign webinar step:1"])
def test_a_file_has_all_rows_from_whichever_page_it_is_asked(
    campaign: Engine, bot: Settings, slack: Slack, line: str
) -> None:
    for number in range(2, 46):
        marts.add_lead(campaign, number, name=f"Lead {number}")
    pressed = slack.press("ada", put(slack, button(csv_id("leads"), line)), csv_id("leads"))
    assert eventually(lambda: any(one.files for one in pressed.answers()))
    (file,) = slack.workspace.files.by_id.values()
    assert file.content is not None
    assert len(file.content.decode("utf-8-sig").splitlines()) == 1 + 45


@pytest.mark.parametrize("method", ["files.getUploadURLExternal", "files.completeUploadExternal"])
def test_a_file_that_slack_does_not_take_is_neither_announced_nor_logged_as_sent(
    campaign: Engine, bot: Settings, slack: Slack, method: str
) -> None:
    slack.fail(method, error="fatal_error")
    message = put(slack, button(csv_id("campaigns"), "campaigns"))
    pressed = slack.press("ada", message, csv_id("campaigns"))
    assert eventually(lambda: any("no file was sent" in told.text for told in pressed.answers()))
    assert slack.workspace.screen("ada", slack.workspace.direct_message(ADA).id) == []
    with campaign.connect() as connection:
        query = text("select outcome from app.activity_log where action = 'EXPORTED'")
        assert connection.execute(query).scalars().all() == ["failed"]


HOPS: dict[str, Callable[[Slack, str, Message], Any]] = {
    ask_id(1): lambda slack, who, message: slack.press(who, message, ask_id(1)),
    choose_id(1): lambda slack, who, message: slack.choose(who, message, choose_id(1), "lead jane"),
    EXPLAIN: lambda slack, who, message: slack.press(who, message, EXPLAIN),
    SHARE: lambda slack, who, message: slack.press(who, message, SHARE),
    csv_id("leads"): lambda slack, who, message: slack.press(who, message, csv_id("leads")),
    open_id(1): lambda slack, who, message: slack.choose(who, message, open_id(1), "lead jane"),
    write_id(1): lambda slack, who, message: slack.press(who, message, write_id(1)),
    UNDO: lambda slack, who, message: slack.press(who, message, UNDO),
    PROGRESS: lambda slack, who, message: slack.press(who, message, PROGRESS),
    STOP: lambda slack, who, message: slack.press(who, message, STOP),
    RESULTS: lambda slack, who, message: slack.press(who, message, RESULTS),
    NOTE_SHORTCUT: lambda slack, who, message: slack.shortcut(who, message, NOTE_SHORTCUT),
}
LINES = {write_id(1): "note jane", **dict.fromkeys((UNDO, PROGRESS, STOP, RESULTS), "1A2B3C4D")}


@both
@pytest.mark.parametrize(
    ("who", "where", "reason"),
    [("gus", "general", "a guest"), ("solo", "helpdesk", "a guest"), ("stella", "partners", "other workspace")],
)
@pytest.mark.parametrize("hop", HOPS)
def test_whoever_may_not_ask_is_refused_at_every_button_and_that_is_logged(
    campaign: Engine, bot: Settings, slack: Slack, hop: str, who: str, where: str, reason: str
) -> None:
    is_select = hop in (choose_id(1), open_id(1))
    element = select(hop, "lead jane") if is_select else button(hop, LINES.get(hop, "lead jane"))
    message = put(slack, element, channel=where)
    told = HOPS[hop](slack, who, message).wait_for_answer()
    assert "othing was looked up" in told.text
    assert told.only_for == slack.workspace.person(who).id
    assert slack.modal(who) is None
    assert denials(campaign) == [(slack.workspace.person(who).id, reason)]
    assert all(each not in str(slack.workspace.seen_by(who)) for each in PERSONAL)


@both
@pytest.mark.parametrize(("who", "where"), [("gus", "general"), ("solo", "helpdesk"), ("stella", "partners")])
def test_whoever_may_not_ask_is_offered_no_leads_and_answered_no_mention(
    campaign: Engine, bot: Settings, slack: Slack, who: str, where: str
) -> None:
    offered = slack.search(who, put(slack, PICKER, channel=where), FIND_LEAD, "jane")
    assert (offered.error, offered.options) == (None, [])
    event = slack.say(who, "@UYSP lead jane", where)
    assert event is not None
    assert "othing was looked up" in event.wait_for_answer().text
    assert len(denials(campaign)) == 2


def become_guest(slack: Slack, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make a guest of ada, which counts at once."""
    monkeypatch.setattr("slackbot.access.REMEMBERED_SECONDS", 0)
    slack.workspace.people[ADA] = replace(slack.workspace.people[ADA], kind=PersonKind.GUEST)


@pytest.mark.parametrize("hop", ["channel", "submit"])
def test_who_has_become_a_guest_while_a_window_is_open_gets_no_further_in_it(
    campaign: Engine, bot: Settings, slack: Slack, monkeypatch: pytest.MonkeyPatch, hop: str
) -> None:
    share(slack, "campaigns", "outreach")
    view = slack.wait_for_modal("ada", ready)
    become_guest(slack, monkeypatch)
    if hop == "channel":
        slack.choose("ada", view, SHARE_CHANNEL, "C0GENERAL1")
    else:
        slack.submit("ada")
    slack.wait_for_modal("ada", lambda view: "your account is a guest" in str(view.blocks))
    assert slack.workspace.screen("grace", "outreach") == slack.workspace.screen("ben", "general") == []
    assert denials(campaign) == [(ADA, "a guest")]


@both
def test_what_is_pressed_or_submitted_and_delivered_again_is_done_once(
    campaign: Engine, bot: Settings, slack: Slack
) -> None:
    pressed = slack.press("ada", put(slack, button(ask_id(1), "campaigns")), ask_id(1))
    pressed.wait_for_answer()
    share(slack, "campaigns", "outreach")
    slack.wait_for_modal("ada", ready)
    submitted = slack.submit("ada")
    slack.wait_for_modal("ada", lambda view: "Posted" in str(view.blocks))
    for done in (pressed, submitted):
        assert slack.redeliver(done).error is None
        assert slack.redeliver(done, new_envelope=True).error is None
    slack.command("ben", "help", "general").wait_for_answer()
    assert pressed.uses == 1
    assert len(slack.workspace.screen("grace", "outreach")) == 1


@both
def test_an_app_is_refused_without_a_word(campaign: Engine, bot: Settings, slack: Slack) -> None:
    event = slack.say("robot", "@UYSP lead jane", "general")
    assert event is not None
    assert eventually(lambda: denials(campaign) == [("U0ROBOT001", "a bot")])
    assert event.answers() == []


@pytest.fixture
def two_clients(built: Engine, reading: Engine, settings: Settings, slack: Slack) -> Iterator[Settings]:
    """Clients alpha (everywhere) and beta (in #outreach), each with a lead."""
    clients = (
        Client("alpha", "Alpha", "app1", SecretStr("t")),
        Client("beta", "Beta", "app2", SecretStr("t"), slack_channels=("C0OUTREACH",)),
    )
    for number, client in enumerate(clients):
        marts.mark_synced(built, client.key)
        marts.add_lead(built, number, client=client.key, name=f"Jane {client.key.title()}")
    ours = bot_settings(settings, slack, HTTP)
    ours.__dict__["clients"] = clients  # what reading a clients file gives
    with running(ours, reading):
        yield ours


def test_a_client_of_one_channel_is_found_nowhere_else(two_clients: Settings, slack: Slack) -> None:
    def offered(where: str) -> list[str]:
        found = slack.search("ada", put(slack, PICKER, channel=where), FIND_LEAD, "jane").options
        return sorted(one["text"]["text"] for one in found)

    assert offered("general") == ["Jane Alpha"]
    assert offered("outreach") == ["Jane Alpha", "Jane Beta"]
    several = slack.search("ada", put(slack, PICKER, channel="outreach"), FIND_LEAD, "jane").options
    assert sorted(one["description"]["text"] for one in several) == ["alpha — Webinar", "beta — Webinar"]
    (alone,) = slack.search("ada", put(slack, PICKER), FIND_LEAD, "jane").options
    assert alone["description"]["text"] == "Webinar"
    message = put(slack, button(ask_id(1), f"lead beta/{marts.record_id(1)}"))
    assert "Jane Beta" not in shown(slack.press("ada", message, ask_id(1)).wait_for_answer())
    direct = slack.say("ada", "lead jane")
    assert direct is not None
    assert "Jane Beta" not in shown(direct.wait_for_answer())


def test_a_picker_says_why_it_offers_nothing_and_choosing_that_tells_it_whole(guarded: Settings, slack: Slack) -> None:
    message = put(slack, PICKER)
    (option,) = slack.search("ada", message, FIND_LEAD, "jane").options
    assert option["text"]["text"] == "No client's data may be shown here"
    answer = slack.choose("ada", message, FIND_LEAD, option["value"]).wait_for_answer()
    assert "ask in a channel of the client" in answer.text


def test_a_picker_says_that_the_database_does_not_answer(
    two_clients: Settings, built: Engine, slack: Slack, caplog: pytest.LogCaptureFixture
) -> None:
    with built.begin() as connection:
        connection.exec_driver_sql("set local role none; alter table app.lead_index rename to away")
    message = put(slack, PICKER)
    (option,) = slack.search("ada", message, FIND_LEAD, "jane").options
    assert option == {"text": plain("The database does not answer; try again in a minute"), "value": "lead jane"}
    assert "Reference" in slack.choose("ada", message, FIND_LEAD, option["value"]).wait_for_answer().text
    slack.command("ada", "note", "general")
    view = slack.wait_for_modal("ada", ready)
    (option,) = slack.search("ada", view, LEAD, "jane").options
    slack.choose("ada", view, LEAD, option["value"])
    slack.wait_for_modal("ada", lambda view: "Leads cannot be looked up now" in str(view.blocks))
    slack.close("ada")
    slack.command("ada", "lead", "general")
    view = slack.wait_for_modal("ada", ready)
    (option,) = slack.search("ada", view, LEAD, "jane").options
    assert option["value"] == "/jane"


@pytest.mark.parametrize("line", ["lead", "note", "remove", "mark jane", "remove campaign:webinar"])
def test_no_window_is_opened_for_who_may_see_no_client_there(
    guarded: Settings, built: Engine, slack: Slack, line: str
) -> None:
    told = slack.command("ada", line, "general").wait_for_answer()
    assert "ask in a channel of the client" in told.text
    assert "views.open" not in {call.method for call in slack.calls}
    assert denials(built) == [(ADA, "other client")]


def test_who_is_not_in_a_clients_group_is_told_so_in_its_channel(guarded: Settings, slack: Slack) -> None:
    for line in ("lead jane", "note", "campaigns"):
        told = slack.command("ben", line, "partners").wait_for_answer().text
        assert "only members of the client's user group" in told
        assert "ask in a channel" not in told
    assert "ask in a channel of the client" in slack.command("ben", "lead jane", "general").wait_for_answer().text


def test_typing_is_refused_at_every_letter_and_logged_once_for_a_window(
    guarded: Settings, built: Engine, slack: Slack
) -> None:
    message = put(slack, PICKER)
    for typed in ("jan", "jane", "jane b"):
        assert "may be shown here" in str(slack.search("ada", message, FIND_LEAD, typed).options)
        assert slack.search("gus", message, FIND_LEAD, typed).options == []
    assert sorted(denials(built)) == [(ADA, "other client"), (GUS, "a guest")]
    slack.search("ada", put(slack, PICKER), FIND_LEAD, "jane")
    assert sorted(denials(built)) == [(ADA, "other client"), (ADA, "other client"), (GUS, "a guest")]


def test_a_client_of_one_channel_is_shared_in_no_other(two_clients: Settings, slack: Slack) -> None:
    share(slack, "lead jane", "outreach")
    view = slack.wait_for_modal("ada", ready)
    assert "Jane Beta" in str(view.blocks)
    slack.choose("ada", view, SHARE_CHANNEL, "C0GENERAL1")
    slack.wait_for_modal("ada", lambda view: "#general will see" in str(view.blocks) and "Beta" not in str(view.blocks))


def test_home_says_that_clients_of_a_channel_are_shown_there_only(two_clients: Settings, slack: Slack) -> None:
    slack.open_home("ada")
    home = str(slack.wait_for_home("ada").blocks)
    assert "You have claimed no leads of the clients that are shown here." in home
    assert "You have asked for nothing to be written of the clients that are shown here." in home
    assert "Clients that are bound to channels are shown in those channels only" in home


@pytest.fixture
def guarded(
    request: pytest.FixtureRequest, built: Engine, reading: Engine, settings: Settings, slack: Slack
) -> Iterator[Settings]:
    """One client, for the group sales in #outreach and #partners."""
    channels = ("C0OUTREACH", "C0PARTNERS")
    client = Client("beta", "Beta", "app2", SecretStr("t"), slack_channels=channels, slack_user_groups=("sales",))
    marts.mark_synced(built, client.key)
    marts.add_lead(built, 1, client=client.key, name="Jane Beta")
    mode = getattr(request, "param", HTTP)
    ours = bot_settings(settings, slack, mode)
    ours.__dict__["clients"] = (client,)  # what reading a clients file gives
    with running(ours, reading):
        if mode == SOCKETS:
            slack.wait_for_connections()
        yield ours


def write_directly(slack: Slack) -> None:
    event = slack.say("ada", "lead jane")
    assert event is not None
    assert "may be shown" in event.wait_for_answer().text


def open_home(slack: Slack) -> None:
    slack.open_home("ada")
    assert "may be shown" in str(slack.wait_for_home("ada").blocks)


def share_elsewhere(slack: Slack) -> None:
    share(slack, "lead jane", "outreach")
    slack.choose("ada", slack.wait_for_modal("ada", ready), SHARE_CHANNEL, "C0GENERAL1")
    slack.wait_for_modal("ada", lambda view: "may be shown" in str(view.blocks))


REFUSALS: dict[str, tuple[str, Callable[[Slack], Any]]] = {
    "command": (ADA, lambda slack: slack.command("ada", "lead jane", "general").wait_for_answer()),
    "named": (ADA, lambda slack: slack.command("ada", f"lead beta/{marts.record_id(1)}", "general").wait_for_answer()),
    "claim": (ADA, lambda slack: slack.command("ada", "claim jane", "general").wait_for_answer()),
    "direct message": (ADA, write_directly),
    "picker": (ADA, lambda slack: slack.search("ada", put(slack, PICKER), FIND_LEAD, "jane")),
    "home": (ADA, open_home),
    "share": (ADA, share_elsewhere),
    "group": (BEN, lambda slack: slack.command("ben", "lead jane", "partners").wait_for_answer()),
}


@pytest.mark.parametrize("guarded", [SOCKETS, HTTP], indirect=True)
@pytest.mark.parametrize("hop", REFUSALS)
def test_who_may_not_see_a_client_is_refused_at_every_hop_and_that_is_logged(
    guarded: Settings, built: Engine, slack: Slack, hop: str
) -> None:
    who, refused = REFUSALS[hop]
    refused(slack)
    assert eventually(lambda: denials(built) == [(who, "other client")]), denials(built)
    with built.connect() as connection:
        assert connection.execute(text("select distinct client from app.activity_log")).scalars().all() == ["beta"]


@pytest.mark.parametrize(("who", "are_theirs"), [("ada", True), ("ben", False)])
def test_home_says_so_to_the_members_of_the_clients_groups_alone(
    guarded: Settings, slack: Slack, who: str, *, are_theirs: bool
) -> None:
    slack.open_home(who)
    home = str(slack.wait_for_home(who).blocks)
    assert ("Clients that are bound to channels" in home) is are_theirs


def test_who_may_see_a_client_and_asks_for_help_is_denied_nothing(
    guarded: Settings, built: Engine, slack: Slack
) -> None:
    assert "Jane Beta" in shown(slack.command("ada", "lead jane", "outreach").wait_for_answer())
    slack.command("ada", "help", "general").wait_for_answer()
    assert denials(built) == []


def test_more_than_thirty_questions_in_a_minute_are_too_many_but_typing_is_free(
    campaign: Engine, bot: Settings, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = put(slack, PICKER)
    for _ in range(pace.READS_A_MINUTE + 1):
        assert slack.search("ada", message, FIND_LEAD, "jane").options
    for _ in range(pace.READS_A_MINUTE):
        assert "1,200 leads" in slack.command("ada", "campaigns", "general").wait_for_answer().text
    told = slack.command("ada", "campaigns", "general").wait_for_answer()
    assert "more than 30 questions in a minute" in told.text
    assert "1,200 leads" in slack.command("ben", "campaigns", "general").wait_for_answer().text


def test_a_first_look_at_home_after_too_many_questions_says_when_to_ask_again(
    campaign: Engine, bot: Settings, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "READS_A_MINUTE", 1)
    slack.open_home("ben")
    assert "Your leads" in str(slack.wait_for_home("ben").blocks)
    slack.command("ada", "campaigns", "general").wait_for_answer()
    slack.open_home("ada")
    home = str(slack.wait_for_home("ada").blocks)
    assert "ask again in" in home
    assert "1,200 leads" not in home
    shown_before = slack.wait_for_home("ben")
    slack.open_home("ben")  # one too many as well
    slack.command("ada", "campaigns", "general").wait_for_answer()
    assert slack.wait_for_home("ben").blocks == shown_before.blocks


def test_a_choice_in_home_after_too_many_questions_is_said_in_home_to_have_changed_nothing(
    campaign: Engine, bot: Settings, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    slack.open_home("ada")
    home = slack.wait_for_home("ada")
    period = next(one.element for one in elements(home.blocks) if one.element["type"] == "static_select")
    monkeypatch.setattr(pace, "READS_A_MINUTE", 1)
    slack.command("ben", "campaigns", "general").wait_for_answer()
    for _ in range(2):
        slack.choose("ada", slack.wait_for_home("ada"), period["action_id"], "Last 24 hours")
        noted = slack.wait_for_home("ada", lambda view: "ask again in" in str(view.blocks))
        assert str(noted.blocks).count("more than 1 questions in a minute") == 1
        assert "more than 1 questions in a minute" in str(noted.blocks[0])
        assert "1,200" in str(noted.blocks)  # what was there stays
        assert len(noted.blocks) == len(home.blocks) + 1
    monkeypatch.setattr(pace, "READS_A_MINUTE", 30)
    slack.choose("ada", slack.wait_for_home("ada"), period["action_id"], "Last 24 hours")
    day = slack.wait_for_home("ada", lambda view: "Dashboard, last 24 hours" in str(view.blocks))
    assert "ask again in" not in str(day.blocks)


def test_a_minute_later_there_is_room_again() -> None:
    now = 0.0
    reads = pace.Reads(lambda: now)
    for _ in range(pace.READS_A_MINUTE):
        reads.count("ada")
    with pytest.raises(pace.TooManyReadsError, match="in 61 seconds"):
        reads.count("ada")
    now = 59.9
    with pytest.raises(pace.TooManyReadsError):
        reads.count("ada")
    now = 60.0
    reads.count("ada")


def test_what_is_of_another_version_is_said_to_do_nothing(campaign: Engine, bot: Settings, slack: Slack) -> None:
    message = put(slack, button("of_yesterday", "campaigns"))
    assert "does nothing any more" in slack.press("ada", message, "of_yesterday").wait_for_answer().text


def test_a_database_that_is_away_is_said_in_home_modals_and_answers(settings: Settings, slack: Slack) -> None:
    away = sqlalchemy.create_engine("postgresql+psycopg://someone:hidden@127.0.0.1:1/none")
    with running(bot_settings(settings, slack, HTTP), away):
        slack.open_home("ada")
        assert "cannot be reached" in str(slack.wait_for_home("ada").blocks)
        slack.press("ada", put(slack, button(EXPLAIN, "campaigns")), EXPLAIN)
        assert "cannot be reached" in str(slack.wait_for_modal("ada", ready).blocks)
        offered = slack.search("ada", put(slack, PICKER), FIND_LEAD, "jane")
        assert offered.error is None
        assert "The database does not answer" in str(offered.options)
        event = slack.say("ada", "campaigns")
        assert event is not None
        assert "cannot be reached" in event.wait_for_answer().text
        told = slack.command("ada", "claim jane", "general").wait_for_answer().text
        assert "The database cannot be reached, so nothing was stored. Try again in a minute. Reference" in told
