"""The shared pace among real processes and threads, on the database's clock."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime

import psycopg
import pytest
from sqlalchemy import Engine, text

from tests.limiter.simulation import busiest, client
from uysp.airtable.limiter import Kind, shared_limiter
from uysp.settings import Settings, inherited_environment


@pytest.fixture
def turns(engine: Engine, settings: Settings) -> str:
    """The name of a table that notes when each turn was given, to the microsecond, and whether in the background."""
    assert settings.database_url is not None
    with psycopg.connect(settings.database_url.get_secret_value()) as login:
        login.execute("""
            create table app.turns (at timestamptz, is_background boolean);
            create function app.note_turn() returns trigger language plpgsql as $$ begin
                insert into app.turns values (new.recent[1], new.recent_background[1] = new.recent[1]);
                return null;
            end $$;
            create trigger note_turn after update on app.airtable_pace for each row
                when (new.scope like 'base %' and new.recent <> old.recent) execute function app.note_turn();
        """)
    return "app.turns"


@contextmanager
def worker(settings: Settings, kind: Kind, turns: int, threads: int = 1) -> Iterator["subprocess.Popen[str]"]:
    assert settings.database_url is not None
    environment = inherited_environment() | {
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "UYSP_HOME": str(settings.uysp_home),
        "DO_NOT_TRACK": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.limiter.worker", kind, str(turns), str(threads)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def is_asking(process: "subprocess.Popen[str]") -> bool:
    assert process.stdout is not None
    return process.stdout.readline() == "asking\n"


def moments(engine: Engine, turns: str, where: str = "true") -> Sequence[datetime]:
    with engine.connect() as connection:
        return connection.execute(text(f"select at from {turns} where {where} order by at")).scalars().all()


def test_processes_and_threads_of_all_kinds_together_keep_the_pace(
    settings: Settings, engine: Engine, turns: str
) -> None:
    with ExitStack() as stack:
        processes = [stack.enter_context(worker(settings, kind, 3, 2)) for kind in Kind]
        assert [process.wait(120) for process in processes] == [0, 0, 0, 0]
    assert len(moments(engine, turns)) == 24
    assert busiest(moments(engine, turns)) <= 5
    background = moments(engine, turns, "is_background")
    assert len(background) == 18
    assert busiest(background) <= 3
    with engine.connect() as connection:
        calls = connection.execute(text("select kind, sum(calls)::int as calls from app.airtable_calls group by kind"))
        by_kind = {row.kind: row.calls for row in calls}
        months: int = connection.execute(text("select sum(calls)::int from app.airtable_months")).scalar_one()
    assert by_kind == dict.fromkeys(Kind, 6)
    assert months == 24


def test_another_process_honours_a_lock_out(settings: Settings, engine: Engine, turns: str) -> None:
    pace = shared_limiter(engine, settings, client())
    pace.wait(Kind.WRITE)
    pace.lock_out()
    with engine.begin() as connection:  # nobody wants to wait for the whole of it
        connection.execute(text("update app.airtable_pace set locked_until = clock_timestamp() + interval '4 seconds'"))
        ends: datetime = connection.execute(text("select max(locked_until) from app.airtable_pace")).scalar_one()
    with worker(settings, Kind.WRITE, 1) as process:
        assert process.wait(120) == 0
    _, given = moments(engine, turns)
    assert given >= ends


def test_who_is_killed_while_waiting_holds_nobody_up(settings: Settings, engine: Engine, turns: str) -> None:
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        time.sleep(seconds)

    slow = settings.model_copy(update={"uysp_airtable_rate": 0.5})
    pace = shared_limiter(engine, slow, client(), sleep=sleep)
    pace.wait(Kind.SWEEP)
    with worker(settings, Kind.REREAD, 5, 3) as process:
        assert is_asking(process)
        while not marked(engine, Kind.REREAD):
            assert process.poll() is None
    before = len(moments(engine, turns))
    pace.wait(Kind.SWEEP)
    assert len(moments(engine, turns)) > before
    assert sum(waits) < 2.2, "a turn of two seconds, and the patience for one that does not come"


def marked(engine: Engine, kind: Kind) -> bool:
    """Whether somebody is about to ask again."""
    with engine.connect() as connection:
        return bool(
            connection.execute(
                text("select max(waiting[:place]) > clock_timestamp() from app.airtable_pace"),
                {"place": list(Kind).index(kind) + 1},
            ).scalar_one()
        )
