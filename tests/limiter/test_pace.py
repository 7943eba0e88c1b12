"""The shared pace on a clock that is set, in random orders: never faster than allowed, never slower than need be."""

import math
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from tests.limiter.simulation import START, Caller, Clock, Turn, busiest, client, simulate
from uysp.airtable.limiter import BudgetSpentError, Kind
from uysp.settings import Settings

SETTINGS = Settings(_env_file=None)
KINDS = list(Kind)

random_orders = hypothesis_settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def crowds(draw: st.DrawFn, *, clients: int = 1, fast: bool = False) -> list[Caller]:
    """Draw callers of all kinds, of whom some wake up late and some die while they wait."""
    return [
        Caller(
            kind=draw(st.sampled_from(KINDS)),
            pauses=draw(st.lists(st.just(0.0) | st.floats(0, 0.6), min_size=1, max_size=8)),
            client=client(draw(st.integers(1, clients))),
            fast=fast and draw(st.booleans()),
            lateness=draw(st.lists(st.floats(0, 0.045), min_size=1, max_size=5)),
            dies_after=draw(st.none() | st.integers(1, 3)),
        )
        for _ in range(draw(st.integers(2, 8)))
    ]


def of_client(number: int, turns: Iterable[Turn]) -> list[datetime]:
    return [turn.at for turn in turns if turn.caller.client.key == client(number).key]


@random_orders
@given(callers=crowds(clients=2, fast=True), rate=st.sampled_from([0.7, 2.5, 3, 5]))
def test_no_second_of_a_base_holds_more_than_airtable_allows(
    engine: Engine, callers: list[Caller], rate: float
) -> None:
    turns = simulate(engine, callers, SETTINGS.model_copy(update={"uysp_airtable_rate": rate}))
    assert busiest(of_client(1, turns)) <= 5
    assert busiest(of_client(2, turns)) <= 5


@random_orders
@given(callers=crowds(), rate=st.sampled_from([0.7, 1, 2.5, 3, 4]))
def test_background_reads_leave_the_rest_to_others(engine: Engine, callers: list[Caller], rate: float) -> None:
    turns = simulate(engine, callers, SETTINGS.model_copy(update={"uysp_airtable_rate": rate}))
    background = [turn.at for turn in turns if turn.caller.kind is not Kind.WRITE]
    for requests in range(1, 6):  # evenly: as many as so much time is worth, but for the 50 ms that one may be late
        assert busiest(background, requests / rate - 0.051) <= requests
    assert busiest(background) <= math.ceil(rate)


@random_orders
@given(callers=crowds())
def test_who_matters_more_goes_first_and_the_dead_hold_nobody_up(engine: Engine, callers: list[Caller]) -> None:
    turns = simulate(engine, callers, SETTINGS)
    for turn in turns:
        assert all(KINDS.index(kind) >= KINDS.index(turn.caller.kind) for kind in turn.overtook), turn
    for caller in callers:
        if caller.dies_after is None:
            assert sum(turn.caller is caller for turn in turns) == len(caller.pauses)


@random_orders
@given(
    late=st.lists(st.floats(0, 0.01), min_size=1, max_size=9),
    rate=st.sampled_from([1, 3, 5]),
    kinds=st.lists(st.sampled_from(KINDS[1:]), min_size=1, max_size=3),
)
def test_who_wakes_up_a_little_late_loses_nothing_of_the_rate(
    engine: Engine, late: list[float], rate: float, kinds: list[Kind]
) -> None:
    callers = [Caller(kind, [0.0] * 12, lateness=late) for kind in kinds]
    turns = simulate(engine, callers, SETTINGS.model_copy(update={"uysp_airtable_rate": rate}))
    took = (turns[-1].at - turns[0].at).total_seconds()
    assert took == pytest.approx((len(turns) - 1) / rate, rel=0.03, abs=0.06)


def test_a_turn_that_was_taken_is_kept_for_nobody(engine: Engine) -> None:
    clock = Clock()
    pace = clock.pace(engine, uysp_airtable_rate=100)
    clock.seconds_for(pace, Kind.POLL, 2)
    assert clock.seconds_for(pace, Kind.SWEEP, 1) == pytest.approx(0.01, abs=0.001)


def test_a_token_is_asked_at_most_fifty_times_a_second_over_all_bases(engine: Engine) -> None:
    callers = [Caller(Kind.WRITE, [0.0] * 12, client(number)) for number in range(1, 16)]
    turns = simulate(engine, callers, SETTINGS)
    assert busiest(turn.at for turn in turns) == 50
    assert len(turns) == 15 * 12


@random_orders
@given(callers=crowds(clients=2, fast=True), at=st.floats(0, 2))
def test_a_lock_out_silences_the_base_for_thirty_seconds_and_no_other(
    engine: Engine, callers: list[Caller], at: float
) -> None:
    before = simulate(engine, callers, SETTINGS)
    turns = simulate(engine, callers, SETTINGS, lock_outs={at: client(1)})
    begins = START + timedelta(seconds=at)
    if [moment for moment in of_client(1, before) if moment < begins]:  # a base that was never asked cannot refuse
        assert not [moment for moment in of_client(1, turns) if begins < moment < begins + timedelta(seconds=30)]
    assert of_client(2, turns) == of_client(2, before)


