"""Submitted modals."""

from typing import Any

from slack_bolt import Ack, App

from slackbot.blocks.actions import EXPLAIN_VIEW, SHARE_VIEW, Sharing
from slackbot.blocks.views import loading_view
from slackbot.bot import Bot
from slackbot.modals import fill_submitted, submitted_view
from slackbot.place import of_interaction
from slackbot.sharing import TITLE, post


def register(app: App, bot: Bot) -> None:
    """Attach the modals that can be submitted, but for those that write (`slackbot.listeners.writes`)."""

    @app.view(SHARE_VIEW)
    def share(ack: Ack, body: dict[str, Any]) -> None:
        place = of_interaction(body)
        ack(response_action="update", view=submitted_view(place, loading_view(TITLE)))
        sharing = Sharing.unpacked(str(place.view["private_metadata"]))
        fill_submitted(bot, place, TITLE, lambda _who, _view: post(bot, sharing, place.asker))

    @app.view(EXPLAIN_VIEW)
    def explained(ack: Ack) -> None:
        ack()
