"""Buttons, selects, typed search, modals, Home, events, shortcuts and files, with a real Bolt app at the other end."""

import json
from typing import Any

import pytest
from slack_bolt import Ack, App, Respond
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from playground.slack.app import AppFeatures, from_manifest
from playground.slack.server import Slack, running_slack
from playground.slack.workspace import Message
from tests.playground.slack.conftest import StartApp, bolt_app, over_http, over_sockets
from tests.waiting import eventually

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def option(name: str) -> Json:
    return {"text": plain(name.title()), "value": name}


BLOCKS: list[Json] = [
    {
        "type": "actions",
        "elements": [
            {"type": "button", "action_id": "go", "text": plain("Go on"), "value": "campaigns"},
            {
                "type": "static_select",
                "action_id": "period",
                "placeholder": plain("Period"),
                "options": [option("7d"), option("30d")],
            },
            {"type": "external_select", "action_id": "lead", "placeholder": plain("Lead"), "min_query_length": 2},
        ],
    }
]


def modal(**more: Any) -> Json:
    reason = {
        "type": "input",
        "block_id": "why",
        "label": plain("Reason"),
        "element": {"type": "plain_text_input", "action_id": "reason"},
    }
    base = {"type": "modal", "callback_id": "remove", "title": plain("Remove"), "submit": plain("Remove")}
    return {**base, "private_metadata": "uysp/rec1", "blocks": [reason], **more}


def posted(slack: Slack, client: WebClient, channel: str = "general", only_for: str | None = None) -> Message:
    where = slack.workspace.channel(channel).id
    if only_for is None:
        client.chat_postMessage(channel=where, text="look", blocks=BLOCKS)
    else:
        person = slack.workspace.person(only_for).id
        client.chat_postEphemeral(channel=where, user=person, text="look", blocks=BLOCKS)
    return slack.workspace.screen(only_for or "ada", channel)[-1]


@pytest.mark.parametrize("only_for", [None, "ada"])
def test_a_pressed_button_brings_what_it_carries_and_where_it_stood(
    slack: Slack, client: WebClient, start_app: StartApp, only_for: str | None
) -> None:
    heard: list[Json] = []

    def register(app: App) -> None:
        @app.action("go")
        def listen(ack: Ack, body: Json) -> None:
            ack()
            heard.append(body)

    start_app(register)
    message = posted(slack, client, only_for=only_for)
    pressed = slack.press("ada", message, "Go on")
    assert pressed.error is None
    (body,) = heard
    assert body["actions"][0]["value"] == "campaigns"
    assert body["user"]["id"] == "U0ADA00001"
    assert body["channel"]["id"] == message.channel
    assert body["container"]["is_ephemeral"] is (only_for is not None)
    assert ("message" in body) is (only_for is None)


def test_an_answer_replaces_the_message_it_was_pressed_in_or_stands_beside_it(
    slack: Slack, client: WebClient, start_app: StartApp
) -> None:
    def register(app: App) -> None:
        @app.action("go")
        def listen(ack: Ack, respond: Respond) -> None:
            ack()
            respond("beside", replace_original=False, response_type="ephemeral")
            respond("instead", replace_original=True)

    start_app(register)
    pressed = slack.press("ada", posted(slack, client), "go")
    assert slack.workspace.wait_until(lambda: len(pressed.answers()) == 2, 5)
    assert [one.text for one in slack.workspace.screen("ada", "general")] == ["instead", "beside"]
    assert [one.text for one in slack.workspace.screen("ben", "general")] == ["instead"]


def test_what_is_not_on_the_screen_cannot_be_pressed(slack: Slack, client: WebClient) -> None:
    message = posted(slack, client, only_for="ada")
    with pytest.raises(ValueError, match="does not see"):
        slack.press("ben", message, "go")
    with pytest.raises(ValueError, match="no 'stop' to press"):
        slack.press("ada", message, "stop")


def test_a_choice_is_one_of_the_options(slack: Slack, client: WebClient, start_app: StartApp) -> None:
    heard: list[str] = []

    def register(app: App) -> None:
        @app.action("period")
        def listen(ack: Ack, action: Json) -> None:
            ack()
            heard.append(action["selected_option"]["value"])

    start_app(register)
    message = posted(slack, client)
    slack.choose("ada", message, "period", "7d")
    assert heard == ["7d"]
    with pytest.raises(ValueError, match="none of the options"):
        slack.choose("ada", message, "period", "century")


