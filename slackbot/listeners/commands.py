"""Slash commands."""

import re
from typing import Any

from slack_bolt import Ack, App

from slackbot.desk import Desk

COMMAND = "/uysp"


def register(app: App, desk: Desk) -> None:
    """Attach `/uysp`, and what answers any other command that Slack sends us."""

    @app.command(COMMAND)
    def uysp(ack: Ack, command: dict[str, Any]) -> None:
        desk.take(ack, command)

    @app.command(re.compile(".*"))
    def unknown(ack: Ack) -> None:
        ack(f"I only know {COMMAND}; type {COMMAND} help.", response_type="ephemeral")
