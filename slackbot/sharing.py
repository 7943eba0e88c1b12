"""Share: what will be posted and who will see it are shown first; then just that is posted, to just them."""

import logging
from dataclasses import replace

from slack_sdk.errors import SlackApiError

from slackbot.access import Admission, Asker
from slackbot.audience import NotShareableError
from slackbot.blocks.actions import Sharing
from slackbot.blocks.message import Form, shared_message
from slackbot.blocks.views import View, notice_view, share_view
from slackbot.bot import Bot
from slackbot.connection import UNREACHABLE, error_word
from slackbot.place import REJECTED_BLOCKS
from slackbot.previews import fingerprint

TITLE = "Share"
_CHOOSE = "Choose the channel first; then you see who reads it."
_CHANGED = "The numbers or the readers have changed since you looked. Look again, then post. "

_log = logging.getLogger(__name__)


def started(bot: Bot, line: str, channel_id: str, asker: Asker, view_id: str) -> View:
    """Return the modal with which sharing begins: for the channel it was asked in, or for none yet.

    Raises:
        UyspError: there is no answer to share.
    """
    sharing = Sharing(line, "" if channel_id.startswith("D") else channel_id)
    return preview(bot, sharing, asker, view_id)


def preview(bot: Bot, sharing: Sharing, asker: Asker, view_id: str, note: str = "") -> View:
    """Return the modal that shows what is going to be posted, and who will see it.

    Args:
        bot: everything there is one of.
        sharing: the line, and the conversation if one is chosen.
        asker: who shares.
        view_id: the modal.
        note: what is said before that.

    Raises:
        UyspError: there is no answer to share.
    """
    admission = _for(bot, asker, sharing.channel_id)
    answer = bot.ask(sharing.line, admission)
    if not sharing.channel_id:
        return share_view(answer, sharing, note + _CHOOSE)
    try:
        audience = bot.access.audiences.of(sharing.channel_id, asker.user_id)
    except NotShareableError as refused:
        return share_view(answer, replace(sharing, channel_id=""), f"{refused} Or choose another channel.")
    bot.previews.remember(view_id, fingerprint(answer, audience.readers))
    return share_view(answer, sharing, note + audience.sentence())


def post(bot: Bot, sharing: Sharing, asker: Asker, view_id: str) -> View:
    """Post what the modal showed, and return what the modal says then; what has changed is shown again instead.

    Raises:
        UyspError: nothing may be posted; nothing was.
    """
    admission = _for(bot, asker, sharing.channel_id)
    answer = bot.ask(sharing.line, admission)
    audience = bot.access.audiences.of(sharing.channel_id, asker.user_id)
    if not bot.previews.still_holds(view_id, fingerprint(answer, audience.readers)):
        return preview(bot, sharing, asker, view_id, _CHANGED)
    said = ""
    for form in Form:
        message = shared_message(answer, admission.name, form)
        try:
            bot.client.chat_postMessage(channel=sharing.channel_id, unfurl_links=False, unfurl_media=False, **message)
        except SlackApiError as error:
            said = error_word(error)
            if said not in REJECTED_BLOCKS:
                break
        except UNREACHABLE:
            said = "unreachable"
            break
        else:
            return notice_view(TITLE, f"Posted in {audience.name}.")
    _log.warning("a copy could not be posted: %s", said)
    raise NotShareableError(f"Slack did not take the copy ({said}), so nothing was posted; try again in a minute.")


def _for(bot: Bot, asker: Asker, channel_id: str) -> Admission:
    """Return what the person may show in the conversation: a client's data stays in its channels."""
    return bot.access.check(replace(asker, channel_id=channel_id))
