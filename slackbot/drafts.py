"""Texts that are too long for a modal's input, kept in the database until it is submitted: a restart loses none."""

import secrets

from sqlalchemy import Engine, text

from uysp.storable import storable


class Drafts:
    """Texts by the key that the modal carries; `uysp.actions.watch.prune` forgets them after a day.

    Args:
        engine: of the bot.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def keep(self, body: str) -> str:
        """Keep a text, and return its key."""
        key = secrets.token_hex(8)
        with self._engine.begin() as connection:
            connection.execute(
                text("insert into app.write_drafts (key, body) values (:key, :body)"),
                {"key": key, "body": storable(body)},
            )
        return key

    def text(self, key: str) -> str | None:
        """Return a text; None: it is not kept any more."""
        with self._engine.connect() as connection:
            body: str | None = connection.execute(
                text("select body from app.write_drafts where key = :key"), {"key": key}
            ).scalar_one_or_none()
        return body
