"""How the last builds of the marts went; `pipelines.warehouse` notes it down, answers and doctor say it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text


@dataclass(frozen=True)
class Failing:
    """Builds that fail.

    Attributes:
        since: when the first one failed since the last that worked.
        built_at: when that one began, so that the marts hold what was loaded before; None if none ever worked.
        failed: names of the models and tests that the last build failed in.
    """

    since: datetime
    built_at: datetime | None
    failed: str

    def __str__(self) -> str:
        """Return it as a sentence."""
        old = f"numbers may be as old as {_moment(self.built_at)}" if self.built_at else "none ever worked"
        return f"Builds of the marts fail since {_moment(self.since)} ({self.failed}); {old}."


def failing(connection: Connection) -> Failing | None:
    """Return how builds fail, or None if the last one worked."""
    row = connection.execute(text("select failing_since, built_at, failed from app.builds")).one()
    return Failing(row.failing_since, row.built_at, row.failed) if row.failing_since else None


def remember_failure(connection: Connection, failed: str) -> None:
    """Note down that a build failed in these models and tests."""
    connection.execute(
        text("update app.builds set failing_since = coalesce(failing_since, now()), failed = :failed"),
        {"failed": failed},
    )


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
