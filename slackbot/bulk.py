"""Bulk removals in Slack: confirmed in a window, watched and stopped by a message, results as a file."""

import threading
from typing import Any

from slack_sdk.errors import SlackApiError

from slackbot.access import Admission, Asker
from slackbot.answers.writes import result_section
from slackbot.blocks.actions import Writing
from slackbot.blocks.csv_file import csv_file
from slackbot.blocks.forms import TITLES, filled, receipt_message, receipt_view
from slackbot.blocks.views import View
from slackbot.bot import Bot, said
from slackbot.connection import UNREACHABLE, error_word
from slackbot.exporting import NotSentError, sent_file
from slackbot.place import Place, deliver
from slackbot.writing import asked_of_many, bulk_form, failed, person, receipt_of, submitted
from uysp.actions.bulk import stop
from uysp.actions.requests import Receipt, utc_now
from uysp.actions.rights import check_writer
from uysp.errors import UyspError

LOOK_SECONDS = 3.0
MOST_LOOKS = 1200  # for an hour; after that “How far?” tells


def bulk_stored(bot: Bot, writing: Writing, view: dict[str, Any], admission: Admission, place: Place) -> View:
    """Store a bulk removal that was submitted, and return what its window shows then; the form again if it is wrong."""
    who = person(bot, admission, place.asker)
    try:
        asked = asked_of_many(bot, writing.line, filled(view), admission)
        receipt = submitted(bot, who, asked, f"slack view {view['id']}")
    except UyspError as error:
        return bulk_form(bot, writing, admission, place.asker, str(error))
    if receipt.is_new:
        _follow(bot, place.asker, receipt)
    return receipt_view(TITLES["remove"], receipt)


def show_progress(bot: Bot, place: Place, reference: str) -> None:
    """Say how far a bulk removal is, to whoever may end it."""
    try:
        receipt = _for_admin(bot, place, reference)
    except Exception as error:
        bot.tell(failed(error), place)
        return
    deliver(bot.client, place, lambda _form: receipt_message(receipt), replace=place.is_own)


def stopped(bot: Bot, place: Place, reference: str) -> None:
    """End a bulk removal: what is done stays done."""
    try:
        receipt = _for_admin(bot, place, reference)
        admission = bot.access.check(place.asker)
        stop(bot.engine, bot.settings, person(bot, admission, place.asker), receipt.reference, utc_now())
        receipt = receipt_of(bot, reference)
    except Exception as error:
        bot.tell(failed(error), place)
        return
    deliver(bot.client, place, lambda _form: receipt_message(receipt), replace=place.is_own)


def send_results(bot: Bot, place: Place, reference: str) -> None:
    """Send what came of a bulk removal for every lead, as a file by direct message."""
    try:
        admission = bot.access.check(place.asker)
        receipt = _for_admin(bot, place, reference)
        results = list(receipt.results)
        content = csv_file(result_section(results), zone=admission.zone)
        name = f"uysp-removal-{receipt.reference}.csv"
        details = {"verb": "remove", "reference": receipt.reference, "rows": len(results)}
        sentence = sent_file(bot, place, admission, name, content, f"Removal: {len(results):,} leads", details)
    except (NotSentError, UyspError) as error:
        sentence = str(error)
    except Exception as error:
        sentence = said(error, "a file could not be sent")
    bot.tell(sentence, place)


def _for_admin(bot: Bot, place: Place, reference: str) -> Receipt:
    who = person(bot, bot.access.check(place.asker), place.asker)
    receipt = receipt_of(bot, reference)
    check_writer(bot.engine, bot.settings, who, receipt.client, what="bulk removal", admin=True)
    return receipt


def _follow(bot: Bot, asker: Asker, receipt: Receipt) -> None:
    """Post how far it is by direct message, and keep that up to date as long as this process lives.

    After a restart the end is told by the teller; “How far?” tells what lies between.
    """
    try:
        posted = bot.client.chat_postMessage(channel=asker.user_id, **receipt_message(receipt))
    except (SlackApiError, *UNREACHABLE):
        return  # the end is told by the teller
    where = str(posted["channel"]), str(posted["ts"])
    thread = threading.Thread(target=_kept_up, args=(bot, receipt, where), name="bulk removal", daemon=True)
    thread.start()


def _kept_up(bot: Bot, receipt: Receipt, where: tuple[str, str]) -> None:
    known = receipt.said
    for _ in range(MOST_LOOKS):
        if not receipt.is_pending or bot.closing.wait(LOOK_SECONDS):
            return
        try:
            receipt = receipt_of(bot, receipt.reference)
            if receipt.said == known:
                continue
            bot.client.chat_update(channel=where[0], ts=where[1], **receipt_message(receipt))
            known = receipt.said
        except SlackApiError as error:
            if error_word(error) != "ratelimited":
                return
        except Exception as error:
            said(error, "a bulk removal could not be followed")
            return