@pytest.mark.parametrize(("sent", "seconds"), [(4, 20 / 1.5), (5, 20 / 3)])
def test_fewer_than_five_requests_of_ours_do_not_explain_a_lock_out(engine: Engine, sent: int, seconds: float) -> None:
    clock = Clock()
    for _ in range(sent):
        clock.pace(engine).wait(Kind.WRITE)
    clock.pace(engine).lock_out()
    clock.sleep(31)
    assert clock.seconds_for(clock.pace(engine), Kind.SWEEP, 21) == pytest.approx(seconds, rel=0.02)


def test_answers_that_come_in_after_a_lock_out_do_not_slow_us_down(engine: Engine) -> None:
    clock = Clock()
    pace = clock.pace(engine)
    clock.seconds_for(pace, Kind.WRITE, 5)
    pace.lock_out()
    clock.sleep(3)  # nothing was sent since, and what was under way is refused, too
    pace.lock_out()
    assert clock.seconds_for(pace, Kind.WRITE, 1) == pytest.approx(30)
    assert clock.seconds_for(clock.pace(engine), Kind.SWEEP, 16) == pytest.approx(5, rel=0.1)


def test_a_read_that_has_locked_itself_out_goes_on_a_fifth_slower(engine: Engine) -> None:
    clock = Clock()
    pace = clock.pace(engine, fast=True)
    even = clock.seconds_for(pace, Kind.SWEEP, 100)
    pace.lock_out()
    clock.sleep(31)
    assert clock.seconds_for(pace, Kind.SWEEP, 100) == pytest.approx(even / 0.8, rel=0.02)
    assert clock.seconds_for(clock.pace(engine, fast=True), Kind.SWEEP, 100) == pytest.approx(even, rel=0.02)


def test_a_lock_out_that_the_whole_token_explains_silences_all_its_bases(engine: Engine) -> None:
    simulate(engine, [Caller(Kind.WRITE, [0.0] * 5, client(number)) for number in range(1, 12)], SETTINGS)
    clock = Clock()
    clock.sleep(0.85)
    clock.pace(engine, client(1)).lock_out()
    assert clock.seconds_for(clock.pace(engine, client(20)), Kind.WRITE, 1) == pytest.approx(30, abs=0.1)


def test_a_slow_background_read_does_not_keep_people_waiting(engine: Engine) -> None:
    clock = Clock()
    pace = clock.pace(engine, uysp_airtable_rate=0.1)
    pace.wait(Kind.SWEEP)
    assert clock.seconds_for(pace, Kind.WRITE, 1) == pytest.approx(0.2, abs=0.01)
    assert clock.seconds_for(pace, Kind.SWEEP, 1) == pytest.approx(9.8, abs=0.01)


def test_a_clock_that_was_set_back_holds_nobody_up(engine: Engine) -> None:
    clock = Clock()
    pace = clock.pace(engine)
    clock.seconds_for(pace, Kind.SWEEP, 4)
    pace.lock_out()
    clock.now -= timedelta(days=400)
    assert clock.seconds_for(pace, Kind.SWEEP, 1) == 0
    assert clock.seconds_for(pace, Kind.SWEEP, 3) == pytest.approx(1)


def test_the_month_and_the_day_end_at_midnight_utc(engine: Engine) -> None:
    clock = Clock(datetime(2026, 11, 30, 23, 59, 57, tzinfo=UTC))
    pace = clock.pace(engine, uysp_airtable_monthly_calls=4)
    clock.seconds_for(pace, Kind.SWEEP, 3)
    for kind in (Kind.SWEEP, Kind.REREAD, Kind.POLL):
        with pytest.raises(BudgetSpentError, match="UYSP_AIRTABLE_MONTHLY_CALLS") as caught:
            pace.wait(kind)
        assert str(caught.value).count(". ") == 1
    clock.now = datetime(2026, 11, 30, 23, 59, 59, 999_000, tzinfo=UTC)
    pace.wait(Kind.WRITE)
    with pytest.raises(BudgetSpentError):
        pace.wait(Kind.SWEEP)
    clock.now = datetime(2026, 12, 1, tzinfo=UTC)
    pace.wait(Kind.SWEEP)
    with engine.connect() as connection:
        connection.execute(text("set timezone = 'Pacific/Kiritimati'"))
        calls = connection.execute(text("select day::text, kind, calls from app.airtable_calls order by day, kind"))
        assert calls.all() == [("2026-11-30", "sweep", 3), ("2026-11-30", "write", 1), ("2026-12-01", "sweep", 1)]
        months = connection.execute(text("select month::text, calls from app.airtable_months order by month"))
        assert months.all() == [("2026-11-01", 4), ("2026-12-01", 1)]


def test_what_is_refused_is_not_counted_and_leaves_no_mark(engine: Engine) -> None:
    clock = Clock()
    pace = clock.pace(engine, uysp_airtable_monthly_calls=1)
    for kind in (Kind.SWEEP, Kind.POLL):
        with pytest.raises(BudgetSpentError):
            pace.wait(kind)
    with engine.connect() as connection:
        assert connection.execute(text("select count(*) from app.airtable_calls")).scalar_one() == 0
        waiting: list[bool] = list(
            connection.execute(
                text("select distinct mark = '-infinity' from app.airtable_pace, unnest(waiting) as mark")
            ).scalars()
        )
    assert waiting == [True]
