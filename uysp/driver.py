"""The driver's connection below SQLAlchemy's: for COPY and for hashing passwords, which SQLAlchemy does not pass on."""

from typing import Any

import psycopg
from sqlalchemy import Connection


def driver_of(connection: Connection) -> psycopg.Connection[Any]:
    """Return the psycopg connection that a connection works with, in the same transaction.

    Raises:
        TypeError: the engine was made for another driver (`uysp.database.open_database` makes none such).
    """
    driver = connection.connection.driver_connection
    if not isinstance(driver, psycopg.Connection):
        raise TypeError(f"The driver is psycopg, and this is a connection of {type(driver).__module__}.")
    return driver
