"""Writes from Slack: forms are filled, what was submitted is stored, and how it stands is told.

What is asked for is stored before Slack's request is acknowledged, under a key that a repeated delivery has too; from
then on it is carried out whatever happens to us. Whoever waits reads the result in the window or message; later ones
come by direct message (`slackbot.telling`).
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from slackbot.access import Admission, Asker
from slackbot.answers import question_of
from slackbot.answers.failure import NOT_STORED
from slackbot.answers.search import AmbiguousLeadError
from slackbot.answers.writes import MANY_FILTERS, many_leads, named_lead
from slackbot.blocks.actions import Writing
from slackbot.blocks.forms import (
    MOST_INPUT,
    TITLES,
    Filled,
    bulk_view,
    choose_view,
    filled,
    mark_view,
    note_view,
    receipt_message,
    receipt_view,
    removal_view,
)
from slackbot.blocks.views import View, notice_view
from slackbot.bot import Bot, said
from slackbot.grammar import Question
from slackbot.grammar import said as line_of
from slackbot.home import publish_again
from slackbot.modals import show
from slackbot.place import Place, deliver
from uysp.actions.bulk import Preview, bulk_removal, preview
from uysp.actions.messages import take_result
from uysp.actions.model import Asked, State
from uysp.actions.notes import MOST_CHARACTERS, note
from uysp.actions.present import present_state
from uysp.actions.removal import removal, same_phone
from uysp.actions.requests import Receipt, await_receipt, read_receipt, submit, utc_now
from uysp.actions.rights import Person, check_writer, is_admin
from uysp.actions.sentences import record_url
from uysp.actions.status import STATUSES, claim, mark, unclaim
from uysp.actions.undo import undo
from uysp.errors import UyspError

WAIT_SECONDS = 8.0  # less than `requests.ANSWER_SECONDS`, after which the result is told by direct message
_AT_ONCE = {"claim": claim, "unclaim": unclaim}


def begun(bot: Bot, question: Question, channel_id: str, admission: Admission, asker: Asker) -> View:
    """Return the form for a line that writes and needs words, or the search where it does not say which lead.

    Raises:
        UyspError: the person may not write there, or a filter means nothing.
    """
    writing = Writing(question.verb, channel_id)
    if question.verb == "remove" and not question.argument and set(question.filters) & set(MANY_FILTERS):
        return bulk_form(bot, replace(writing, line=line_of(question)), admission, asker)
    if question.verb == "mark":
        question, status = _with_status(question)
        writing = replace(writing, status=status)
    bot.log_denial(admission, question)
    if not question.argument:
        return _choosing(bot, writing, "", admission, asker)
    try:
        with bot.engine.connect() as connection:
            found = named_lead(connection, bot.settings, admission.may_see, question)
    except AmbiguousLeadError as error:
        return _choosing(bot, writing, str(error), admission, asker)
    if found is None:
        sentence = f"There is no lead “{question.argument[:100]}”; look for it here."
        return _choosing(bot, writing, sentence, admission, asker)
    return form(bot, replace(writing, lead=f"{found.client}/{found.lead_id}"), admission, asker)


def _choosing(bot: Bot, writing: Writing, sentence: str, admission: Admission, asker: Asker) -> View:
    """Return the search for the lead to write to, with what is said above it.

    Raises:
        DeniedError: the person may write to no lead at all.
    """
    _check_any(bot, writing.kind, admission, asker)
    return choose_view(writing, sentence)


def quoting(bot: Bot, quote: str, admission: Admission, asker: Asker) -> View:
    """Return the search for the lead to which a message is added as a note; its text is kept until then.

    Raises:
        DeniedError: the person may write to no lead at all.
        UyspError: it is longer than a note may be.
    """
    _check_any(bot, "note", admission, asker)
    if len(quote.strip()) > MOST_CHARACTERS:
        raise UyspError(
            f"With its link the message has {len(quote.strip()):,} characters, and a note may have "
            f"{MOST_CHARACTERS:,}; write what matters of it with /uysp note. Nothing was stored."
        )
    return choose_view(Writing("note", asker.channel_id, draft=bot.drafts.keep(quote)), "")


def form(bot: Bot, writing: Writing, admission: Admission, asker: Asker) -> View:
    """Return the form for a lead that is chosen.

    Raises:
        DeniedError: the person may not write to it.
        UyspError: a text that was kept is gone.
    """
    client, _, lead_id = writing.lead.partition("/")
    if not client:  # what a search offers that could not look up leads (`slackbot.picking`)
        raise UyspError("Leads cannot be looked up now; open the window again in a minute. Nothing was stored.")
    check_writer(bot.engine, bot.settings, person(bot, admission, asker), client, what=writing.kind)
    with bot.engine.connect() as connection:
        present = present_state(connection, client, lead_id)
        if writing.kind == "remove":
            return removal_view(writing, present, same_phone(connection, client, lead_id))
    if writing.kind == "mark":
        return mark_view(writing, present)
    text = _kept(bot, writing) if writing.draft else ""
    if len(text) <= MOST_INPUT:
        return note_view(replace(writing, draft=""), present, text)
    return note_view(writing, present, text)


def stored(bot: Bot, writing: Writing, view: dict[str, Any], asker: Asker) -> Receipt:
    """Store what a submitted form asks for; a second submit of the same form changes nothing.

    Raises:
        UyspError: it may not or cannot be stored; nothing was.
    """
    asker = replace(asker, channel_id=writing.channel_id)
    admission = bot.access.check(asker)
    who = person(bot, admission, asker)
    asked = _asked(bot, writing, filled(view))
    return submitted(bot, who, asked, f"slack view {view['id']}")


def store_at_once(bot: Bot, question: Question, asker: Asker, key: str) -> Receipt:
    """Store what a line asks for that needs no more words: a claim, its end, an undoing.

    Raises:
        UyspError: it may not or cannot be stored; nothing was.
    """
    admission = bot.access.check(asker)
    who = person(bot, admission, asker)
    if question.verb == "undo":
        with bot.engine.connect() as connection:
            admin = is_admin(bot.settings, who)
            asked = undo(connection, who, question.argument, utc_now(), admin=admin)
    else:
        bot.log_denial(admission, question)
        with bot.engine.connect() as connection:
            found = named_lead(connection, bot.settings, admission.may_see, question)
        if found is None:
            raise UyspError(f"There is no lead “{question.argument[:100]}”, so nothing was stored.")
        asked = _AT_ONCE[question.verb](found.client, found.lead_id, override=_overrides(question))
    return submitted(bot, who, asked, f"slack {key}")


def tell_in_view(
    bot: Bot, place: Place, shown: Callable[[View], bool], title: str, receipt: Receipt, ends: float
) -> None:
    """Show in a modal how an action ended, or in a message where the modal is closed and `shown` returns False."""
    receipt = _awaited(bot, receipt, ends)
    if receipt.is_pending and not receipt.is_bulk:
        publish_again(bot, place.asker)
        return  # what the modal says already; the rest is told later
    in_view = shown(receipt_view(title, receipt))
    if in_view or deliver(bot.client, place, lambda _form: receipt_message(receipt)):
        _was_told(bot, receipt)
    publish_again(bot, place.asker)


def tell_at_place(bot: Bot, place: Place, receipt: Receipt, *, replace_said: bool = False) -> None:
    """Tell how an action ended, or that it is pending, to the person at a place."""
    receipt = _awaited(bot, receipt, time.monotonic() + WAIT_SECONDS)
    if deliver(bot.client, place, lambda _form: receipt_message(receipt), replace=replace_said):
        _was_told(bot, receipt)
    publish_again(bot, place.asker)


def pending_url(bot: Bot, receipt: Receipt) -> str:
    """Return the address of the record that an action waits for; '' where it is about several."""
    if len(receipt.results) != 1:
        return ""
    client = next(each for each in bot.settings.clients if each.key == receipt.client)
    try:
        with bot.engine.connect() as connection:
            return record_url(connection, client, receipt.results[0].lead_id)
    except SQLAlchemyError:  # it is stored all the same
        return ""


def person(bot: Bot, admission: Admission, asker: Asker) -> Person:
    """Return who writes, as `uysp.actions` knows people; only full members come this far."""
    visible = frozenset(each.key for each in bot.settings.clients if admission.may_see(each.key))
    groups = bot.access.groups_of(asker.user_id)
    return Person(asker.user_id, admission.name, admission.email, groups=groups, clients=visible)


def receipt_of(bot: Bot, reference: str) -> Receipt:
    """Return how an action stands.

    Raises:
        UyspError: there is none of this reference.
    """
    with bot.engine.connect() as connection:
        receipt = read_receipt(connection, bot.settings, reference)
    if receipt is None:
        raise UyspError(f"There is no action {reference[:20]!r}.")
    return receipt


def bulk_form(bot: Bot, writing: Writing, admission: Admission, asker: Asker, sentence: str = "") -> View:
    """Return the form of a bulk removal, with what was wrong if it was filled in before.

    Raises:
        UyspError: the person does not administer, or a filter means nothing.
    """
    with bot.engine.connect() as connection:
        shown = _previewed(connection, bot, writing.line, admission)
    check_writer(bot.engine, bot.settings, person(bot, admission, asker), shown.client, what="bulk removal", admin=True)
    return bulk_view(writing, shown.said, shown.word, sentence)


def submitted(bot: Bot, who: Person, asked: Asked, key: str) -> Receipt:
    """Store what is asked for, and have it carried out at once."""
    receipt = submit(bot.engine, bot.settings, who, asked, key=key)
    bot.worker.wake()
    return receipt


def asked_of_many(bot: Bot, line: str, given: Filled, admission: Admission) -> Asked:
    """Return the bulk removal of the leads that a line leaves now, if just that was confirmed.

    Raises:
        UyspError: it was not, or the reason cannot be taken.
    """
    with bot.engine.connect() as connection:
        return bulk_removal(_previewed(connection, bot, line, admission), given.reason, given.confirm)


def undone(bot: Bot, place: Place, reference: str) -> None:
    """Undo an action, and tell in the window or message where that was pressed."""
    try:
        receipt = store_at_once(bot, Question("undo", reference), place.asker, place.key)
    except Exception as error:
        if not (place.view and not place.is_home and show(bot, str(place.view["id"]), _notice(failed(error)))):
            bot.tell(failed(error), place)
        return
    if place.view and not place.is_home:
        ends = time.monotonic() + WAIT_SECONDS
        view_id = str(place.view["id"])
        tell_in_view(bot, place, lambda view: show(bot, view_id, view), TITLES["undo"], receipt, ends)
    else:
        tell_at_place(bot, place, receipt)


def failed(error: Exception) -> str:
    """Return what a person reads where nothing was stored."""
    return said(error, "a write could not be stored", NOT_STORED)


def _notice(sentence: str) -> View:
    return notice_view(TITLES["undo"], sentence)


def _asked(bot: Bot, writing: Writing, given: Filled) -> Asked:
    client, _, lead_id = writing.lead.partition("/")
    if writing.kind == "note":
        return note(client, lead_id, _kept(bot, writing) if writing.draft else given.text, given.note_type)
    if writing.kind == "mark":
        return mark(client, lead_id, given.status, given.reason)
    with bot.engine.connect() as connection:
        offered = {other.lead_id for other in same_phone(connection, client, lead_id)}
    return removal(client, (lead_id, *(each for each in given.also if each in offered)), given.reason)


def _previewed(connection: Connection, bot: Bot, line: str, admission: Admission) -> Preview:
    many = many_leads(connection, bot.settings, admission.may_see, question_of(line))
    return preview(connection, many.client, many.lead_ids)


def _kept(bot: Bot, writing: Writing) -> str:
    text = bot.drafts.text(writing.draft)
    if text is None:
        raise UyspError("The message was kept for a day and is gone; choose the shortcut again. Nothing was stored.")
    return text


def _check_any(bot: Bot, kind: str, admission: Admission, asker: Asker) -> None:
    """Check who wants to write before a lead is chosen; once it is, that lead's client is checked too."""
    seen = next((each.key for each in bot.settings.clients if admission.may_see(each.key)), None)
    if seen is not None:
        check_writer(bot.engine, bot.settings, person(bot, admission, asker), seen, what=kind)


def _overrides(question: Question) -> bool:
    given = question.filters.get("override")
    if given is not None and given.casefold() != "yes":
        raise UyspError("override: takes yes alone, and only admins may use it. Nothing was stored.")
    return given is not None


def _with_status(question: Question) -> tuple[Question, str]:
    """Take the status off the end of a line: `mark jane doe manual process`."""
    for status in STATUSES:
        rest = question.argument.casefold().removesuffix(status.casefold())
        if len(rest) < len(question.argument) and rest[-1:] in ("", " "):
            return replace(question, argument=question.argument[: len(rest)].strip()), status
    return question, ""


def _awaited(bot: Bot, receipt: Receipt, ends: float) -> Receipt:
    if receipt.is_bulk or not receipt.is_pending:
        return receipt
    return await_receipt(bot.engine, bot.settings, receipt.reference, ends - time.monotonic())


def _was_told(bot: Bot, receipt: Receipt) -> None:
    if receipt.state is not State.PENDING:
        with bot.engine.begin() as connection:
            take_result(connection, receipt.reference, utc_now())
