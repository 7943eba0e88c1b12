"""The emulator, and real Bolt apps that talk to it over both transports."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from slack_bolt import App
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_bolt.adapter.wsgi import SlackRequestHandler
from slack_sdk import WebClient

from playground.slack.server import Slack, running_slack

StartApp = Callable[[Callable[[App], None]], None]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slack's socket client would send loopback connections to a proxy, whatever NO_PROXY says."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def slack() -> Iterator[Slack]:
    with running_slack() as running:
        yield running


@pytest.fixture
def client(slack: Slack) -> WebClient:
    return WebClient(token=slack.bot_token, base_url=slack.api_url)


def bolt_app(slack: Slack, signing_secret: str | None = None) -> App:
    return App(
        client=WebClient(token=slack.bot_token, base_url=slack.api_url),
        signing_secret=signing_secret or slack.signing_secret,
    )


@contextmanager
def over_sockets(slack: Slack, app: App, ping_interval: float = 10) -> Iterator[SocketModeHandler]:
    handler = SocketModeHandler(app, slack.app_token, ping_interval=ping_interval)
    before = slack.sockets.connected
    handler.connect()  # type: ignore[no-untyped-call] # slack_bolt left it so
    try:
        slack.wait_for_connections(before + 1)
        yield handler
    finally:
        handler.client.auto_reconnect_enabled = False
        slack.drop_sockets()  # else its reader holds the lock for 3 s that `close` needs
        handler.close()  # type: ignore[no-untyped-call] # slack_bolt left it so


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, *_args: object) -> None:
        """Say nothing."""


class _ThreadingServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


@contextmanager
def over_http(slack: Slack, app: App) -> Iterator[str]:
    """Serve an app at /slack/events, tell Slack of it, and yield the address."""
    application = SlackRequestHandler(app)
    server = make_server("127.0.0.1", 0, application, _ThreadingServer, _QuietHandler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/slack/events"
        slack.deliver_over_http(url)
        yield url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(params=["sockets", "http"])
def start_app(request: pytest.FixtureRequest, slack: Slack) -> Iterator[StartApp]:
    """Start a Bolt app, once with each transport; `register` adds its listeners."""
    with ExitStack() as stack:

        def start(register: Callable[[App], None]) -> None:
            app = bolt_app(slack)
            register(app)
            stack.enter_context(over_sockets(slack, app) if request.param == "sockets" else over_http(slack, app))

        yield start
