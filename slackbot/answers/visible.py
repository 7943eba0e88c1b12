"""Which clients there are for a person: those that were read or are configured, and may be seen where it is asked."""

from collections.abc import Callable

from sqlalchemy import Connection

from slackbot.answers.freshness import table_statuses
from uysp.settings import Settings


def visible_clients(connection: Connection, settings: Settings, may_see: Callable[[str], bool]) -> tuple[str, ...]:
    """Return the keys of the clients that a person may see, in order."""
    read = {status.client for status in table_statuses(connection) if status.last_synced_at}
    known = sorted(read | {client.key for client in settings.clients})
    return tuple(key for key in known if may_see(key))
