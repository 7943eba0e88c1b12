"""Slash commands between a person and a real Bolt app, over Socket Mode and over signed HTTP."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from slack_bolt import Ack, App, Respond

from playground.slack.server import Slack, running_slack
from tests.playground.slack.conftest import StartApp, bolt_app, over_http, over_sockets

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "*26* campaigns"}}


def answering(ack_with: Any = None, *responses: dict[str, Any]) -> Callable[[App], None]:
    """Make an app that acknowledges, then posts to the response_url; what Slack said to that is in `statuses`."""

    def register(app: App) -> None:
        @app.command("/uysp")
        def listen(ack: Ack, respond: Respond) -> None:
            ack(ack_with) if ack_with is not None else ack()
            for response in responses:
                respond(**response)

    return register


def test_a_command_is_acknowledged_and_answered(slack: Slack, start_app: StartApp) -> None:
    start_app(answering("Working on it", {"text": "done", "blocks": [SECTION]}))
    command = slack.command("ada", "campaigns")
    answer = command.wait_for_answer()
    assert command.error is None
    assert command.ack_text == "Working on it"
    assert command.acked_after is not None
    assert command.acked_after < 3
    assert answer.blocks[0]["text"] == SECTION["text"]
    assert answer.via == "response_url"
    assert answer.only_for == command.person.id
    assert answer.seen_at >= command.began_at


def test_the_app_learns_who_asked_what_and_where(slack: Slack, start_app: StartApp) -> None:
    heard: list[dict[str, Any]] = []

    def register(app: App) -> None:
        @app.command("/uysp")
        def listen(ack: Ack, command: dict[str, Any]) -> None:
            heard.append(command)
            ack()

    start_app(register)
    slack.command("ada", "lead “Ada & Söhne” <x>", channel="outreach")
    assert heard[0]["text"] == "lead “Ada & Söhne” <x>"
    assert heard[0]["user_id"] == "U0ADA00001"
    assert heard[0]["channel_id"] == "C0OUTREACH"
    assert heard[0]["channel_name"] == "privategroup"
    assert heard[0]["trigger_id"]


def test_an_answer_is_for_one_person_unless_it_says_otherwise(slack: Slack, start_app: StartApp) -> None:
    start_app(answering(None, {"text": "for you"}, {"text": "for all", "response_type": "in_channel"}))
    slack.command("ada", "campaigns", channel="general").wait_for_answer()
    assert slack.workspace.wait_until(lambda: len(slack.workspace.states) == 2, 5)
    assert [one.text for one in slack.workspace.screen("ada", "general")] == ["for you", "for all"]
    assert [one.text for one in slack.workspace.screen("grace", "general")] == ["for all"]
    assert slack.workspace.seen_by("solo") == []


def test_a_public_acknowledgement_shows_the_typed_command_too(slack: Slack, start_app: StartApp) -> None:
    start_app(answering({"text": "hello all", "response_type": "in_channel"}))
    slack.command("ada", "hot 5", channel="general")
    assert [one.text for one in slack.workspace.screen("ben", "general")] == ["/uysp hot 5", "hello all"]


def test_a_second_response_can_replace_the_first_and_stays_private(slack: Slack, start_app: StartApp) -> None:
    start_app(answering(None, {"text": "wait"}, {"text": "done", "replace_original": True}))
    slack.command("ada", "campaigns", channel="general")
    assert slack.workspace.wait_until(lambda: len(slack.workspace.states) == 2, 5)
    assert [one.text for one in slack.workspace.screen("ada", "general")] == ["done"]
    assert slack.workspace.screen("ben", "general") == []


@pytest.mark.parametrize("start", [over_sockets, over_http])
def test_a_late_acknowledgement_is_a_timeout_to_the_person_yet_the_answer_still_comes(start: Any) -> None:
    go_on = threading.Event()
    with running_slack(ack_seconds=0.3) as slack:
        app = bolt_app(slack)

        @app.command("/uysp")
        def listen(ack: Ack, respond: Respond) -> None:
            go_on.wait(10)
            ack("too late")
            respond("the answer")

        with start(slack, app):
            command = slack.command("ada", "campaigns")
            assert command.error == "operation_timeout"
            assert command.acked_after is not None
            assert 0.3 <= command.acked_after < 1
            assert "operation_timeout" in command.seen()[0].text
            go_on.set()
            assert command.wait_for_answer().text == "the answer"
            assert "too late" not in [one.text for one in command.seen()]


def test_without_an_app_the_person_sees_that_it_failed(slack: Slack) -> None:
    assert slack.command("ada", "campaigns").error == "dispatch_failed"
    slack.deliver_over_http("http://127.0.0.1:9/slack/events")
    assert slack.command("ada", "campaigns").error == "dispatch_failed"


def test_an_app_with_another_signing_secret_refuses_what_we_sign(slack: Slack) -> None:
    app = bolt_app(slack, signing_secret="another")
    heard: list[str] = []

    @app.command("/uysp")
    def listen(ack: Ack) -> None:
        heard.append("called")
        ack()

    with over_http(slack, app):
        assert slack.command("ada", "campaigns").error == "dispatch_failed"
    assert heard == []


def test_an_acknowledgement_slack_cannot_show_is_an_error_to_the_person(slack: Slack, start_app: StartApp) -> None:
    start_app(answering({"text": "x", "blocks": [{"type": "hologram"}]}))
    command = slack.command("ada", "campaigns")
    assert command.error == "invalid_command_response"
    assert [one.via for one in command.seen()] == ["slack"]


def post_responses(slack: Slack, count: int, **content: Any) -> list[tuple[int, str]]:
    """Type a command, then use its response_url `count` times, as an app of its own making would."""
    statuses: list[tuple[int, str]] = []
    finished = threading.Event()
    app = bolt_app(slack)

    @app.command("/uysp")
    def listen(ack: Ack, respond: Respond) -> None:
        ack()
        for number in range(count):
            answer = respond(**({"text": str(number)} | content))
            statuses.append((answer.status_code, answer.body))
        finished.set()

    with over_http(slack, app):
        slack.command("ada", "campaigns")
        assert finished.wait(5)
    return statuses


def test_a_response_url_serves_five_times(slack: Slack) -> None:
    statuses = post_responses(slack, 6)
    assert [status for status, _ in statuses] == [200] * 5 + [404]
    assert "used_url" in statuses[-1][1]
    assert [one.text for one in slack.workspace.seen_by("ada")] == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(("seconds", "status"), [(30 * 60 - 60, 200), (30 * 60 + 60, 404)])
def test_a_response_url_serves_for_half_an_hour(slack: Slack, seconds: float, status: int) -> None:
    answers: list[int] = []
    finished = threading.Event()
    app = bolt_app(slack)

    @app.command("/uysp")
    def listen(ack: Ack, respond: Respond) -> None:
        ack()
        slack.workspace.advance(seconds)
        answers.append(respond("later").status_code)
        finished.set()

    with over_http(slack, app):
        slack.command("ada", "campaigns")
        assert finished.wait(5)
    assert answers == [status]


def test_a_refused_response_costs_no_use_and_shows_nothing(slack: Slack) -> None:
    statuses = post_responses(slack, 7, blocks=[{"type": "hologram"}])
    assert {status for status, _ in statuses} == {400}
    assert "invalid_blocks" in statuses[0][1]
    assert slack.workspace.seen_by("ada") == []


def test_a_failing_response_url_can_be_had_on_demand(slack: Slack) -> None:
    slack.fail("response_url", status=500, times=1)
    assert [status for status, _ in post_responses(slack, 2)] == [500, 200]


@pytest.mark.parametrize("new_envelope", [False, True])
def test_a_payload_can_come_twice(slack: Slack, start_app: StartApp, new_envelope: bool) -> None:
    heard: list[tuple[dict[str, Any], list[str]]] = []

    def register(app: App) -> None:
        @app.command("/uysp")
        def listen(ack: Ack, body: dict[str, Any], request: Any) -> None:
            heard.append((body, request.headers.get("x-slack-retry-num", [])))
            ack("once more")

    start_app(register)
    command = slack.command("ada", "campaigns")
    assert slack.redeliver(command, new_envelope=new_envelope).error is None
    (first, first_retry), (second, second_retry) = heard
    assert first == second
    assert first_retry == []
    assert second_retry == ["1"]


def test_people_type_only_where_they_are_and_only_what_the_app_has(slack: Slack) -> None:
    with pytest.raises(ValueError, match="ben is not in #outreach"):
        slack.command("ben", "campaigns", channel="outreach")
    with pytest.raises(ValueError, match="not a valid command"):
        slack.command("ada", "x", command="/other")


def test_everybody_can_ask_at_once(slack: Slack, start_app: StartApp) -> None:
    start_app(answering("Working", {"text": "done"}))
    people, texts = ["ada", "ben", "grace", "gus"], []

    def ask(name: str) -> None:
        texts.append(slack.command(name, "campaigns").wait_for_answer().text)

    threads = [threading.Thread(target=ask, args=(name,)) for name in people * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert texts == ["done"] * 12
