"""A database with hand-made marts, and the bot running against the emulated Slack."""

import asyncio
import json
import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import psycopg
import pytest
import sqlalchemy
from pydantic import SecretStr

from playground.slack.app import AppFeatures, from_manifest
from playground.slack.delivery import Ack
from playground.slack.server import Slack, running_slack
from slackbot.app import running
from slackbot.checks import MANIFEST
from tests.conftest import Template, database_of
from tests.slackbot import marts
from uysp.database import Role, open_database
from uysp.settings import Settings

SOCKETS, HTTP = "Socket Mode", "HTTP"  # where both work alike, HTTP
both = pytest.mark.parametrize("bot", [SOCKETS, HTTP], indirect=True)


@pytest.fixture(scope="session")
def marts_template(database_url: str, migrated_template: str) -> str:
    """The name of a migrated database with empty marts."""
    name = "marts_template"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"create database {name} template {migrated_template}")
    settings = Settings(_env_file=None, database_url=SecretStr(database_of(database_url, name)))
    with open_database(settings, Role.PIPELINE) as engine:
        marts.create_marts(engine)
    return name


@pytest.fixture
def template(request: pytest.FixtureRequest, migrated_template: str) -> Template:
    """With marts for those who work on them."""
    return Template(request.getfixturevalue("marts_template") if "built" in request.fixturenames else migrated_template)


@pytest.fixture
def built(engine: sqlalchemy.Engine) -> sqlalchemy.Engine:
    """The pipeline's engine on a database with empty marts, into which a test puts what it needs."""
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
def slow_submissions(slack: Slack, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on Slack takes what acknowledges a submitted form late: after what fills its window."""

    def begin() -> None:
        deliver = slack.transport.deliver

        async def slowly(kind: str, payload: Mapping[str, Any], *others: Any) -> Ack:
            ack = await deliver(kind, payload, *others)
            await asyncio.sleep(1.5 if payload.get("type") == "view_submission" else 0)
            return ack

        monkeypatch.setattr(slack.transport, "deliver", slowly)

    return begin


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