def test_options_are_asked_for_while_somebody_types_and_only_those_can_be_chosen(
    slack: Slack, client: WebClient, start_app: StartApp
) -> None:
    typed: list[str] = []

    def register(app: App) -> None:
        @app.options("lead")
        def offer(ack: Ack, body: Json) -> None:
            typed.append(body["value"])
            ack(options=[option("jane"), option("john")])

        @app.action("lead")
        def listen(ack: Ack) -> None:
            ack()

    start_app(register)
    message = posted(slack, client)
    offered = slack.search("ada", message, "lead", "ja")
    assert [one["value"] for one in offered.options] == ["jane", "john"]
    assert typed == ["ja"]
    assert slack.choose("ada", message, "lead", "jane").error is None
    with pytest.raises(ValueError, match="from 2 characters"):
        slack.search("ada", message, "lead", "j")
    with pytest.raises(ValueError, match="none of the options"):
        slack.choose("ada", message, "lead", "jack")


@pytest.mark.parametrize("options", [[option("x")] * 101, [{"text": plain("x" * 76), "value": "x"}]])
def test_options_that_slack_would_not_show_are_an_error(slack: Slack, client: WebClient, options: Any) -> None:
    app = bolt_app(slack)

    @app.options("lead")
    def offer(ack: Ack) -> None:
        ack({"options": options})

    with over_http(slack, app):
        offered = slack.search("ada", posted(slack, client), "lead", "ja")
        assert offered.error == "invalid_options"


def opening(answer: Json | None = None) -> Any:
    """Make an app whose button opens a modal; a submitted one is acknowledged with `answer`."""

    def register(app: App) -> None:
        @app.action("go")
        def listen(ack: Ack, body: Json, client: WebClient) -> None:
            ack()
            client.views_open(trigger_id=body["trigger_id"], view=modal())

        @app.view("remove")
        def submitted(ack: Ack) -> None:
            ack(**(answer or {}))

    return register


def test_a_modal_is_opened_filled_in_and_submitted(slack: Slack, client: WebClient, start_app: StartApp) -> None:
    start_app(opening())
    slack.press("ada", posted(slack, client), "go")
    view = slack.wait_for_modal("ada")
    assert view.title == "Remove"
    assert slack.modal("ben") is None
    with pytest.raises(ValueError, match="Reason is required"):
        slack.submit("ada")
    submitted = slack.submit("ada", reason="asked to")
    sent = submitted.payload["view"]
    assert sent["state"]["values"]["why"]["reason"]["value"] == "asked to"
    assert sent["private_metadata"] == "uysp/rec1"
    assert slack.modal("ada") is None


def test_errors_stand_under_the_inputs_and_keep_the_modal(slack: Slack, client: WebClient, start_app: StartApp) -> None:
    start_app(opening({"response_action": "errors", "errors": {"why": "Too short"}}))
    slack.press("ada", posted(slack, client), "go")
    slack.wait_for_modal("ada")
    assert slack.submit("ada", reason="x").error is None
    view = slack.modal("ada")
    assert view is not None
    assert view.errors == {"why": "Too short"}
    assert view.values["why"]["reason"]["value"] == "x"


@pytest.mark.parametrize(
    ("answer", "titles"),
    [
        ({"response_action": "update", "view": modal(title=plain("Done"))}, ["Done"]),
        ({"response_action": "push", "view": modal(title=plain("Sure?"))}, ["Remove", "Sure?"]),
        ({"response_action": "clear"}, []),
        ({"response_action": "errors", "errors": {"nowhere": "?"}}, ["Remove"]),
    ],
)
def test_a_submitted_modal_becomes_what_the_app_says(
    slack: Slack, client: WebClient, start_app: StartApp, answer: Json, titles: list[str]
) -> None:
    start_app(opening(answer))
    slack.press("ada", posted(slack, client), "go")
    slack.wait_for_modal("ada")
    submitted = slack.submit("ada", reason="asked to")
    assert submitted.error == ("invalid_errors" if "errors" in answer else None)
    stack = slack.workspace.surfaces.stacks.get("U0ADA00001", [])
    assert [view.title for view in stack] == titles


def trigger(slack: Slack, client: WebClient) -> str:
    """Return the trigger of a press that nobody has used."""
    slack.deliver_over_http("http://127.0.0.1:9/slack/events")
    return str(slack.press("ada", posted(slack, client), "go").payload["trigger_id"])


