"""`help [VERB]`: what can be asked, told from the table of verbs itself."""

from dataclasses import dataclass, replace

from slackbot.answers.model import Column, Explanation, Findings, Kind, Link, Section, Topic
from slackbot.grammar import NotUnderstoodError, Question, Verb, nearest

_VERB = Verb("help", usage="help [VERB]", summary="what can be asked", examples=("help lead",), text="VERB")


@dataclass(frozen=True)
class Usage:
    """How a verb is used; `examples` are whole lines, `sorts` what its filter `sort` takes."""

    verb: str
    usage: str
    summary: str
    examples: tuple[str, ...]
    filters: tuple[str, ...] = ()
    sorts: tuple[str, ...] = ()


def explanation(others: tuple[Topic, ...], writes: tuple[Verb, ...]) -> Explanation:
    """Return the verb that explains these others, itself, and what can be written."""
    usages = [
        *(_usage(other.verb, other.sorts) for other in others),
        _usage(_VERB, ()),
    ]
    written = [_usage(verb, ()) for verb in writes]

    def answer(question: Question) -> Findings:
        chosen = [usage for usage in usages if question.argument.casefold() in ("", usage.verb)]
        to_write = [usage for usage in written if question.argument.casefold() in ("", usage.verb)]
        if not chosen and not to_write:
            names = [usage.verb for usage in (*usages, *written)]
            close = nearest(question.argument, names)
            raise NotUnderstoodError(
                f"There is no “{question.argument[:40]}” to explain; there are: {', '.join(names)}.",
                tuple(f"help {name}" for name in close),
            )
        told = [
            f"{what}: {'; '.join(usage.usage for usage in some)}."
            for what, some in (("You can ask", chosen), ("You can write", to_write))
            if some
        ]
        several = len(chosen) + len(to_write) > 1
        columns = _COLUMNS if several else tuple(replace(column, main=True) for column in _COLUMNS)
        sections = {
            name: Section(some, columns, heading, link=lambda usage: Link(usage.verb, f"help {usage.verb}"))
            for name, heading, some in (("verbs", "To ask", chosen), ("writes", "To write", to_write))
            if some
        }
        return Findings("What you can ask and write", " ".join(told), sections)

    return Explanation(_VERB, answer)


def _usage(verb: Verb, sorts: tuple[str, ...]) -> Usage:
    return Usage(verb.name, verb.usage, verb.summary, verb.examples, verb.filters, sorts)


def _filters(usage: Usage) -> str:
    """Return the filters as they are written, with what orders there are."""
    return " ".join(f"sort:{'|'.join(usage.sorts)}" if name == "sort" else f"{name}:" for name in usage.filters)


_COLUMNS = (
    Column("Type", Kind.TEXT, lambda usage: usage.usage),
    Column("To", Kind.TEXT, lambda usage: usage.summary),
    Column("Filters", Kind.TEXT, _filters, main=False),
    Column("For example", Kind.TEXT, lambda usage: " · ".join(usage.examples)),
)
