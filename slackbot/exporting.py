"""A section of an answer as a CSV file, to the person alone."""

from contextlib import suppress
from typing import Any

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from sqlalchemy import Connection

from slackbot.access import Admission
from slackbot.answers import history, question_of
from slackbot.blocks.csv_file import csv_file, csv_name
from slackbot.bot import Bot, said
from slackbot.connection import UNREACHABLE, error_word
from slackbot.grammar import said as said_line
from slackbot.place import Place
from slackbot.writing import person
from uysp.actions.rights import check_writer
from uysp.activity import Action, append
from uysp.errors import UyspError


class NotSentError(UyspError):
    """Slack did not take the file; none was sent."""


def send_csv(bot: Bot, line: str, section_name: str, place: Place) -> None:
    """Send all rows of a section of a line's answer by direct message; say so, or why not, at the place."""
    try:
        sentence = _sent(bot, line, section_name, place)
    except Exception as error:
        sentence = said(error, "a file could not be sent")
    bot.tell(sentence, place)


def _sent(bot: Bot, line: str, section_name: str, place: Place) -> str:
    admission = bot.admit(place.asker)
    answer = bot.ask(said_line(question_of(line), page=None), admission, whole=True)  # all rows, from any page
    section = answer.sections.get(section_name)
    if section is None or not section.rows:
        return "There are no rows to send, so no file was made."
    if answer.verb == history.TOPIC.verb.name:
        for key in answer.clients:
            check_writer(bot.engine, bot.settings, person(bot, admission, place.asker), key, what="history", admin=True)
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
    rows = int(details["rows"])

    def log(connection: Connection, outcome: str) -> None:
        append(
            connection,
            Action.EXPORTED,
            actor_id=place.asker.user_id,
            actor_name=admission.name,
            client=client,
            outcome=outcome,
            details=details,
        )

    try:
        with bot.engine.begin() as connection:
            log(connection, "done")  # before it leaves: what cannot be logged is not sent
            _upload(bot.client, place.asker.user_id, name, content, title)
    except NotSentError:
        with bot.engine.begin() as connection:
            log(connection, "failed")
        raise
    return f"Sent you {rows:,} rows as {name} by direct message."


def _upload(client: WebClient, person: str, name: str, content: bytes, title: str) -> None:
    """Upload a file into the conversation with a person; raises NotSentError, and then nothing stays there."""
    channel = ts = ""
    try:
        # Slack names a conversation of two only once something is said there.
        opened = client.chat_postMessage(channel=person, text=f"Making {name}…")
        channel, ts = str(opened["channel"]), str(opened["ts"])
        client.files_upload_v2(channel=channel, filename=name, title=title, content=content, request_file_info=False)
    except SlackApiError as error:
        _take_back(client, channel, ts)
        raise NotSentError(f"Slack did not take the file ({error_word(error)}); no file was sent.") from None
    except (SlackClientError, *UNREACHABLE):
        _take_back(client, channel, ts)
        raise NotSentError("Slack could not be reached, so no file was sent; try again in a minute.") from None
    with suppress(SlackClientError, *UNREACHABLE):  # the file is there all the same
        client.chat_update(channel=channel, ts=ts, text=f"Here is {name}, for you alone.")


def _take_back(client: WebClient, channel: str, ts: str) -> None:
    if ts:
        with suppress(SlackClientError, *UNREACHABLE):  # what stays then promises no file
            client.chat_delete(channel=channel, ts=ts)
