"""The bot: puts its parts together, listens to Slack until it is stopped, and stops without losing an answer."""

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress

from slack_bolt import App, BoltResponse
from slack_bolt.adapter.socket_mode import SocketModeHandler
from slack_sdk.errors import SlackApiError
from sqlalchemy import Engine

from slackbot.access import Access, Asker
from slackbot.bot import Bot
from slackbot.connection import (
    UNREACHABLE,
    SlackUnreachableError,
    identity,
    is_local,
    keep_proxies_from_loopback,
    refusal,
    sdk_log,
    unreachable,
    web_client,
)
from slackbot.desk import DRAIN_SECONDS, Desk, log_bug, something_wrong
from slackbot.drafts import Drafts
from slackbot.health import slack_answers, watched
from slackbot.home import publish_again
from slackbot.listeners import register
from slackbot.pace import Reads
from slackbot.telling import Teller, telling
from slackbot.web import http_app, serving
from uysp.actions.worker import working
from uysp.database import Role, open_database
from uysp.errors import ConfigurationError
from uysp.settings import Settings

CHECK_SECONDS = 1.0
LISTENERS = 16  # threads that acknowledge, and look up the options of selects while Slack waits
END_SECONDS = 5.0  # for all that ends after the answers
LONGEST_SILENCE = 120.0  # seconds without a socket after which we give up, to be started anew

_log = logging.getLogger(__name__)


def build_app(bot: Bot, threads: ThreadPoolExecutor) -> App:
    """Return the Bolt app with all listeners, which run in these threads; it asks Slack once who it is."""
    settings = bot.settings
    secret = settings.slack_signing_secret
    app = App(
        client=bot.client,
        listener_executor=threads,
        signing_secret=secret.get_secret_value() if secret else None,
        request_verification_enabled=settings.slack_app_token is None,
        logger=sdk_log,  # Bolt logs whole requests below ERROR
    )
    register(app, bot)

    @app.error
    def failed(error: Exception) -> BoltResponse:
        return BoltResponse(status=200, body=something_wrong(log_bug("a listener failed", error)))

    return app


@contextmanager
def running(settings: Settings, engine: Engine) -> Iterator[Callable[[], bool]]:
    """Run the bot until the block ends, then finish what was asked; yields whether Slack can be heard.

    Raises:
        ConfigurationError: tokens are missing or refused, or the port is taken.
        SlackUnreachableError: Slack gave no answer.
    """
    check_tokens(settings)
    if is_local(settings.slack_api_url):
        keep_proxies_from_loopback()
    client = web_client(settings)
    me = identity(client)
    access = Access(client, me, settings, engine)
    with ExitStack() as stack:
        worker = stack.enter_context(working(engine, settings))
        bot = Bot(
            settings=settings,
            engine=engine,
            client=client,
            access=access,
            desk=Desk(),
            reads=Reads(),
            drafts=Drafts(engine),
            worker=worker,
            results=Desk(),
            closing=threading.Event(),
        )
        teller = Teller(
            engine, settings, client, access, lambda person: publish_again(bot, Asker(person, me.team_id, ""))
        )
        stack.enter_context(telling(teller))
        threads = stack.enter_context(ThreadPoolExecutor(LISTENERS, thread_name_prefix="listener"))
        app = build_app(bot, threads)
        if settings.slack_app_token is None:
            health = watched(lambda: slack_answers(client), engine)
            secret = settings.slack_signing_secret
            routes = http_app(health, app, secret.get_secret_value() if secret else "")
            port = stack.enter_context(serving(routes, settings.port))
            heard: Callable[[], bool] = lambda: True  # noqa: E731 (Slack comes to us; nothing tells that it would not)
            how = "HTTP at /slack/events"
        else:
            handler = stack.enter_context(_socket(app, settings))
            heard = handler.client.is_connected
            port = stack.enter_context(serving(http_app(watched(heard, engine), None), settings.port))
            how = "Socket Mode"
        # Closed first, so that what is still coming is told to ask again while the rest is finished.
        stack.callback(_finished, bot)
        _log.info("The bot listens in %s by %s; health: port %d, /healthz.", me.team or me.team_id, how, port)
        yield heard


def serve(settings: Settings) -> None:
    """Run the bot until SIGTERM or SIGINT; then the process ends within 25 seconds, whatever hangs.

    Raises:
        UyspError: it cannot start, or lost Slack for two minutes.
    """
    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO)
    check_tokens(settings)
    stop = threading.Event()
    threading.Thread(target=_end_at_last, args=(stop,), name="end", daemon=True).start()
    previous = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with open_database(settings, Role.BOT) as engine, running(settings, engine) as heard:
            silent = 0.0
            while not stop.wait(CHECK_SECONDS):
                silent = 0.0 if heard() else silent + CHECK_SECONDS
                if silent >= LONGEST_SILENCE:
                    stop.set()
                    raise SlackUnreachableError("The connection to Slack was lost and did not come back; start again.")
            _log.info("Stopping; what was asked is answered first.")
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _finished(bot: Bot) -> None:
    """Take nothing more, and finish what was taken, for at most 20 seconds in all."""
    ends = time.monotonic() + DRAIN_SECONDS
    bot.desk.close(ends)
    bot.results.close(ends)
    bot.closing.set()


def _end_at_last(stop: threading.Event) -> None:
    """End the process some time after it was told to stop: Python itself waits for threads that hang, for ever.

    What is lost then is what a crash loses: the database undoes it, or the next process finds it.
    """
    stop.wait()
    time.sleep(DRAIN_SECONDS + END_SECONDS)
    _log.error("Something hangs; the process ends without it.")
    os._exit(1)


def check_tokens(settings: Settings) -> None:
    """Raise ConfigurationError unless the settings say how Slack reaches us."""
    web_client(settings)
    if settings.slack_app_token is None and settings.slack_signing_secret is None:
        raise ConfigurationError(
            "SLACK_BOT_TOKEN is set, but neither SLACK_APP_TOKEN (Socket Mode) nor SLACK_SIGNING_SECRET (HTTP); "
            "set one of them in the environment or in .env."
        )


@contextmanager
def _socket(app: App, settings: Settings) -> Iterator[SocketModeHandler]:
    """Hold a Socket Mode connection, which the SDK renews by itself."""
    token = settings.slack_app_token
    assert token is not None  # noqa: S101 (the caller chose Socket Mode by it)
    handler = SocketModeHandler(app, token.get_secret_value(), logger=sdk_log)
    if is_local(settings.slack_api_url):
        handler.client.proxy = None
    try:
        _connect(handler, settings)
        yield handler
    finally:
        _hang_up(handler)
        try:
            handler.client.close()
        except AttributeError:  # the SDK's, when it closes while it reconnects
            _log.debug("the socket was already gone")


def _hang_up(handler: SocketModeHandler) -> None:
    """Let the SDK's reader notice at once that nothing comes any more: closing waits for it, up to three seconds."""
    handler.client.auto_reconnect_enabled = False
    session = handler.client.current_session
    if session is not None and session.sock is not None:
        with suppress(OSError):  # gone already
            socket.socket.shutdown(session.sock, socket.SHUT_RD)  # below TLS, which would say goodbye and wait


def _connect(handler: SocketModeHandler, settings: Settings) -> None:
    try:
        handler.client.connect()
    except SlackApiError as error:
        raise refusal(error, "SLACK_APP_TOKEN") from None
    except UNREACHABLE:
        raise unreachable(settings.slack_api_url) from None
