"""Which clients there are for a person: those that were read or are configured, and may be seen where it is asked."""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from slackbot.answers.freshness import TableStatus, table_statuses
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
