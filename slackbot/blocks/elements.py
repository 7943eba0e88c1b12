"""The parts that messages and views are made of, as plain dictionaries: the SDK's classes drop the newest blocks.

Values stand in plain_text objects, raw cells and rich_text elements, where Slack reads no mark-up. The one exception
are times, which only mark-up shows in the zone of whoever reads them; it is made of nothing but the time.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Any

from slackbot.answers.model import Choice, Link
from slackbot.blocks.actions import FIND_LEAD, LONGEST_BUTTON_VALUE, LONGEST_OPTION_VALUE, ask_id, choose_id, write_id
from slackbot.blocks.fit import (
    MOST_ACTIONS,
    MOST_CONTEXT_ELEMENTS,
    MOST_FIELD_TEXT,
    MOST_HEADER,
    MOST_LABEL,
    MOST_OPTIONS,
    MOST_PLACEHOLDER,
    MOST_SECTION_TEXT,
    clipped,
)
from slackbot.blocks.text import NOTHING, clean, moment

Block = dict[str, Any]

_LAST_TIMESTAMP = 32_503_680_000  # the year 3000; what lies before 1970 or beyond is no date that Slack was tried with


def plain(text: str) -> Block:
    """Return a text object in which nothing is mark-up."""
    return {"type": "plain_text", "text": text, "emoji": False}


def header(text: str) -> Block:
    """Return a header, cut to its limit."""
    return {"type": "header", "text": plain(clipped(text, MOST_HEADER) or NOTHING)}


def section(text: str) -> Block:
    """Return a section of one text, cut to its limit."""
    return {"type": "section", "text": plain(clipped(text, MOST_SECTION_TEXT) or NOTHING)}


def bold(text: str, then: str = "") -> Block:
    """Return a line in bold, and if there is one a text below it."""
    parts: list[Block] = [{"type": "text", "text": clipped(text, MOST_HEADER) or NOTHING, "style": {"bold": True}}]
    if then:
        parts.append({"type": "text", "text": f"\n{clipped(then, MOST_SECTION_TEXT)}"})
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": parts}]}


def context(elements: Sequence[Block | str]) -> Iterator[Block]:
    """Yield small print, as much as fits into one block; nothing where there is none."""
    fitting = [plain(clipped(each, MOST_FIELD_TEXT)) if isinstance(each, str) else each for each in elements if each]
    if fitting:
        yield {"type": "context", "elements": fitting[:MOST_CONTEXT_ELEMENTS]}


def actions(elements: Sequence[Block]) -> Iterator[Block]:
    """Yield the block that holds buttons and selects, as many as fit; nothing where there are none."""
    if elements:
        yield {"type": "actions", "elements": list(elements[:MOST_ACTIONS])}


def raw_text(text: str) -> Block:
    """Return a table's cell."""
    return {"type": "raw_text", "text": text}


def time_cell(at: datetime, zone: tzinfo = UTC) -> Block:
    """Return a table's cell with a time in the zone of whoever reads it (`zone` where that cannot be shown)."""
    timestamp = _timestamp(at)
    if timestamp is None:
        return raw_text(moment(at, zone))
    date = {"type": "date", "timestamp": timestamp, "format": "{date_num} {time}", "fallback": moment(at, zone)}
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [date]}]}


def time_text(label: str, at: datetime, zone: tzinfo = UTC) -> Block:
    """Return a text object with a time in the zone of whoever reads it.

    Args:
        label: words of ours before it, without mark-up.
        at: the time.
        zone: of the words that stand where the time cannot be shown.
    """
    timestamp = _timestamp(at)
    if timestamp is None:
        return plain(f"{label} {moment(at, zone)}")
    date = f"<!date^{timestamp}^{{date_short_pretty}} at {{time}}|{moment(at, zone)}>"
    return {"type": "mrkdwn", "text": f"{label} {date}", "verbatim": True}


def _timestamp(at: datetime) -> int | None:
    seconds = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    return int(seconds) if 0 <= seconds < _LAST_TIMESTAMP else None


def fits(line: str, longest: int = LONGEST_BUTTON_VALUE) -> bool:
    """Return whether a button (or what has this limit) can carry a line."""
    return 0 < len(clean(line)) <= longest


def button(label: str, line: str, action_id: str) -> Block | None:
    """Return a button that carries a line; None where it cannot, or nothing would stand on it."""
    text = clipped(clean(label), MOST_LABEL)
    if not text or not fits(line):
        return None
    return {"type": "button", "text": plain(text), "action_id": action_id, "value": clean(line)}


def ask_buttons(links: Iterable[Link], ids: Iterator[int]) -> list[Block]:
    """Return a button for each link that one can carry."""
    made = (button(link.label, link.line, ask_id(next(ids))) for link in links)
    return [each for each in made if each is not None]


def write_buttons(links: Iterable[Link], ids: Iterator[int]) -> list[Block]:
    """Return a button for each line that writes."""
    made = (button(link.label, link.line, write_id(next(ids))) for link in links)
    return [each for each in made if each is not None]


def select(placeholder: str, links: Iterable[Link], action_id: str, chosen: str = "") -> Block | None:
    """Return a select whose options carry lines, as many as it holds; None where it would have none.

    Lines too long for an option are left out.
    """
    options: dict[str, Block] = {}
    for link in links:
        label, line = clipped(clean(link.label), MOST_LABEL), clean(link.line)
        if label and fits(line, LONGEST_OPTION_VALUE) and len(options) < MOST_OPTIONS:
            options.setdefault(line, {"text": plain(label), "value": line})
    if not options:
        return None
    made: Block = {
        "type": "static_select",
        "action_id": action_id,
        "placeholder": plain(clipped(clean(placeholder), MOST_PLACEHOLDER) or "Choose"),
        "options": list(options.values()),
    }
    if (initial := options.get(clean(chosen))) is not None:
        made["initial_option"] = initial
    return made


def choices(given: Iterable[Choice], ids: Iterator[int]) -> list[Block]:
    """Return a select for each choice; buttons where a line is too long for an option."""
    made: list[Block | None] = []
    for choice in given:
        if all(fits(option.line, LONGEST_OPTION_VALUE) for option in choice.options):
            made.append(select(choice.label, choice.options, choose_id(next(ids)), choice.chosen))
        else:
            made += (button(option.label, option.line, choose_id(next(ids))) for option in choice.options)
    return [each for each in made if each is not None]


def lead_picker(action_id: str = FIND_LEAD) -> Block:
    """Return the select in which a lead is looked for by typing."""
    return {
        "type": "external_select",
        "action_id": action_id,
        "placeholder": plain("Find a lead by name, email, company or phone"),
        "min_query_length": 2,
    }
