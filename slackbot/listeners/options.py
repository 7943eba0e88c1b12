"""Selects whose options depend on what is typed: leads."""

from typing import Any

from slack_bolt import Ack, App

from slackbot.blocks.actions import FIND_LEAD, LEAD
from slackbot.bot import Bot
from slackbot.picking import lead_options, lead_questions
from slackbot.place import of_interaction


def register(app: App, bot: Bot) -> None:
    """Attach the lead pickers."""

    @app.options(FIND_LEAD)
    def find(ack: Ack, body: dict[str, Any]) -> None:
        ack(options=lead_questions(bot, of_interaction(body), str(body.get("value") or "")))

    @app.options(LEAD)
    def pick(ack: Ack, body: dict[str, Any]) -> None:
        ack(options=lead_options(bot, of_interaction(body), str(body.get("value") or "")))