def said(client: WebClient, method: str, **arguments: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        client.api_call(method, json=arguments)
    return str(caught.value.response["error"])


def test_a_trigger_works_once_and_for_three_seconds(slack: Slack, client: WebClient) -> None:
    used, late = trigger(slack, client), trigger(slack, client)
    client.views_open(trigger_id=used, view=modal())
    assert said(client, "views.open", trigger_id=used, view=modal()) == "exchanged_trigger_id"
    assert said(client, "views.open", trigger_id="made up", view=modal()) == "invalid_trigger_id"
    slack.workspace.advance(3.1)
    assert said(client, "views.open", trigger_id=late, view=modal()) == "expired_trigger_id"


def test_views_that_slack_refuses(slack: Slack, client: WebClient) -> None:
    for wrong in ({"title": plain("x" * 25)}, {"submit": None}, {"private_metadata": "x" * 3001}):
        view = {name: value for name, value in modal(**wrong).items() if value is not None}
        assert said(client, "views.open", trigger_id=trigger(slack, client), view=view) == "invalid_arguments"
    large = modal(blocks=[{"type": "section", "text": plain("x" * 3000)}] * 90)
    assert said(client, "views.open", trigger_id=trigger(slack, client), view=large) == "view_too_large"


def test_views_are_updated_by_id_or_external_id_and_stale_writes_are_refused(slack: Slack, client: WebClient) -> None:
    opened = client.views_open(trigger_id=trigger(slack, client), view=modal(external_id="mine"))["view"]
    assert said(client, "views.open", trigger_id=trigger(slack, client), view=modal(external_id="mine")) == (
        "duplicate_external_id"
    )
    client.views_update(external_id="mine", view=modal(title=plain("Two"), external_id="mine"), hash=opened["hash"])
    stale = {"view_id": opened["id"], "view": modal(title=plain("Three")), "hash": opened["hash"]}
    assert said(client, "views.update", **stale) == "hash_conflict"
    assert said(client, "views.update", view_id="V000", view=modal()) == "not_found"
    shown = slack.modal("ada")
    assert shown is not None
    assert shown.title == "Two"


def test_at_most_three_modals_lie_upon_each_other(slack: Slack, client: WebClient) -> None:
    client.views_open(trigger_id=trigger(slack, client), view=modal(blocks=BLOCKS[:1]))
    for expected in ("", "", "push_limit_reached"):
        top = slack.modal("ada")
        assert top is not None
        pressed = slack.press("ada", top, "go").payload["trigger_id"]
        content = modal(blocks=BLOCKS[:1])
        if expected:
            assert said(client, "views.push", trigger_id=pressed, view=content) == expected
        else:
            client.views_push(trigger_id=pressed, view=content)


def test_home_is_each_persons_own_and_the_app_hears_when_it_is_opened(
    slack: Slack, client: WebClient, start_app: StartApp
) -> None:
    def register(app: App) -> None:
        @app.event("app_home_opened")
        def opened(event: Json, client: WebClient) -> None:
            client.views_publish(
                user_id=event["user"],
                view={"type": "home", "blocks": [{"type": "header", "text": plain(event["tab"])}]},
            )

    start_app(register)
    assert slack.home("ada") is None
    opened = slack.open_home("ada")
    assert opened is not None
    assert slack.wait_for_home("ada").blocks[0]["text"]["text"] == "home"
    assert slack.home("ben") is None


def test_mentions_and_direct_messages_reach_the_app_with_slacks_escapes_and_links(
    slack: Slack, start_app: StartApp
) -> None:
    heard: list[tuple[str, str]] = []

    def register(app: App) -> None:
        @app.event("app_mention")
        def mentioned(event: Json) -> None:
            heard.append((event["channel"], event["text"]))

        @app.event("message")
        def written(event: Json) -> None:
            heard.append((event["channel_type"], event["text"]))

    start_app(register)
    assert slack.say("ada", "just talk", "general") is None
    assert slack.say("ada", "@UYSP hot 5 & <more>", "general") is not None
    assert slack.say("ada", "campaigns") is not None
    assert slack.say("ada", "@UYSP hi", "no-bots") is None
    assert slack.say("ada", "lead a@b.example Cars.com https://x.example/?a=1&b=2") is not None
    addresses = "<mailto:a@b.example|a@b.example> <http://Cars.com|Cars.com> <https://x.example/?a=1&amp;b=2>"
    expected = [
        ("C0GENERAL1", "<@U0UYSPBOT0> hot 5 &amp; &lt;more&gt;"),
        ("im", "campaigns"),
        ("im", f"lead {addresses}"),
    ]
    # Bolt acknowledges an event before its listener is through, and listeners run beside each other.
    assert eventually(lambda: sorted(heard) == expected), heard


def test_an_event_that_is_not_acknowledged_comes_again_at_once_after_a_minute_and_after_five(slack: Slack) -> None:
    heard: list[list[str]] = []
    app = bolt_app(slack)

    @app.event("app_mention")
    def mentioned(request: Any) -> None:
        heard.append(request.headers.get("x-slack-retry-num", []))

    slack.deliver_over_http("http://127.0.0.1:9/slack/events")
    event = slack.say("ada", "@UYSP hi", "general")
    assert event is not None
    assert event.deliveries == 2
    slack.advance(61)
    assert event.deliveries == 3
    with over_http(slack, app):
        slack.advance(240)
        slack.advance(3600)
        assert eventually(lambda: heard == [["3"]]), heard
    assert event.deliveries == 4


def test_a_message_shortcut_brings_the_message(slack: Slack, client: WebClient) -> None:
    features = AppFeatures(shortcuts={"add_note": "Add to lead"})
    with running_slack(features=features) as slack:
        app = bolt_app(slack)

        @app.shortcut("add_note")
        def taken(ack: Ack, shortcut: Json, client: WebClient) -> None:
            ack()
            client.views_open(
                trigger_id=shortcut["trigger_id"], view=modal(private_metadata=shortcut["message"]["text"])
            )

        with over_http(slack, app):
            slack.say("ben", "call Jane", "general")
            message = slack.workspace.screen("ada", "general")[-1]
            slack.shortcut("ada", message, "add_note")
            assert slack.wait_for_modal("ada").content["private_metadata"] == "call Jane"
            with pytest.raises(ValueError, match="no shortcut"):
                slack.shortcut("ada", message, "other")


def test_a_file_is_seen_where_it_was_shared(slack: Slack, client: WebClient) -> None:
    opened = client.chat_postMessage(channel="U0ADA00001", text="here")["channel"]
    client.files_upload_v2(channel=opened, filename="leads.csv", content="a,b\n", request_file_info=False)
    message = slack.workspace.screen("ada", opened)[-1]
    (file_id,) = message.files
    assert slack.workspace.files.by_id[file_id].content == b"a,b\n"
    assert slack.workspace.seen_by("ben") == []
    assert said(client, "files.completeUploadExternal", files=[{"id": "F0"}], channel_id=opened) == "file_not_found"


def test_groups_and_members_are_told(slack: Slack, client: WebClient) -> None:
    (group,) = client.usergroups_list(include_users=True)["usergroups"]
    assert group["handle"] == "sales"
    assert "U0ADA00001" in group["users"]
    assert "users" not in client.usergroups_list()["usergroups"][0]
    pages = client.conversations_members(channel="C0GENERAL1", limit=2)
    assert sorted(one for page in pages for one in page["members"]) == sorted(
        slack.workspace.channels["C0GENERAL1"].members
    )


def test_what_the_manifest_does_not_declare_is_not_sent_and_not_allowed() -> None:
    manifest = {
        "features": {"slash_commands": [{"command": "/uysp"}], "app_home": {"home_tab_enabled": False}},
        "oauth_config": {"scopes": {"bot": ["chat:write", "channels:read"]}},
        "settings": {"event_subscriptions": {"bot_events": ["app_mention"]}, "interactivity": {"is_enabled": False}},
    }
    with running_slack(features=from_manifest(manifest)) as slack:
        client = WebClient(token=slack.bot_token, base_url=slack.api_url)
        assert slack.say("ada", "@UYSP hi", "general") is None  # subscribed, but without the scope
        assert slack.say("ada", "hi") is None
        with pytest.raises(ValueError, match="no Home tab"):
            slack.open_home("ada")
        assert slack.press("ada", posted(slack, client), "go").error == "not_configured_for_interactive_responses"
        assert said(client, "conversations.info", channel="C0OUTREACH") == "missing_scope"
        assert client.conversations_info(channel="C0GENERAL1")["ok"]
        assert client.auth_test().headers["x-oauth-scopes"] == "channels:read,chat:write"
        assert slack.command("ada", "x", "general").error == "dispatch_failed"


def test_events_over_sockets_say_that_they_are_repeated(slack: Slack) -> None:
    app = bolt_app(slack)
    heard: list[Any] = []

    @app.event("app_mention")
    def mentioned(body: Json, request: Any) -> None:
        heard.append((body["event_id"], request.headers.get("x-slack-retry-num")))

    with over_sockets(slack, app):
        event = slack.say("ada", "@UYSP hi", "general")
        assert event is not None
        slack.redeliver(event)
        assert eventually(lambda: len(heard) == 2), heard
    (first, no_retry), (second, retry) = heard
    assert (first, no_retry, retry) == (second, None, ["1"])
    assert json.dumps(event.payload)
