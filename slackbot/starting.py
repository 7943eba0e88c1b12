"""Lines that are no question: those that write, and a lead that is only looked for. What needs words opens a window."""

from slackbot.answers import question_of
from slackbot.answers.writes import is_write
from slackbot.blocks.actions import Writing
from slackbot.blocks.forms import TITLES, choose_view, offer_message
from slackbot.bot import Bot
from slackbot.grammar import NotUnderstoodError, Question
from slackbot.modals import open_modal
from slackbot.place import Place, deliver
from slackbot.writing import begun, failed, store_at_once, tell_at_place
from uysp.errors import UyspError

_AT_ONCE = ("claim", "unclaim", "undo")


def begin(bot: Bot, place: Place, line: str) -> bool:
    """Begin what a line asks for that is no question; returns False for questions, with which nothing was done."""
    if line.casefold().split() in (["lead"], ["/uysp", "lead"]) and place.trigger_id:
        asker = place.asker
        searching = Writing("lead", asker.channel_id)
        open_modal(bot, place, TITLES["lead"], lambda _who, _view: choose_view(searching, ""), of_leads=True)
        return True
    try:
        question = question_of(line)
    except NotUnderstoodError:
        return False  # the answer says what may have been meant, once it is known who asks
    if not is_write(question):
        return False
    _start(bot, place, line, question)
    return True


def _start(bot: Bot, place: Place, line: str, question: Question) -> None:
    asker = place.asker
    if question.verb in _AT_ONCE:
        bot.take(place, lambda: _at_once(bot, place, question))
    elif place.trigger_id:
        open_modal(
            bot,
            place,
            TITLES[question.verb],
            lambda who, _view: begun(bot, question, asker.channel_id, who, asker),
            of_leads=True,
        )
    else:
        bot.take(place, lambda: _offer(bot, place, line, question))


def _at_once(bot: Bot, place: Place, question: Question) -> None:
    try:
        receipt = store_at_once(bot, question, place.asker, place.key)
    except Exception as error:
        bot.tell(failed(error), place)
    else:
        tell_at_place(bot, place, receipt)


def _offer(bot: Bot, place: Place, line: str, question: Question) -> None:
    """Answer a message with a button: Slack opens windows for what is pressed only."""
    try:
        bot.refuse_unseen(bot.access.check(place.asker))
    except UyspError as refused:
        bot.tell(str(refused), place)
        return
    deliver(bot.client, place, lambda _form: offer_message(TITLES[question.verb], line))
