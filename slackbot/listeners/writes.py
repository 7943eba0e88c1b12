"""What writes: the forms, the message shortcut, undoing, and what is pressed below a bulk removal."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from slack_bolt import Ack, App

from slackbot.answers.leads import lead_line
from slackbot.blocks.actions import (
    FIND_VIEW,
    LEAD,
    NOTE_SHORTCUT,
    PROGRESS,
    RECORD,
    RESULTS,
    STOP,
    UNDO,
    WRITE,
    WRITE_VIEW,
    Writing,
    chosen_line,
)
from slackbot.blocks.forms import TITLES, error_block, filled, receipt_view
from slackbot.blocks.views import View, loading_view
from slackbot.bot import Bot
from slackbot.bulk import bulk_stored, send_results, show_progress, stopped
from slackbot.grammar import line as line_of
from slackbot.modals import fill_modal, fill_submitted, open_modal, show_submitted, submitted_view
from slackbot.place import Place, of_interaction
from slackbot.quoting import quoted
from slackbot.starting import begin
from slackbot.writing import WAIT_SECONDS, failed, form, pending_url, quoting, stored, tell_in_view, undone

Body = dict[str, Any]
LONGEST_ERROR = 1000  # ours: below an input


def register(app: App, bot: Bot) -> None:
    """Attach everything that writes."""
    _forms(app, bot)
    _shortcut(app, bot)
    _below_receipts(app, bot)


def _forms(app: App, bot: Bot) -> None:
    @app.action(WRITE)
    def begun(ack: Ack, body: Body, action: Body) -> None:
        ack()
        begin(bot, of_interaction(body), chosen_line(action))

    @app.action(LEAD)
    def lead_chosen(ack: Ack, body: Body, action: Body) -> None:
        ack()
        place, writing = _at_form(body)
        chosen = replace(writing, lead=chosen_line(action))
        fill_modal(bot, place, TITLES[writing.kind], lambda who, _view: form(bot, chosen, who, place.asker))

    @app.view(FIND_VIEW)
    def lead_found(ack: Ack, body: Body) -> None:
        ack()
        place, _ = _at_form(body)
        client, _, lead_id = filled(body["view"]).lead.partition("/")
        line = lead_line("lead", client, lead_id) if client else line_of("lead", lead_id)
        bot.take(place, lambda: bot.answer(line, place))

    @app.view(WRITE_VIEW)
    def submitted(ack: Ack, body: Body) -> None:
        place, writing = _at_form(body)
        title = TITLES[writing.kind]
        if writing.line:  # many leads take longer to store than Slack waits
            ack(response_action="update", view=submitted_view(place, loading_view(title)))
            fill_submitted(bot, place, title, lambda who, _id: bulk_stored(bot, writing, body["view"], who, place))
            return
        try:
            receipt = stored(bot, writing, body["view"], place.asker)
        except Exception as error:
            ack(response_action="errors", errors={error_block(writing): failed(error)[:LONGEST_ERROR]})
            return
        pending = receipt_view(title, receipt, pending_url(bot, receipt))
        ack(response_action="update", view=submitted_view(place, pending))
        ends = time.monotonic() + WAIT_SECONDS

        def show(view: View) -> bool:
            return show_submitted(bot, place, view)

        bot.results.take(place.key, lambda: tell_in_view(bot, place, show, title, receipt, ends))


def _shortcut(app: App, bot: Bot) -> None:
    @app.shortcut(NOTE_SHORTCUT)
    def noted(ack: Ack, body: Body) -> None:
        ack()
        place = of_interaction(body)
        open_modal(
            bot,
            place,
            TITLES["note"],
            lambda who, _view: quoting(bot, quoted(bot, body), who, place.asker),
            of_leads=True,
        )


def _below_receipts(app: App, bot: Bot) -> None:
    for button, job in ((UNDO, undone), (PROGRESS, show_progress), (STOP, stopped), (RESULTS, send_results)):
        app.action(button)(_pressed(bot, job))

    @app.action(RECORD)
    def opened(ack: Ack) -> None:
        ack()


def _pressed(bot: Bot, job: Callable[[Bot, Place, str], None]) -> Callable[[Ack, Body, Body], None]:
    """Return the listener to a button that carries an action's reference."""

    def pressed(ack: Ack, body: Body, action: Body) -> None:
        ack()
        place = of_interaction(body)
        bot.take(place, lambda: job(bot, place, chosen_line(action)))

    return pressed


def _at_form(body: Body) -> tuple[Place, Writing]:
    """Return where a form was asked for, which decides what its person may see, and what it is for."""
    place = of_interaction(body)
    writing = Writing.unpacked(str(place.view["private_metadata"]))
    return replace(place, asker=replace(place.asker, channel_id=writing.channel_id)), writing
