"""“What is this?”: the meaning of every number of an answer, in the words of the models themselves."""

from slackbot.access import Admission
from slackbot.answers.definitions import descriptions
from slackbot.answers.model import Answer
from slackbot.blocks.views import View, explain_view
from slackbot.bot import Bot


def explanation(bot: Bot, line: str, admission: Admission) -> View:
    """Return the modal that explains the answer to a line.

    Raises:
        UyspError: as `Bot.ask`.
    """
    answer = bot.ask(line, admission)
    named = _named(answer)
    with bot.engine.connect() as connection:
        meaning = descriptions(connection, list(named.values()))
    told = [(label, meaning.get(name, "")) for label, name in named.items()]
    return explain_view(answer.findings.title, told)


def _named(answer: Answer) -> dict[str, str]:
    """Return which column of a mart each label of the answer stands for."""
    columns = [column for section in answer.sections.values() for column in section.columns]
    return {column.label: column.definition for column in columns if column.definition is not None}
