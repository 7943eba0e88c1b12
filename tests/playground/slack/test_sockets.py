"""Connections of Socket Mode: greeting, many at once, renewal and loss."""

import json
from contextlib import ExitStack

import pytest
from slack_bolt import Ack, App
from slack_sdk import WebClient
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from playground.slack.server import Slack
from tests.playground.slack.conftest import bolt_app, over_sockets


def open_socket(slack: Slack) -> ClientConnection:
    url = WebClient(base_url=slack.api_url).apps_connections_open(app_token=slack.app_token)["url"]
    return connect(url, proxy=None)


def acknowledging_app(slack: Slack) -> App:
    app = bolt_app(slack)

    @app.command("/uysp")
    def listen(ack: Ack) -> None:
        ack("here")

    return app


def test_a_connection_begins_with_hello(slack: Slack) -> None:
    with open_socket(slack) as socket:
        hello = json_frame(socket)
        assert hello["type"] == "hello"
        assert hello["num_connections"] == 1


def json_frame(socket: ClientConnection) -> dict[str, object]:
    frame: dict[str, object] = json.loads(socket.recv(timeout=20))
    return frame


def test_an_address_works_once(slack: Slack) -> None:
    url = WebClient(base_url=slack.api_url).apps_connections_open(app_token=slack.app_token)["url"]
    with connect(url, proxy=None) as first:
        assert json_frame(first)["type"] == "hello"
    with pytest.raises(InvalidStatus, match="403"):
        connect(url, proxy=None)


def test_ten_connections_share_the_work_and_the_eleventh_is_sent_away(slack: Slack) -> None:
    with ExitStack() as stack:
        sockets = [stack.enter_context(open_socket(slack)) for _ in range(10)]
        for socket in sockets:
            json_frame(socket)
        eleventh = stack.enter_context(open_socket(slack))
        assert json_frame(eleventh)["type"] == "disconnect"
        assert slack.sockets.connected == 10


def test_an_app_renews_its_connection_when_asked(slack: Slack) -> None:
    with over_sockets(slack, acknowledging_app(slack)):
        for reason in ("warning", "refresh_requested"):
            slack.renew_sockets(reason)
            assert slack.command("ada", "x").ack_text == "here"


def test_an_app_comes_back_after_its_connection_was_cut(slack: Slack) -> None:
    with over_sockets(slack, acknowledging_app(slack), ping_interval=0.5):
        slack.drop_sockets()
        assert slack.command("ada", "x").error == "dispatch_failed"
        slack.wait_for_connections(1)
        assert slack.command("ada", "x").ack_text == "here"
