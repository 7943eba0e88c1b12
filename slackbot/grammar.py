"""What a person types, read into a question: the same grammar for Slack and for `uysp ask`.

    VERB [TEXT] [FILTER:VALUE ...]

Words in double quotes belong together; curly quotes, case and a leading `/uysp` are forgiven. Filters stand anywhere.
What the values of filters mean is told in `slackbot.answers.filters`.
"""

import difflib
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from uysp.errors import UyspError

LONGEST_TEXT = 1000  # characters that are read; nobody types more on purpose
LONGEST_QUOTE = 40  # characters of what was typed that an error repeats
BY_FAR = 0.15  # of difflib's ratio: what a verb that writes must be nearer by than any that asks

# In lines that we write.
_ORDER = (
    *("campaign", "period", "top", "step", "state", "status", "source", "engagement", "icp", "created"),
    *("sort", "page", "client", "override"),
)
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
        text_filter: the filter that the text is another way to write, as `clicks X` is `clicks campaign:X`; None: none.
        writes: whether it writes to Airtable, and asks nothing.
    """

    name: str
    usage: str
    summary: str
    examples: tuple[str, ...]
    text: str | None = None
    text_required: bool = False
    filters: tuple[str, ...] = ()
    text_filter: str | None = None
    writes: bool = False


@dataclass(frozen=True)
class Question:
    """A question as it was understood.

    Attributes:
        argument: the text after the verb, single blanks between its words; '' if there is none, or if it stands among
            the filters.
        filters: value by name of the filter, as typed.
        whole: whether lists are wanted with all their rows, not by pages.
        text_filter: the filter that is written as the text after the verb.
    """

    verb: str
    argument: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)
    whole: bool = False
    text_filter: str | None = field(default=None, compare=False)


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
    verb = _verb(words[0], verbs, text)
    argument = " ".join(" ".join(words[1:]).split())
    values = _checked(filters, verb)
    if argument and verb.text is None:
        raise NotUnderstoodError(
            f"“{verb.name}” takes no text after it, so “{_short(argument)}” was not understood; type: {verb.usage}.",
            (verb.name,),
        )
    if argument and verb.text_filter:
        if verb.text_filter in values:
            other = values[verb.text_filter]
            how = (
                "say the same thing twice"
                if argument.casefold() == other.casefold()
                else "are two values for one thing"
            )
            raise NotUnderstoodError(
                f"“{_short(argument)}” and {verb.text_filter}:{_short(other)} {how}; leave one of them out.",
                tuple(
                    said(Question(verb.name, "", {**values, verb.text_filter: text}, text_filter=verb.text_filter))
                    for text in (argument, values[verb.text_filter])
                ),
            )
        values[verb.text_filter] = argument
        argument = ""
    if not argument and verb.text_required and verb.text_filter not in values:
        raise NotUnderstoodError(
            f"“{verb.name}” needs {verb.text} after it, for example: {verb.examples[0]}.", verb.examples[:1]
        )
    return Question(verb.name, argument, values, text_filter=verb.text_filter)


def line(verb: str, argument: str = "", filters: Mapping[str, object] | None = None) -> str:
    """Return what would be typed for a question, always the same for the same one; reading it gives it again.

    A value that has quotes of both kinds loses the double ones: nothing that people look for is told apart by them.
    """
    ordered = sorted((filters or {}).items(), key=lambda each: _ORDER.index(each[0]))
    values = [f"{name}:{_quoted(str(value))}" for name, value in ordered]
    return " ".join([verb, *([_quoted(argument)] if argument else []), *values])


def said(question: Question, **others: str | int | None) -> str:
    """Return what would be typed for a question, with other values of some filters; None takes one away."""
    filters = {name: value for name, value in {**question.filters, **others}.items() if value is not None}
    argument = question.argument or str(filters.pop(question.text_filter or "", ""))
    return line(question.verb, argument, filters)


def _quoted(value: str) -> str:
    if re.fullmatch(r"[^\s\"'“”„«»‘’:]+", value):
        return value
    plain = value.translate(_STRAIGHT_QUOTES)
    if '"' in plain and "'" not in plain:
        return f"'{plain}'"
    return '"' + plain.replace('"', " ").strip() + '"'


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
        elif token["bare"] is not None and value.endswith(":") and value[:-1].casefold() in _ORDER:
            filters.append((value[:-1].casefold(), ""))  # a filter without its value, which a blank cut off
        elif value.strip():
            words.append(value)
    return words, filters


def _verb(typed: str, verbs: Sequence[Verb], whole: str) -> Verb:
    for verb in verbs:
        if verb.name == typed.casefold():
            return verb
    close = _offered(typed, verbs)
    meant = f"Did you mean {' or '.join(close)}? " if close else ""
    lines = tuple(_instead(whole, typed, next(verb for verb in verbs if verb.name == name), verbs) for name in close)
    raise NotUnderstoodError(
        f"There is no “{_short(typed)}”. {meant}“help” lists what can be asked.", tuple(dict.fromkeys((*lines, "help")))
    )


def _offered(typed: str, verbs: Sequence[Verb]) -> tuple[str, ...]:
    """Return the verbs that may have been meant, nearest first: one that writes only if it is the nearest by far."""
    reads = nearest(typed, [verb.name for verb in verbs if not verb.writes])
    by_far = [
        name
        for name in nearest(typed, [verb.name for verb in verbs if verb.writes], most=1)
        if _likeness(typed, name) >= max((_likeness(typed, other) for other in reads), default=0.0) + BY_FAR
    ]
    return (*by_far, *reads)[:2]


def _likeness(typed: str, name: str) -> float:
    return difflib.SequenceMatcher(None, name, typed.casefold()).ratio()


def _instead(whole: str, typed: str, verb: Verb, verbs: Sequence[Verb]) -> str:
    """Return the line with this verb in place of what was typed, or the verb alone where the rest does not suit it."""
    _, _, rest = whole.partition(typed)
    try:
        question = parse(f"{verb.name} {rest}", verbs, verb.name)
    except NotUnderstoodError:
        return verb.examples[0] if verb.text_required else verb.name
    return said(question)


def _short(typed: str) -> str:
    return typed if len(typed) <= LONGEST_QUOTE else f"{typed[: LONGEST_QUOTE - 1]}…"


def _checked(filters: Sequence[tuple[str, str]], verb: Verb) -> dict[str, str]:
    checked: dict[str, str] = {}
    for name, value in filters:
        if name not in verb.filters:
            takes = ", ".join(f"{each}:" for each in verb.filters) or "no filters"
            hint = f' Put quotes around text with a colon: "{name}:{value}".' if verb.text else ""
            meant = "".join(f" Did you mean {close}:?" for close in nearest(name, verb.filters, most=1))
            raise NotUnderstoodError(
                f"“{verb.name}” has no filter “{_short(name)}:”; it takes {takes}.{meant}{hint}", (f"help {verb.name}",)
            )
        if name in checked:
            raise NotUnderstoodError(f"The filter “{name}:” is given twice; one value is possible.")
        if not value.strip():
            raise NotUnderstoodError(f"The filter “{name}:” has no value; write {name}:VALUE without a blank.")
        checked[name] = value.strip()
    return checked
