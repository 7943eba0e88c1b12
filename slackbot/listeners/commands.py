"""Slash commands."""

from typing import Any

from slack_bolt import Ack, App

from slackbot.blocks.text import unescaped, unformatted
from slackbot.bot import Bot, looking_up
from slackbot.desk import Taken
from slackbot.place import of_command
from slackbot.starting import begin

COMMAND = "/uysp"


def register(app: App, bot: Bot) -> None:
    """Attach `/uysp`."""

    @app.command(COMMAND)
    def uysp(ack: Ack, command: dict[str, Any]) -> None:
        line, place = unformatted(unescaped(str(command.get("text") or ""))), of_command(command)
        if begin(bot, place, line):
            ack()
            return
        taken = bot.desk.take(place.key, lambda: bot.answer(line, place, replace=True))
        if taken is Taken.BEFORE:
            ack()
        else:
            ack(taken.value or looking_up(line), response_type="ephemeral")
