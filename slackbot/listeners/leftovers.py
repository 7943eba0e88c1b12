"""Everything else that Slack may send: acknowledged, so that it is not sent again, and said where somebody waits."""

import re
from typing import Any

from slack_bolt import Ack, App

from slackbot.blocks.views import notice_view
from slackbot.bot import Bot
from slackbot.listeners.commands import COMMAND
from slackbot.place import of_interaction

ANYTHING = re.compile(".*", re.DOTALL)
_UNKNOWN = f"This is of another version of me and does nothing any more; type {COMMAND} to go on."


def register(app: App, bot: Bot) -> None:
    """Attach what answers the rest. Bolt takes the first listener that fits, so this comes last."""

    @app.command(ANYTHING)
    def command(ack: Ack) -> None:
        ack(f"I only know {COMMAND}; type {COMMAND} help.", response_type="ephemeral")

    @app.event(ANYTHING)
    def event(ack: Ack) -> None:
        ack()

    @app.action(ANYTHING)
    @app.shortcut(ANYTHING)
    def pressed(ack: Ack, body: dict[str, Any]) -> None:
        ack()
        place = of_interaction(body)
        bot.take(place, lambda: bot.tell(_UNKNOWN, place))

    @app.options(ANYTHING)
    def typed(ack: Ack) -> None:
        ack(options=[])

    @app.view(ANYTHING)
    def submitted(ack: Ack) -> None:
        ack(response_action="update", view=notice_view("UYSP", _UNKNOWN))
