"""Writers while the database is away."""

import threading

import pytest
import sqlalchemy

from uysp.actions import worker
from uysp.settings import Settings


def test_a_database_that_stays_away_is_told_a_few_times_and_asked_less_and_less(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pauses: list[float] = []
    stop = threading.Event()

    def wait(timeout: float | None = None) -> bool:
        pauses.append(timeout or 0)
        if len(pauses) == 8:
            stop.set()
        return True

    monkeypatch.setattr(stop, "wait", wait)
    monkeypatch.setattr(worker, "WATCH_SECONDS", 0)
    away = sqlalchemy.create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    worker.Worker(away, Settings(_env_file=None))._work(stop)
    assert pauses == [1, 2, 4, 8, 10, 10, 10, 10]
    assert caplog.text.count("begins anew") == worker.TOLD_FAILURES
