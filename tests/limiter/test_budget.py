"""What follows from the monthly plan: how often we look and sweep, and what is kept for people."""

import math
from calendar import monthrange
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text

from tests.limiter.simulation import client
from uysp.airtable.budget import LOOK_SECONDS, Budget, budget
from uysp.settings import Settings

TEAM_PLAN = 100_000
a_moment = st.integers(0, 3 * 365 * 24 * 60 - 1).map(
    lambda minutes: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
)


def settings(cap: int | None, clients: int = 1) -> Settings:
    made = Settings(_env_file=None, uysp_airtable_monthly_calls=cap)
    vars(made)["clients"] = tuple(client(number) for number in range(clients))
    return made


def month_of(at: datetime) -> tuple[datetime, datetime]:
    start = datetime(at.year, at.month, 1, tzinfo=UTC)
    return start, start + timedelta(days=monthrange(at.year, at.month)[1])


def at_this_use(connection: Connection, at: datetime, used: int, cap: int | None, clients: int = 1) -> Budget:
    """Return the budget of a moment of a month in which so much was used."""
    transaction = connection.begin_nested()
    connection.execute(
        text("insert into app.airtable_months values (:month, :used)"), {"month": month_of(at)[0].date(), "used": used}
    )
    found = budget(connection, settings(cap, clients), at)
    transaction.rollback()
    return found


def test_on_schedule_a_team_plan_is_looked_at_every_five_minutes_all_month(engine: Engine) -> None:
    with engine.connect() as connection:

        @hypothesis_settings(deadline=None)
        @given(a_moment)
        def check(at: datetime) -> None:
            start, end = month_of(at)
            used = int(0.9 * TEAM_PLAN * ((at - start) / (end - start)))
            assert at_this_use(connection, at, used, TEAM_PLAN).look_seconds == 300

        check()


def test_looks_take_at_most_half_of_what_background_reads_have_left_and_are_as_frequent_as_that_allows(
    engine: Engine,
) -> None:
    with engine.connect() as connection:

        @hypothesis_settings(deadline=None)
        @given(a_moment, st.integers(1, 10**7), st.floats(0, 1.2), st.integers(1, 30))
        def check(at: datetime, cap: int, share: float, clients: int) -> None:
            used = int(cap * share)
            seconds = at_this_use(connection, at, used, cap, clients).look_seconds
            half = max(0.0, 0.9 * cap - used) / 2
            left = (month_of(at)[1] - at).total_seconds()

            def cost(every: int) -> float:
                return left / every * clients * 4

            assert seconds in LOOK_SECONDS
            assert cost(seconds) <= half or seconds == 6 * 3600
            more_often = [every for every in LOOK_SECONDS if every < seconds]
            assert all(cost(every) > half for every in more_often)

        check()


@given(
    cap=st.integers(1, 10**7), pages=st.integers(0, 10_000), usual=st.sampled_from([1, 7]), clients=st.integers(1, 30)
)
def test_sweeps_of_a_table_take_a_fifth_of_the_plan_at_most(cap: int, pages: int, usual: int, clients: int) -> None:
    days = Budget(cap, 0, 300, clients).sweep_days(pages, usual)
    shortest = math.ceil(pages * 1.1 * clients / (cap / 5 / 30) - 1e-9)
    if days is None:
        assert shortest > 30
    else:
        assert max(usual, shortest) <= days <= max(usual, shortest + 1) <= 31


@pytest.mark.parametrize("cap", [None, TEAM_PLAN])
def test_a_new_month_begins_with_nothing_used_and_remembers_the_old_one(engine: Engine, cap: int | None) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("""
                insert into app.airtable_calls values
                    ('a', '2026-11-30', 'poll', 5), ('a', '2026-12-01', 'poll', 2), ('b', '2026-12-31', 'sweep', 3);
                insert into app.airtable_months values ('2026-11-01', 5), ('2026-12-01', 5)
            """)
        )
        old = budget(connection, settings(cap), datetime(2026, 11, 30, 23, 59, 59, tzinfo=UTC))
        new = budget(connection, settings(cap), datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC))
        next_year = budget(connection, settings(cap), datetime(2027, 1, 1, tzinfo=UTC))
    assert (old.used, old.by_kind) == (5, {"poll": 5})
    assert (new.used, new.by_kind, new.by_client) == (5, {"poll": 2, "sweep": 3}, {"a": 2, "b": 3})
    assert (next_year.used, next_year.by_kind) == (0, {})
    assert new.left == (None if cap is None else cap - 5)


def test_a_month_that_went_over_the_plan_has_nothing_left(engine: Engine) -> None:
    with engine.connect() as connection:
        over = at_this_use(connection, datetime(2026, 11, 10, tzinfo=UTC), 1_500, 1_000)
    assert (over.left, over.share_used) == (0, 1.5)
    assert over.said() == (
        "1,500 API calls used this month, 0 of 1,000 left, for people's writes alone; nothing is read until next month."
    )
