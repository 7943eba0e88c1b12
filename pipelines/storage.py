"""Dagster's storage in Postgres, with connections that are kept.

dagster-postgres opens a connection for each event and closes it again, which takes longer than storing the event: with
its 370 events a run spent twenty seconds on that, ten of them before it began.
"""

from typing import Any, Self

from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage, PostgresRunStorage
from dagster_postgres.utils import pg_url_from_config

NO_TIMEOUT = 0
OVERFLOW = 20  # connections in need, besides the one that is kept
RECYCLE_SECONDS = 1800


class _Runs(PostgresRunStorage):
    """Its connections end with the instance of Dagster: the code server makes one for each tick."""

    def dispose(self) -> None:
        super().dispose()
        self._engine.dispose()


class _Events(PostgresEventLogStorage):
    """The same for events."""

    def dispose(self) -> None:
        super().dispose()
        self._engine.dispose()


class PooledStorage(DagsterPostgresStorage):
    """DagsterPostgresStorage whose runs and events go through one open connection each."""

    def __init__(self, postgres_url: str, inst_data: ConfigurableClassData | None = None) -> None:
        super().__init__(postgres_url, inst_data=inst_data)  # makes the tables
        self._run_storage = _Runs(postgres_url, should_autocreate_tables=False)
        self._event_log_storage = _Events(postgres_url, should_autocreate_tables=False)
        for storage in (self._run_storage, self._event_log_storage):
            # Named for the web server, which alone calls it; what it does is to keep a connection.
            storage.optimize_for_webserver(NO_TIMEOUT, pool_recycle=RECYCLE_SECONDS, max_overflow=OVERFLOW)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """Return the storage that dagster.yaml describes (called by Dagster)."""
        return cls(pg_url_from_config(config_value), inst_data)
