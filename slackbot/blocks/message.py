"""Slack messages: an answer for the person who asked, a copy of it for a channel, a sentence such as an error."""

import itertools
from collections.abc import Iterator, Sequence
from datetime import UTC, tzinfo
from typing import Any

from slackbot.answers.model import Answer, Link
from slackbot.blocks.actions import EXPLAIN, SHARE, Sharing
from slackbot.blocks.chart import chart_blocks
from slackbot.blocks.elements import (
    Block,
    actions,
    ask_buttons,
    button,
    choices,
    context,
    header,
    section,
    time_text,
    write_buttons,
)
from slackbot.blocks.fit import MOST_ACTIONS, MOST_BLOCKS, MOST_CHARTS, MOST_DATA_TABLE_CHARACTERS, MOST_TEXT, clipped
from slackbot.blocks.rows import Form, Reader, rows_blocks
from slackbot.blocks.share import shared
from slackbot.blocks.text import NOTHING, clean, escaped, is_late, moment, plain_text, remarks

__all__ = ["Form", "Message", "answer_blocks", "answer_message", "sentence_message", "shared_message"]

Message = dict[str, Any]

_MOST_SUGGESTIONS = 5


def answer_message(answer: Answer, form: Form = Form.DATA_TABLE, zone: tzinfo = UTC) -> Message:
    """Return `text` (one sentence for screen readers and notifications) and `blocks` of an answer, for one person.

    Args:
        answer: the answer.
        form: how charts and tables are sent; simpler ones follow where Slack says `invalid_blocks`.
        zone: of the person, for times that Slack does not show in it by itself.
    """
    blocks = answer_blocks(answer, form, zone, itertools.count(1), MOST_BLOCKS)
    return {"text": clipped_text(plain_text(answer, zone)), "blocks": blocks}


def shared_message(answer: Answer, by: str, form: Form = Form.DATA_TABLE) -> Message:
    """Return an answer for a channel, where it stays: without personal data, and with the time of its data.

    Args:
        answer: the answer as it was given to the person who shares it.
        by: the name of that person.
        form: as for `answer_message`.
    """
    public = shared(answer)
    told = f"Shared by {clean(by) or NOTHING}. Who presses a button is answered alone, with their own rights."
    blocks = answer_blocks(public, form, UTC, itertools.count(1), MOST_BLOCKS - 1, stays=True)
    as_of = f" Data as of {moment(answer.data_as_of)}." if answer.data_as_of and answer.rests_on_data else ""
    text = f"{clean(public.findings.summary)}{as_of}"
    return {"text": clipped_text(text), "blocks": [*blocks, *context([told])]}


def sentence_message(sentence: str, links: Sequence[Link] = ()) -> Message:
    """Return a message of one sentence, such as an error or a refusal, with what may have been meant as buttons."""
    buttons = ask_buttons(links[:_MOST_SUGGESTIONS], itertools.count(1))
    return {"text": clipped_text(clean(sentence)), "blocks": [section(clean(sentence)), *actions(buttons)]}


def clipped_text(plain: str) -> str:
    """Return a line for a message's `text`, escaped; cut before that, so that no entity is torn."""
    return escaped(clipped(plain, MOST_TEXT // len("&amp;"))) or NOTHING


def answer_blocks(
    answer: Answer,
    form: Form,
    zone: tzinfo,
    ids: Iterator[int],
    most_blocks: int,
    most_characters: int = MOST_DATA_TABLE_CHARACTERS,
    *,
    may_press: bool = True,
    stays: bool = False,
) -> list[Block]:
    """Return the blocks of an answer.

    Args:
        answer: the answer.
        form: how charts and tables are sent.
        zone: of the reader.
        ids: numbers that tell the buttons apart from others on the same surface.
        most_blocks: how many there may be, at least 10.
        most_characters: how many characters its tables may have together.
        may_press: whether there are buttons and selects.
        stays: whether it is read also much later and by others, so that ages are no help and nobody's own
            buttons are on it.
    """
    findings = answer.findings
    charts = [
        block
        for chart in findings.charts[:MOST_CHARTS]
        for block in chart_blocks(chart, native=form is Form.DATA_TABLE)
    ]
    before: list[Block] = [header(clean(findings.title)), section(clean(findings.summary))]
    after: list[Block] = []
    if may_press:
        before += actions(choices(findings.choices, ids))
        own = [] if stays else _own_buttons(answer)
        after += actions([] if stays else write_buttons(findings.writes, ids))
        after += actions([*ask_buttons(findings.links, ids)[: MOST_ACTIONS - len(own)], *own])
    after += context(_small_print(answer, zone, stays=stays))
    before += charts
    reader = Reader(zone, may_press, "" if stays else findings.line)
    rows = rows_blocks(answer.sections, form, reader, ids, most_blocks - len(before) - len(after), most_characters)
    return [*before, *rows, *after]


def _own_buttons(answer: Answer) -> list[Block]:
    """Return the buttons for the person who asked: what the numbers mean, and sharing them."""
    line = clean(answer.findings.line)
    explained = any(column.definition for each in answer.sections.values() for column in each.columns)
    made = [
        button("What is this?", line, EXPLAIN) if explained else None,
        button("Share…", line, SHARE) if Sharing(line).fits() else None,
    ]
    return [each for each in made if each is not None]


def _small_print(answer: Answer, zone: tzinfo, *, stays: bool) -> list[Block | str]:
    """Return as of when the data is, how old that makes it, and what else must be known."""
    told: list[Block | str] = list(remarks(answer, zone))
    if not answer.rests_on_data or answer.data_as_of is None:
        return told
    if stays and not is_late(answer):
        told = told[1:]  # an age that was true when it was shared
    return [time_text("Data as of", answer.data_as_of, zone), *told]
