"""A section of an answer as a CSV file, to the person alone."""

from slack_sdk.errors import SlackApiError

from slackbot.blocks.csv_file import csv_file, csv_name
from slackbot.bot import Bot, said
from slackbot.connection import UNREACHABLE, error_word
from slackbot.place import Place
from uysp.activity import Action, append
from uysp.errors import UyspError


class NotSentError(UyspError):
    """Slack did not take the file; nothing was sent."""


def send_csv(bot: Bot, line: str, section_name: str, place: Place) -> None:
    """Send all rows of a section of a line's answer by direct message; say so, or why not, at the place."""
    try:
        sentence = _sent(bot, line, section_name, place)
    except Exception as error:
        sentence = said(error, "a file could not be sent")
    bot.tell(sentence, place)


def _sent(bot: Bot, line: str, section_name: str, place: Place) -> str:
    admission = bot.admit(place.asker)
    answer = bot.ask(line, admission, whole=True)
    section = answer.sections.get(section_name)
    if section is None or not section.rows:
        return "There are no rows to send, so no file was made."
    content = csv_file(section, personal=True, zone=admission.zone)
    rows = len(section.rows)
    name, person = csv_name(answer, section_name), place.asker.user_id
    details = {"verb": answer.verb, "filters": dict(answer.filters), "section": section_name, "rows": rows}
    client = answer.clients[0] if len(answer.clients) == 1 else None
    with bot.engine.begin() as connection:  # before it leaves: what cannot be logged is not sent
        append(
            connection,
            Action.EXPORTED,
            actor_id=person,
            actor_name=admission.name,
            client=client,
            outcome="done",
            details=details,
        )
    title = f"{answer.findings.title}: {rows:,} rows"
    try:
        opened = bot.client.chat_postMessage(channel=person, text=f"Here is {name}, for you alone.")
        bot.client.files_upload_v2(
            channel=str(opened["channel"]), filename=name, title=title, content=content, request_file_info=False
        )
    except SlackApiError as error:
        raise NotSentError(f"Slack did not take the file ({error_word(error)}); nothing was sent.") from None
    except UNREACHABLE:
        raise NotSentError("Slack could not be reached, so the file was not sent; try again in a minute.") from None
    return f"Sent you {rows:,} rows as {name} by direct message."
