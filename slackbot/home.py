"""App Home: the dashboard, one's own claimed leads and requests, and how fresh all of it is."""

import logging
from dataclasses import replace
from datetime import UTC, datetime

from slack_sdk.errors import SlackApiError

from slackbot.access import Admission, Asker, RefusedError
from slackbot.answers.model import Answer, Section
from slackbot.answers.own import own_leads, own_requests
from slackbot.answers.visible import visible_clients
from slackbot.blocks.message import Form
from slackbot.blocks.views import Home, home_view, noted_home
from slackbot.bot import Bot, said
from slackbot.connection import error_word
from slackbot.pace import TooManyReadsError
from slackbot.place import REJECTED_BLOCKS, Place

DASHBOARD = "dashboard"
MOST_HOMES = 10_000

_log = logging.getLogger(__name__)


def publish(bot: Bot, place: Place, line: str = DASHBOARD) -> None:
    """Show App Home to the person at a place.

    Args:
        bot: everything there is one of.
        place: whose Home.
        line: the dashboard to show, as `dashboard 7d`.
    """
    try:
        admission = bot.admit(place.asker)
    except TooManyReadsError as error:
        _log.info("App Home was opened too often: %s", type(error).__name__)
        if place.is_home:
            _noted(bot, place, str(error))
        elif place.asker.user_id not in bot.homes:  # else what is there stays
            _shown(bot, place.asker.user_id, _empty(str(error)), None)
        return
    except RefusedError as refused:
        _shown(bot, place.asker.user_id, _empty(str(refused)), None)
        return
    _shown(bot, place.asker.user_id, _home(bot, place, line, admission), admission)
    if len(bot.homes) >= MOST_HOMES:
        bot.homes.clear()
    bot.homes[place.asker.user_id] = line


def publish_again(bot: Bot, asker: Asker) -> None:
    """Show App Home anew after a person wrote, if they have looked at it since we started; counts as no read."""
    person = asker.user_id
    line = bot.homes.get(person)
    if line is None:
        return
    try:
        place = Place(replace(asker, channel_id=""), key="")
        admission = bot.access.check(place.asker)
        _shown(bot, person, _home(bot, place, line, admission), admission)
    except Exception as error:  # it is made anew when it is opened, too
        said(error, "App Home could not be shown again")


def _home(bot: Bot, place: Place, line: str, admission: Admission) -> Home:
    dashboard: Answer | None = None
    sentence = ""
    elsewhere = bot.access.has_bound_clients(place.asker.user_id)
    try:
        dashboard = bot.ask(line, admission)
    except Exception as error:
        sentence = said(error, "the dashboard of App Home failed")
    try:
        with bot.engine.connect() as connection:
            clients = visible_clients(connection, bot.settings, admission.may_see)
            leads = own_leads(connection, clients, admission.email, elsewhere=elsewhere)
            requests = own_requests(connection, clients, place.asker.user_id, elsewhere=elsewhere)
    except Exception as error:
        if dashboard is None:
            return _empty(sentence)
        leads = requests = Section([], empty=said(error, "what is one's own in App Home failed"))
    return Home(dashboard, sentence, leads, requests, datetime.now(UTC), elsewhere)


def _empty(sentence: str) -> Home:
    return Home(None, sentence, Section([]), Section([]), datetime.now(UTC))


def _noted(bot: Bot, place: Place, sentence: str) -> None:
    """Say in the Home in which something was chosen why it stays as it is; it costs no look into the database."""
    try:
        bot.client.views_publish(user_id=place.asker.user_id, view=noted_home(place.view.get("blocks") or [], sentence))
    except SlackApiError as error:
        if error_word(error) not in REJECTED_BLOCKS:
            raise
        _shown(bot, place.asker.user_id, _empty(sentence), None)


def _shown(bot: Bot, person: str, home: Home, admission: Admission | None) -> None:
    """Publish it, in the best form that the workspace takes."""
    for form in Form:
        try:
            view = home_view(home, form, admission.zone if admission else UTC)
            bot.client.views_publish(user_id=person, view=view)
        except SlackApiError as error:
            if error_word(error) not in REJECTED_BLOCKS:
                raise
        else:
            return
    _log.error("App Home was taken in no form")
