"""Selects whose options depend on what is typed: leads."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

from slack_bolt import Ack, App

from slackbot.blocks.actions import FIND_LEAD, LEAD, Writing
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
        place = of_interaction(body)
        with suppress(KeyError, ValueError):  # which clients are offered depends on where the form was asked for
            channel_id = Writing.unpacked(str(place.view["private_metadata"])).channel_id
            place = replace(place, asker=replace(place.asker, channel_id=channel_id))
        ack(options=lead_options(bot, place, str(body.get("value") or "")))
