"""All clients at once: bases are read in parallel, and one that fails neither holds up nor hides another."""

import logging
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from uysp.airtable.fields import TABLES
from uysp.cycle import TableOutcome
from uysp.database import as_database_error
from uysp.errors import BusyError, UyspError, reference_id
from uysp.settings import Client

log = logging.getLogger(__name__)

CLIENTS_AT_ONCE = 4  # bases have limits of their own; more would only take memory


def each_client(
    clients: Sequence[Client], work: Callable[[Client], list[TableOutcome]]
) -> Iterator[tuple[Client, list[TableOutcome]]]:
    """Do something for every client in parallel; yield what came of it as it ends.

    Args:
        clients: whose bases.
        work: such as `uysp.sync.sync_client` with its arguments. Whatever goes wrong in it becomes an outcome for each
            table; a client that somebody else is busy with has no outcome.
    """
    pool = ThreadPoolExecutor(CLIENTS_AT_ONCE, thread_name_prefix="client")
    wait = True
    try:
        running = {pool.submit(_guarded, work, client): client for client in clients}
        for ended in as_completed(running):
            yield running[ended], ended.result()
    except (KeyboardInterrupt, GeneratorExit):
        wait = False  # a whole read may take an hour: who presses Ctrl-C does not mean then
        raise
    finally:
        pool.shutdown(wait=wait, cancel_futures=not wait)


def seconds_since_look(engine: Engine, clients: Sequence[Client]) -> float | None:
    """Return how long ago the base was asked whose last look is longest ago; None: one was never asked.

    A look that went wrong counts: a base that cannot be read would else have all of them asked with every tick.
    """
    with engine.connect() as connection:
        ages = {
            row.client: row.age
            for row in connection.execute(
                text("""
                    select client, extract(epoch from now() - max(at))::float8 as age
                    from (
                        select client, looked_at as at from app.airtable_hooks
                        union all
                        select client, last_error_at from raw.sync_state
                    ) as looks
                    where at is not null group by client
                """)
            )
        }
    if any(client.key not in ages for client in clients):
        return None
    return max((ages[client.key] for client in clients), default=None)


def standing_errors(engine: Engine, clients: Sequence[Client]) -> set[str]:
    """Return what kept tables of these clients from being read when that was last tried."""
    with engine.connect() as connection:
        return set(
            connection.execute(
                text("select last_error from raw.sync_state where client = any(:keys) and last_error is not null"),
                {"keys": [client.key for client in clients]},
            ).scalars()
        )


def _guarded(work: Callable[[Client], list[TableOutcome]], client: Client) -> list[TableOutcome]:
    try:
        return work(client)
    except BusyError:
        return []
    except UyspError as error:
        said = str(error)
    except DBAPIError as error:
        said = str(as_database_error(error))
    except Exception:
        reference = reference_id()
        log.exception("client %s failed in an unexpected way (reference %s)", client.key, reference)
        said = f"Client {client.key} failed in an unexpected way; the log has more under {reference}."
    return [TableOutcome(client.key, table, error=said) for table in TABLES]
