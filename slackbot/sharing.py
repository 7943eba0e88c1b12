"""Share: what will be posted and who will see it are shown first; then just that is posted, to just them.

A copy is of the answer as its person saw it: of the clients that may be seen where it was asked, those that may be
shown to everybody who reads the channel.
"""

import logging
from dataclasses import dataclass, replace

from slack_sdk.errors import SlackApiError

from slackbot.access import Admission, Asker
from slackbot.answers import question_of
from slackbot.answers.model import Answer
from slackbot.answers.visible import denied_client
from slackbot.audience import Audience, NotShareableError
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


@dataclass(frozen=True)
class _Copy:
    """What is posted, who reads it, and what must be known of that."""

    answer: Answer
    audience: Audience
    note: str = ""

    def fingerprint(self) -> str:
        return fingerprint(self.answer, self.audience.readers)


def started(bot: Bot, line: str, asker: Asker) -> View:
    """Return the modal with which sharing begins: for the channel it was asked in, or for none yet.

    Raises:
        UyspError: there is no answer to share.
    """
    here = asker.channel_id
    return preview(bot, Sharing(line, "" if here.startswith("D") else here, here), asker)


def preview(bot: Bot, sharing: Sharing, asker: Asker, note: str = "") -> View:
    """Return the modal that shows what is going to be posted, and who will see it.

    Args:
        bot: everything there is one of.
        sharing: the line, and the conversation if one is chosen.
        asker: who shares.
        note: what is said before that.

    Raises:
        UyspError: there is no answer to share.
    """
    admission = _at(bot, asker, sharing.origin)
    answer = bot.ask(sharing.line, admission)
    if not sharing.channel_id:
        return share_view(answer, sharing, note + _CHOOSE)
    try:
        copy = _copy(bot, sharing, asker, admission, answer)
    except NotShareableError as refused:
        return _elsewhere(answer, sharing, refused)
    shown = replace(sharing, shown=copy.fingerprint())
    return share_view(copy.answer, shown, note + copy.audience.sentence() + copy.note)


def post(bot: Bot, sharing: Sharing, asker: Asker) -> View:
    """Post what the modal showed, and return what the modal says then; what has changed is shown again instead.

    Raises:
        UyspError: nothing may be posted; nothing was.
    """
    admission = _at(bot, asker, sharing.origin)
    answer = bot.ask(sharing.line, admission)
    try:
        copy = _copy(bot, sharing, asker, admission, answer)
    except NotShareableError as refused:
        return _elsewhere(answer, sharing, refused)
    if sharing.shown != copy.fingerprint():
        return preview(bot, sharing, asker, _CHANGED)
    said = ""
    for form in Form:
        message = shared_message(copy.answer, admission.name, form)
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
            return notice_view(TITLE, f"Posted in {copy.audience.name}.")
    _log.warning("a copy could not be posted: %s", said)
    raise NotShareableError(f"Slack did not take the copy ({said}), so nothing was posted; try again in a minute.")


def _elsewhere(answer: Answer, sharing: Sharing, refused: NotShareableError) -> View:
    """Return the modal that says why nothing is posted in the channel chosen; another can be chosen."""
    return share_view(answer, replace(sharing, channel_id="", shown=""), f"{refused} Or choose another channel.")


def _copy(bot: Bot, sharing: Sharing, asker: Asker, admission: Admission, answer: Answer) -> _Copy:
    """Return what may be posted of an answer in the conversation chosen.

    Raises:
        NotShareableError: nothing may.
    """
    there = _at(bot, asker, sharing.channel_id)
    audience = bot.access.audiences.of(sharing.channel_id, asker.user_id)
    kept_out = {key: why for key in answer.clients if (why := bot.access.why_not_shown(key, there, audience))}
    if not kept_out:
        return _Copy(answer, audience)

    def may_see(key: str) -> bool:
        return admission.may_see(key) and key not in kept_out

    # Without the client that the line is about, it would be an answer about another.
    named = denied_client(bot.settings, lambda key: key not in kept_out, question_of(sharing.line))
    if named is None and len(kept_out) == len(answer.clients):
        named = next(iter(kept_out))
    if named is not None:
        there.deny(named)
        raise NotShareableError(f"{named} {kept_out[named]}, so nothing is posted there.")
    narrowed = bot.ask(sharing.line, replace(admission, may_see=may_see))
    return _Copy(narrowed, audience, "".join(f" Left out: {key}, which {why}." for key, why in kept_out.items()))


def _at(bot: Bot, asker: Asker, channel_id: str) -> Admission:
    """Return what the person may see in a conversation: a client's data stays in its channels."""
    return bot.access.check(replace(asker, channel_id=channel_id))
