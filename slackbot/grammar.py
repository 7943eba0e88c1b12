"""What a person types, read into a question: the same grammar for Slack and for `uysp ask`.

    VERB [TEXT] [FILTER:VALUE ...]

Words in double quotes belong together; curly quotes, case and a leading `/uysp` are forgiven. Filters stand anywhere.
"""

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from uysp.errors import UyspError

LONGEST_TEXT = 1000  # characters that are read; nobody types more on purpose

_STRAIGHT_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"', "‘": "'", "’": "'"})
# A filter's name, then what is quoted or goes to the next blank. A single quote opens only where it also closes a word,
# so that O'Brien stays whole.
_TOKEN = re.compile(
    r"""(?:(?P<filter>[A-Za-z_]+):(?!//))?(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'(?!\S)|(?P<bare>\S+))"""
)


@dataclass(frozen=True)
class Verb:
    """A question that can be asked.

    Attributes:
        usage: what is typed, such as `lead TEXT`.
        summary: what the answer tells, in a line.
        examples: whole lines that work.
        text: what the text after the verb stands for, such as `TEXT`; None if there is none.
        text_required: whether the question makes no sense without it.
        filters: names of the filters that it takes.
    """

    name: str
    usage: str
    summary: str
    examples: tuple[str, ...]
    text: str | None = None
    text_required: bool = False
    filters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """A question as it was understood.

    Attributes:
        argument: the text after the verb, single blanks between its words; '' if there is none.
        filters: value by name of the filter, as typed.
    """

    verb: str
    argument: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)


class NotUnderstoodError(UyspError):
    """The text is no question; nothing was looked up.

    Attributes:
        suggestions: whole lines that may have been meant, nearest first.
    """

    def __init__(self, message: str, suggestions: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.suggestions = suggestions


def parse(text: str, verbs: Sequence[Verb], default: str) -> Question:
    """Read a line as a question.

    Args:
        text: the line as typed.
        verbs: what may be asked.
        default: the line that an empty one stands for.

    Raises:
        NotUnderstoodError: no such verb or filter, a filter given twice, or text missing or too much.
    """
    words, filters = _tokens(text)
    if words and words[0].casefold() == "/uysp":
        words = words[1:]
    if not words:
        words = [default]
    verb = _verb(words[0], verbs)
    argument = " ".join(" ".join(words[1:]).split())
    values = _checked(filters, verb)
    if argument and verb.text is None:
        raise NotUnderstoodError(
            f"“{verb.name}” takes no text after it, so “{argument}” was not understood; type: {verb.usage}.",
            (verb.name,),
        )
    if not argument and verb.text_required:
        raise NotUnderstoodError(
            f"“{verb.name}” needs {verb.text} after it, for example: {verb.examples[0]}.", verb.examples[:1]
        )
    return Question(verb.name, argument, values)


def nearest(typed: str, known: Sequence[str], most: int = 2) -> tuple[str, ...]:
    """Return the known names that look most like what was typed, nearest first."""
    by_name = {name.casefold(): name for name in known}
    return tuple(by_name[name] for name in difflib.get_close_matches(typed.casefold(), by_name, n=most, cutoff=0.5))


def _tokens(text: str) -> tuple[list[str], list[tuple[str, str]]]:
    """Split a line into its words and its filters."""
    plain = unicodedata.normalize("NFC", text[:LONGEST_TEXT]).translate(_STRAIGHT_QUOTES)
    kinds = ((each, unicodedata.category(each)) for each in plain)
    visible = "".join(" " if kind == "Cc" else each for each, kind in kinds if kind != "Cf")
    words: list[str] = []
    filters: list[tuple[str, str]] = []
    for token in _TOKEN.finditer(visible):
        value = next(part for part in token.group("double", "single", "bare") if part is not None)
        if token["filter"] is not None:
            filters.append((token["filter"].casefold(), value))
        elif value.strip():
            words.append(value)
    return words, filters


def _verb(typed: str, verbs: Sequence[Verb]) -> Verb:
    for verb in verbs:
        if verb.name == typed.casefold():
            return verb
    suggestions = nearest(typed, [verb.name for verb in verbs])
    meant = f"Did you mean {' or '.join(suggestions)}? " if suggestions else ""
    shown = typed if len(typed) <= 40 else f"{typed[:39]}…"
    raise NotUnderstoodError(f"There is no “{shown}”. {meant}“help” lists what can be asked.", (*suggestions, "help"))


def _checked(filters: Sequence[tuple[str, str]], verb: Verb) -> dict[str, str]:
    checked: dict[str, str] = {}
    for name, value in filters:
        if name not in verb.filters:
            takes = ", ".join(f"{each}:" for each in verb.filters) or "no filters"
            hint = f' Put quotes around text with a colon: "{name}:{value}".' if verb.text else ""
            raise NotUnderstoodError(f"“{verb.name}” has no filter “{name}:”; it takes {takes}.{hint}")
        if name in checked:
            raise NotUnderstoodError(f"The filter “{name}:” is given twice; one value is possible.")
        if not value.strip():
            raise NotUnderstoodError(f"The filter “{name}:” has no value; write {name}:VALUE without a blank.")
        checked[name] = value.strip()
    return checked
