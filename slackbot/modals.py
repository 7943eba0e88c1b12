"""Opening a modal while its trigger lives, and filling it when the database has answered."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from slack_sdk.errors import SlackApiError

from slackbot.access import Admission
from slackbot.blocks.views import View, loading_view, notice_view
from slackbot.bot import Bot, said
from slackbot.connection import UNREACHABLE, error_word
from slackbot.desk import log_bug
from slackbot.place import Place
from uysp.errors import UyspError

Fill = Callable[[Admission, str], View]

# Until Slack has put what acknowledges a submitted modal in its place; it waits three seconds for that.
_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)


def open_modal(bot: Bot, place: Place, title: str, fill: Fill, *, of_leads: bool = False) -> None:
    """Open a modal for something that was acknowledged, and fill it.

    Args:
        bot: everything there is one of.
        place: where the modal was asked for.
        title: what stands on it.
        fill: takes who asked and the id of the modal, and returns what it shows; what it raises is said in it.
        of_leads: whether it is of no use to who may see no client there: they read why in place of it.
    """
    bot.take(place, lambda: _opened(bot, place, title, fill, of_leads=of_leads))


def fill_modal(bot: Bot, place: Place, title: str, fill: Fill) -> None:
    """Fill a modal that is open, after something was done in it."""
    bot.take(place, lambda: _filled(bot, place, str(place.view["id"]), title, fill))


def submitted_view(place: Place, view: View) -> View:
    """Return a view as what acknowledges a submitted one, to stand there until `show_submitted` shows another.

    It has an id of its own, which nothing had before: Slack may take what comes next sooner than the acknowledgement,
    which would then stand there for ever.
    """
    return view | {"external_id": place.key}


def fill_submitted(bot: Bot, place: Place, title: str, fill: Fill) -> None:
    """Fill what `submitted_view` has put in the place of a submitted modal."""

    def job() -> None:
        view = _view(bot, place, str(place.view["id"]), title, fill)
        _or_told(bot, place, lambda: show_submitted(bot, place, view), "look whether it was done before you try again")

    bot.take(place, job)


def _opened(bot: Bot, place: Place, title: str, fill: Fill, *, of_leads: bool) -> None:
    try:
        admission = bot.access.check(place.asker)  # before anything is shown at all
        if of_leads:
            bot.refuse_unseen(admission)
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
    view = _view(bot, place, view_id, title, fill)
    _or_told(bot, place, lambda: show(bot, view_id, view), "nothing was changed, close it and try again")


def _or_told(bot: Bot, place: Place, shown: Callable[[], bool], so: str) -> None:
    """Fill a window, or tell the person beside it that it stays as it is, and what that means."""
    try:
        shown()
    except (SlackApiError, *UNREACHABLE) as error:
        reference = log_bug("a window could not be filled", error)
        word = error_word(error) if isinstance(error, SlackApiError) else "no answer"
        bot.tell(f"Slack did not fill the window ({word}); {so}. Reference {reference}.", place)


def _view(bot: Bot, place: Place, view_id: str, title: str, fill: Fill) -> View:
    try:
        return fill(bot.admit(place.asker), view_id)
    except Exception as error:
        return notice_view(title, said(error, "a modal could not be filled"))


def show_submitted(bot: Bot, place: Place, view: View) -> bool:
    """Show something else in what `submitted_view` made; returns False where the person has closed it meanwhile."""
    for pause in (0.0, *_PAUSES):
        time.sleep(pause)
        if _updated(bot, view, external_id=place.key):
            return True
    return False


def show(bot: Bot, view_id: str, view: View) -> bool:
    """Show something else in an open modal; returns False where the person has closed it meanwhile."""
    return _updated(bot, view, view_id=view_id)


def _updated(bot: Bot, view: View, **which: str) -> bool:
    try:
        bot.client.views_update(view=view, **which)
    except SlackApiError as error:
        if error_word(error) != "not_found":
            raise
        return False
    return True
