"""Answers as people and programs see them: Block Kit (`message`), a terminal (`terminal`), text and JSON."""

from pydantic_core import to_json

from slackbot.answers.model import Answer
from slackbot.blocks.text import plain_text

__all__ = ["json_text", "plain_text"]


def json_text(answer: Answer) -> str:
    """Return the data behind an answer as one JSON object (spec/interface.md, `uysp ask ... --json`).

    Times are ISO 8601 in UTC, numbers numbers, NULL null.
    """
    document = {
        "verb": answer.verb,
        "filters": dict(answer.filters),
        "as_of": answer.as_of,
        "data_as_of": answer.data_as_of,
        "data": {name: section.rows for name, section in answer.sections.items()},
    }
    return to_json(document, indent=2, inf_nan_mode="null").decode()
