"""Events: somebody mentions us, writes to us, or looks at App Home."""

import logging
import re
from collections.abc import Mapping
from typing import Any

from slack_bolt import Ack, App

from slackbot.access import RefusedError
from slackbot.answers import question_of
from slackbot.blocks.text import unescaped, unformatted
from slackbot.bot import Bot
from slackbot.grammar import NotUnderstoodError
from slackbot.home import publish
from slackbot.place import Place, of_event
from slackbot.starting import begin

_MENTION = re.compile(r"<@[UW][A-Z0-9]+(?:\|[^>]*)?>")
_LINK = re.compile(r"<(?P<target>(?:https?|mailto|tel):[^<>|]+)(?:\|(?P<label>[^<>]*))?>")
_AFTER_A_NAME = " \t\n:,;.!-–—"
_log = logging.getLogger(__name__)


def register(app: App, bot: Bot) -> None:
    """Attach what people write to us, and the opening of App Home."""

    @app.event("app_mention")
    def mentioned(ack: Ack, body: dict[str, Any], event: dict[str, Any]) -> None:
        ack()
        _answer(bot, of_event(body), event)

    @app.event({"type": "message", "subtype": None}, matchers=[_is_direct])
    def written(ack: Ack, body: dict[str, Any], event: dict[str, Any]) -> None:
        ack()
        _answer(bot, of_event(body), event)

    @app.event("app_home_opened", matchers=[_is_home_tab])
    def opened(ack: Ack, body: dict[str, Any]) -> None:
        ack()
        place = of_event(body)
        bot.take(place, lambda: publish(bot, place))


def _answer(bot: Bot, place: Place, event: Mapping[str, Any]) -> None:
    """Answer what was written; apps are refused without a word, or two of them might talk for ever."""
    if event.get("bot_id"):
        bot.take(place, lambda: _refuse(bot, place))
    else:
        line = typed_line(str(event.get("text") or ""), bot.access.own_id)
        if not begin(bot, place, line):
            bot.take(place, lambda: bot.answer(line, place))


def typed_line(text: str, own_id: str) -> str:
    """Return what a person asks in a message: nobody mentioned, and as text what Slack has made links and bold of.

    What stands before our name is left out where with it the line is no question: “hey @UYSP campaigns”.
    """
    before, *after = re.split(rf"<@{re.escape(own_id)}(?:\|[^>]*)?>", unformatted(text), maxsplit=1)
    greeting = _plain(before)
    asked = _plain(" ".join(after)).lstrip(_AFTER_A_NAME)
    if not greeting or not asked:
        return asked or greeting
    whole = f"{greeting} {asked}"
    try:
        question_of(whole)
    except NotUnderstoodError:
        return asked
    return whole


def _plain(text: str) -> str:
    unlinked = _LINK.sub(lambda link: link["label"] or link["target"], _MENTION.sub(" ", text))
    return unformatted(unescaped(unlinked)).strip()


def _refuse(bot: Bot, place: Place) -> None:
    try:
        bot.access.check(place.asker)
    except RefusedError as refused:
        _log.info("what an app wrote was not answered: %s", refused.reason)


def _is_direct(event: dict[str, Any]) -> bool:
    return event.get("channel_type") == "im"


def _is_home_tab(event: dict[str, Any]) -> bool:
    return event.get("tab") == "home"
