"""Whether the bot can do its work: Slack and the database reachable."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from slack_sdk import WebClient
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from slackbot.connection import UNREACHABLE

REMEMBERED_SECONDS = 5  # however often anybody asks, Slack and the database are asked no more often


@dataclass(frozen=True)
class Health:
    """What is reachable."""

    slack: bool
    database: bool


def watched(slack: Callable[[], bool], engine: Engine) -> Callable[[], Health]:
    """Return a function that looks at both, at most every five seconds."""
    lock = Lock()
    latest: tuple[float, Health] | None = None

    def health() -> Health:
        nonlocal latest
        with lock:
            now = time.monotonic()
            if latest is None or now - latest[0] > REMEMBERED_SECONDS:
                latest = (now, Health(slack(), _database_answers(engine)))
            return latest[1]

    return health


def slack_answers(client: WebClient) -> bool:
    """Return whether the Web API takes our token now."""
    try:
        client.auth_test()
    except UNREACHABLE:  # SlackApiError is one of them
        return False
    return True


def _database_answers(engine: Engine) -> bool:
    try:
        with engine.connect() as connection:
            connection.execute(text("select 1"))
    except SQLAlchemyError:
        return False
    return True
