"""A database with hand-made marts, and the bot running against the emulated Slack."""

import json
import socket
from collections.abc import Iterator

import pytest
import sqlalchemy
from pydantic import SecretStr

from playground.slack.app import AppFeatures, from_manifest
from playground.slack.server import Slack, running_slack
from slackbot.app import running
from slackbot.checks import MANIFEST
from tests.slackbot import marts
from uysp.database import Role, open_database
from uysp.settings import Settings

SOCKETS, HTTP = "Socket Mode", "HTTP"  # the SDK needs three seconds to close a socket: where both work alike, HTTP
both = pytest.mark.parametrize("bot", [SOCKETS, HTTP], indirect=True)


@pytest.fixture
def built(engine: sqlalchemy.Engine) -> sqlalchemy.Engine:
    """The pipeline's engine on a database with empty marts, into which a test puts what it needs."""
    marts.create_marts(engine)
    return engine


@pytest.fixture
def reading(settings: Settings, built: sqlalchemy.Engine) -> Iterator[sqlalchemy.Engine]:
    """The bot's engine on the same database."""
    with open_database(settings, Role.BOT) as engine:
        yield engine


@pytest.fixture
def slack() -> Iterator[Slack]:
    """The emulated Slack, which sends and allows what our manifest declares."""
    with running_slack(features=our_features()) as slack:
        yield slack


def our_features() -> AppFeatures:
    """Return what our manifest declares."""
    return from_manifest(json.loads(MANIFEST.read_text(encoding="utf-8")))


def bot_settings(settings: Settings, slack: Slack, mode: str) -> Settings:
    """Return these settings with the emulator's tokens, and a free port for HTTP."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    tokens = {"slack_bot_token": SecretStr(slack.bot_token), "slack_api_url": slack.api_url, "port": port}
    if mode == SOCKETS:
        return settings.model_copy(update={**tokens, "slack_app_token": SecretStr(slack.app_token)})
    slack.deliver_over_http(f"http://127.0.0.1:{port}/slack/events")
    return settings.model_copy(update={**tokens, "slack_signing_secret": SecretStr(slack.signing_secret)})


@pytest.fixture
def bot(
    request: pytest.FixtureRequest, settings: Settings, reading: sqlalchemy.Engine, slack: Slack
) -> Iterator[Settings]:
    """The bot, listening over HTTP unless the test asks for `both` ways; yields its settings."""
    mode = getattr(request, "param", HTTP)
    ours = bot_settings(settings, slack, mode)
    with running(ours, reading):
        if mode == SOCKETS:
            slack.wait_for_connections()
        yield ours
