"""What a value in a block may be: strings, lists, text objects; each check yields what Slack would refuse."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True)
class BlockFault:
    """One thing Slack refuses, and where.

    Attributes:
        pointer: JSON pointer to the offending value, such as `/blocks/0/text`.
        code: the code `blocks.validate` gives.
    """

    pointer: str
    message: str
    code: str = "failed_constraint"

    def as_line(self) -> str:
        """Return the fault as a line of `response_metadata.messages`."""
        return f"[ERROR] {self.message} [json-pointer:{self.pointer}]"


Faults = Iterator[BlockFault]


def string(value: object, at: str, longest: int, shortest: int = 1) -> Faults:
    """Check a required string and its length in code points."""
    if not isinstance(value, str):
        yield BlockFault(at, "must provide a string")
    elif len(value) > longest:
        yield BlockFault(at, f"must be less than {longest + 1} characters")
    elif len(value) < shortest:
        yield BlockFault(at, f"must be more than {shortest - 1} characters")


def optional(holder: Json, name: str, at: str, longest: int) -> Faults:
    """Check a string that may be missing."""
    if name in holder:
        yield from string(holder[name], f"{at}/{name}", longest)


def count(items: object, at: str, fewest: int, most: int) -> Faults:
    """Check that a value is a list of an allowed length."""
    if not isinstance(items, list):
        yield BlockFault(at, "must provide an array")
    elif len(items) > most:
        yield BlockFault(at, f"no more than {most} items allowed")
    elif len(items) < fewest:
        yield BlockFault(at, f"no fewer than {fewest} items allowed")


def items(holder: Json, name: str, at: str, fewest: int, most: int) -> tuple[list[Any], list[BlockFault]]:
    """Return a required list (empty if it is none) with what is wrong about its length."""
    if name not in holder:
        return [], [BlockFault(at, f"missing required field: {name}", "missing_field")]
    faults = list(count(holder[name], f"{at}/{name}", fewest, most))
    return holder[name] if isinstance(holder[name], list) else [], faults


def text(holder: Json, name: str, at: str, longest: int, *, plain: bool = False) -> Faults:
    """Check a required text object."""
    if name not in holder:
        yield BlockFault(at, f"missing required field: {name}", "missing_field")
    else:
        yield from text_object(holder[name], f"{at}/{name}", longest, plain=plain)


def text_object(text: object, at: str, longest: int, *, plain: bool = False) -> Faults:
    """Check a text object and the length of its text."""
    kinds = ("plain_text",) if plain else ("plain_text", "mrkdwn")
    if not isinstance(text, dict):
        yield BlockFault(at, "must provide an object")
    elif text.get("type") not in kinds:
        yield BlockFault(f"{at}/type", f"must be one of {', '.join(kinds)}")
    else:
        yield from string(text.get("text"), f"{at}/text", longest)


def is_number(value: object) -> bool:
    """Tell whether a JSON value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def rich_text(block: Json, at: str) -> Faults:
    """Check a rich_text block or cell."""
    elements, faults = items(block, "elements", at, 0, 1000)
    yield from faults
    kinds = {"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"}
    for position, element in enumerate(elements):
        here = f"{at}/elements/{position}"
        if not isinstance(element, dict) or element.get("type") not in kinds:
            yield BlockFault(here, "unsupported type in rich_text", "unsupported_type")
        elif element["type"] == "rich_text_list":
            yield from rich_text(element, here)
        else:
            parts, faults = items(element, "elements", here, 0, 1000)
            yield from faults
            for place, part in enumerate(parts):
                yield from _rich_part(part, f"{here}/elements/{place}")


def _rich_part(part: object, at: str) -> Faults:
    """Check a run of text, a link, a mention, a date: element pages of rich text."""
    required = {
        "text": ("text", str),
        "link": ("url", str),
        "date": ("timestamp", int),
        "emoji": ("name", str),
        "user": ("user_id", str),
        "channel": ("channel_id", str),
        "usergroup": ("usergroup_id", str),
        "broadcast": ("range", str),
        "color": ("value", str),
        "team": ("team_id", str),
    }
    kind = part.get("type") if isinstance(part, dict) else None
    if not isinstance(part, dict) or kind not in required:
        yield BlockFault(at, f"unsupported type: {kind}", "unsupported_type")
        return
    name, wanted = required[kind]
    value = part.get(name)
    if wanted is int and type(value) is not int:
        yield BlockFault(f"{at}/{name}", "must provide an integer")
    elif wanted is str:
        yield from string(value, f"{at}/{name}", 20_000)
    if kind == "date":
        yield from string(part.get("format"), f"{at}/format", 255)
