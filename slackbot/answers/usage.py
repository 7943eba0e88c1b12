"""`help [VERB]`: what can be asked, told from the table of verbs itself."""

from dataclasses import dataclass

from slackbot.answers.model import Column, Explanation, Findings, Kind, Section, Topic
from slackbot.grammar import NotUnderstoodError, Question, Verb, nearest

_VERB = Verb("help", usage="help [VERB]", summary="what can be asked", examples=("help lead",), text="VERB")


@dataclass(frozen=True)
class Usage:
    """How a verb is used; `examples` are whole lines."""

    verb: str
    usage: str
    summary: str
    examples: tuple[str, ...]


def explanation(others: tuple[Topic, ...]) -> Explanation:
    """Return the verb that explains these others and itself."""
    usages = [
        Usage(verb.name, verb.usage, verb.summary, verb.examples) for verb in (*(other.verb for other in others), _VERB)
    ]

    def answer(question: Question) -> Findings:
        chosen = [usage for usage in usages if question.argument.casefold() in ("", usage.verb)]
        if not chosen:
            names = [usage.verb for usage in usages]
            close = nearest(question.argument, names)
            raise NotUnderstoodError(
                f"There is no “{question.argument[:40]}” to explain; there are: {', '.join(names)}.",
                tuple(f"help {name}" for name in close),
            )
        summary = f"You can ask: {'; '.join(usage.usage for usage in chosen)}."
        return Findings("What you can ask", summary, {"verbs": Section(chosen, _COLUMNS)})

    return Explanation(_VERB, answer)


_COLUMNS = (
    Column("Type", Kind.TEXT, lambda usage: usage.usage),
    Column("To see", Kind.TEXT, lambda usage: usage.summary),
    Column("For example", Kind.TEXT, lambda usage: " · ".join(usage.examples)),
)
