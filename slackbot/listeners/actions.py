"""Buttons and selects. Whoever presses is asked for their own rights, as if they had typed what the button carries."""

from typing import Any

from slack_bolt import Ack, App

from slackbot.blocks.actions import (
    ASK,
    CHOOSE,
    CSV,
    EXPLAIN,
    FIND_LEAD,
    OPEN,
    SHARE,
    SHARE_CHANNEL,
    Sharing,
    chosen_line,
    csv_section,
)
from slackbot.bot import Bot
from slackbot.explaining import explanation
from slackbot.exporting import send_csv
from slackbot.home import publish
from slackbot.modals import fill_modal, open_modal
from slackbot.place import of_interaction
from slackbot.sharing import TITLE, preview, started
from slackbot.starting import begin

Body = dict[str, Any]


def register(app: App, bot: Bot) -> None:
    """Attach everything that can be pressed or chosen."""

    @app.action(ASK)
    @app.action(OPEN)
    @app.action(FIND_LEAD)
    def asked(ack: Ack, body: Body, action: Body) -> None:
        ack()
        place, line = of_interaction(body), chosen_line(action)
        if not begin(bot, place, line):  # a verb that was meant may write
            bot.take(place, lambda: bot.answer(line, place))

    @app.action(CHOOSE)
    def chosen(ack: Ack, body: Body, action: Body) -> None:
        ack()
        place, line = of_interaction(body), chosen_line(action)
        if place.is_home:
            bot.take(place, lambda: publish(bot, place, line))
        else:
            bot.take(place, lambda: bot.answer(line, place, replace=place.is_own))

    @app.action(EXPLAIN)
    def explained(ack: Ack, body: Body, action: Body) -> None:
        ack()
        line = chosen_line(action)
        open_modal(bot, of_interaction(body), "What is this?", lambda who, _view: explanation(bot, line, who))

    @app.action(CSV)
    def exported(ack: Ack, body: Body, action: Body) -> None:
        ack()
        place, line, section = of_interaction(body), chosen_line(action), csv_section(action)
        bot.take(place, lambda: send_csv(bot, line, section, place))

    @app.action(SHARE)
    def share(ack: Ack, body: Body, action: Body) -> None:
        ack()
        place, line = of_interaction(body), chosen_line(action)
        open_modal(bot, place, TITLE, lambda _who, _view: started(bot, line, place.asker))

    @app.action(SHARE_CHANNEL)
    def share_where(ack: Ack, body: Body, action: Body) -> None:
        ack()
        place = of_interaction(body)
        before = Sharing.unpacked(str(place.view["private_metadata"]))
        sharing = Sharing(before.line, str(action.get("selected_conversation") or ""), before.origin)
        fill_modal(bot, place, TITLE, lambda _who, _view: preview(bot, sharing, place.asker))
