"""Opening a modal while its trigger lives, and filling it when the database has answered."""

from collections.abc import Callable, Mapping
from typing import Any

from slack_sdk.errors import SlackApiError

from slackbot.access import Admission
from slackbot.blocks.views import View, loading_view, notice_view
from slackbot.bot import Bot, said
from slackbot.connection import UNREACHABLE, error_word
from slackbot.place import Place
from uysp.errors import UyspError

Fill = Callable[[Admission, str], View]


def open_modal(bot: Bot, place: Place, title: str, fill: Fill) -> None:
    """Open a modal for something that was acknowledged, and fill it.

    Args:
        bot: everything there is one of.
        place: where the modal was asked for.
        title: what stands on it.
        fill: takes who asked and the id of the modal, and returns what it shows; what it raises is said in it.
    """
    bot.take(place, lambda: _opened(bot, place, title, fill))


def fill_modal(bot: Bot, place: Place, title: str, fill: Fill) -> None:
    """Fill a modal that is open, after something was done in it."""
    bot.take(place, lambda: _filled(bot, place, str(place.view["id"]), title, fill))


def _opened(bot: Bot, place: Place, title: str, fill: Fill) -> None:
    try:
        bot.access.check(place.asker)  # before anything is shown at all
        opened = bot.client.views_open(trigger_id=place.trigger_id, view=loading_view(title))
    except UyspError as refused:
        bot.tell(str(refused), place)
    except SlackApiError as error:
        word = error_word(error)
        bot.tell(f"Slack did not open the window ({word}); press again. Nothing was changed.", place)
    except UNREACHABLE:
        bot.tell("Slack did not open the window; press again. Nothing was changed.", place)
    else:
        view: Mapping[str, Any] = opened["view"]
        _filled(bot, place, str(view["id"]), title, fill)


def _filled(bot: Bot, place: Place, view_id: str, title: str, fill: Fill) -> None:
    try:
        view = fill(bot.admit(place.asker), view_id)
    except Exception as error:
        view = notice_view(title, said(error, "a modal could not be filled"))
    show(bot, view_id, view)


def show(bot: Bot, view_id: str, view: View) -> bool:
    """Show something else in an open modal; returns False where the person has closed it meanwhile."""
    try:
        bot.client.views_update(view_id=view_id, view=view)
    except SlackApiError as error:
        if error_word(error) != "not_found":
            raise
        return False
    return True
