"""Connections that wait for an answer of the database only so long: one that hangs is given up as if it were lost.

A statement timeout does not do this, because the server keeps it: where the server, its machine or the network hangs,
nobody says that the time is over.
"""

import time
from typing import Any

import psycopg
import sqlalchemy
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.pool import ConnectionPoolEntry

CONNECT_SECONDS = 5
ANSWER_SECONDS = 12.0  # more than the statement timeout of whoever is waited for

_INTERVAL = 0.1  # psycopg's: how often it looks whether it was interrupted


class PatientConnection(psycopg.Connection[Any]):
    """A connection with an end to its patience.

    Attributes:
        patience: how long the server may take for one thing, in seconds; None: as long as it likes.
    """

    patience: float | None = None

    def wait(self, gen: Any, interval: float = _INTERVAL, timeout: float | None = None) -> Any:
        """Wait for the server, as psycopg does for everything that is sent there.

        Raises:
            psycopg.OperationalError: it took too long; the connection is closed, and the server undoes what was open.
        """
        limit = self.patience if timeout is None else timeout
        began = time.monotonic()
        try:
            return super().wait(gen, interval, limit)
        except psycopg.OperationalError:
            if timeout is not None or limit is None or time.monotonic() - began < limit:
                raise
            self.pgconn.finish()  # what it says later would be taken for the answer to something else
            raise psycopg.OperationalError(f"the server gave no answer in {limit:g} s") from None


def limit_patience(engine: sqlalchemy.Engine) -> None:
    """Have an engine give up servers that hang, at whatever is sent to them and at connecting."""

    @sqlalchemy.event.listens_for(engine, "do_connect")
    def connect(
        _dialect: Dialect, _record: ConnectionPoolEntry, arguments: list[Any], options: dict[str, Any]
    ) -> PatientConnection:
        connection = PatientConnection.connect(*arguments, **{**options, "connect_timeout": CONNECT_SECONDS})
        connection.patience = ANSWER_SECONDS
        return connection


def lift_patience(connection: sqlalchemy.Connection) -> None:
    """Let a connection wait for as long as it takes."""
    driver: object = connection.connection.dbapi_connection
    if isinstance(driver, PatientConnection):
        driver.patience = None
