"""Which clients there are for a person: those that were read or are configured, and may be seen where it is asked."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from slackbot.answers.freshness import TableStatus, table_statuses
from slackbot.answers.search import named_record
from slackbot.grammar import Question
from uysp.settings import Settings


def known_clients(statuses: Sequence[TableStatus], settings: Settings) -> list[str]:
    """Return the keys of all clients, in order.

    A key that was never read and is not configured is a mistyped one: nobody has to read of it.
    """
    read = {status.client for status in statuses if status.last_synced_at}
    return sorted(read | {client.key for client in settings.clients})


def visible_clients(connection: Connection, settings: Settings, may_see: Callable[[str], bool]) -> tuple[str, ...]:
    """Return the keys of the clients that a person may see, in order."""
    return tuple(key for key in known_clients(table_statuses(connection), settings) if may_see(key))


def denied_client(settings: Settings, may_see: Callable[[str], bool], question: Question | None = None) -> str | None:
    """Return the key of the client that a person may not see and that makes the answer a refusal; None: none does.

    That is the one that the question names, or the first where the person may see none at all.

    Args:
        settings: tell which clients are configured; where none is, nothing is hidden.
        may_see: whether the person may see the client with this key.
        question: what is asked; None: something that names no client.
    """
    configured = [client.key for client in settings.clients]
    hidden = [key for key in configured if not may_see(key)]
    record = named_record(question.argument) if question else None
    named = (question.filters.get("client") if question else None) or (record[0] if record else None)
    if named is not None:
        return next((key for key in hidden if key.casefold() == named.casefold()), None)
    return hidden[0] if hidden and len(hidden) == len(configured) else None
