"""Locks of the database by which two processes do one thing after the other."""

from sqlalchemy import Connection, text


def lock(connection: Connection, *what: str) -> None:
    """Keep others who lock the same away until the transaction is over."""
    connection.execute(
        text("select pg_advisory_xact_lock(hashtextextended(:what, 0))"), {"what": " ".join(("uysp", *what))}
    )
