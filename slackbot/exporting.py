"""A section of an answer as a CSV file, to the person alone."""

from typing import Any

from slack_sdk.errors import SlackApiError

from slackbot.access import Admission
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
    name = csv_name(answer, section_name)
    details = {"verb": answer.verb, "filters": dict(answer.filters), "section": section_name, "rows": rows}
    client = answer.clients[0] if len(answer.clients) == 1 else None
    return sent_file(bot, place, admission, name, content, f"{answer.findings.title}: {rows:,} rows", details, client)


def sent_file(
    bot: Bot,
    place: Place,
    admission: Admission,
    name: str,
    content: bytes,
    title: str,
    details: dict[str, Any],
    client: str | None = None,
) -> str:
    """Log a file and send it by direct message; returns what to say of it.

    Args:
        bot: everything there is one of.
        place: where it was asked for.
        admission: of the person.
        name: of the file.
        content: of the file.
        title: what Slack shows above it.
        details: for the log; `rows` among them.
        client: key of the client, where it is about one.

    Raises:
        NotSentError: Slack did not take it.
    """
    person, rows = place.asker.user_id, int(details["rows"])
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
