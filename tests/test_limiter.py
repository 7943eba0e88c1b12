"""The pace that all processes share: never faster than allowed, people first, and silent when Airtable asks for it."""

import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy import Engine, text

from uysp.airtable.budget import Budget, budget
from uysp.airtable.limiter import FAST_SHARE, BudgetSpentError, Kind, SharedLimiter, shared_limiter
from uysp.database import Role, open_database
from uysp.settings import Client, Settings, inherited_environment

CLIENT = Client("one", "one", "appOOOOOOOOOOOOOO", SecretStr("pat.secret"))
OTHER = Client("two", "two", "appTTTTTTTTTTTTTT", SecretStr("pat.secret"))


class Time:
    """A clock that moves only when somebody waits."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 10, tzinfo=UTC)
        self.waited = 0.0

    def sleep(self, seconds: float) -> None:
        self.waited += seconds
        self.now += timedelta(seconds=seconds)


def limiter(
    engine: Engine, time: Time, client: Client = CLIENT, *, fast: bool = False, **variables: int
) -> SharedLimiter:
    settings = Settings(_env_file=None, **variables)  # type: ignore[arg-type]  # numbers of its fields
    shared = shared_limiter(engine, settings, client, fast=fast)
    return SharedLimiter(
        shared.engine, shared.client, shared.rate, shared.ceiling, shared.most, lambda: time.now, time.sleep
    )


def busiest_second(moments: list[datetime]) -> int:
    """Most requests within a second less what clocks and networks make of it, as Airtable may count them."""
    ordered = sorted(moments)
    return max(sum(start <= each < start + timedelta(seconds=0.95) for each in ordered) for start in ordered)


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=st.lists(st.tuples(st.sampled_from(list(Kind)), st.floats(0, 0.4)), min_size=5, max_size=40))
def test_no_second_holds_more_than_is_allowed(engine: Engine, asked: list[tuple[Kind, float]]) -> None:
    with engine.begin() as connection:
        connection.execute(text("delete from app.airtable_pace"))
    time = Time()
    pace = limiter(engine, time)
    sent: list[tuple[Kind, datetime]] = []
    for kind, pause in asked:
        time.sleep(pause)
        pace.wait(kind)
        sent.append((kind, time.now))
    assert busiest_second([at for _, at in sent]) <= 5
    background = [at for kind, at in sent if kind is not Kind.WRITE]
    assert not background or busiest_second(background) <= 3


def test_background_reads_take_their_whole_rate_and_no_more(engine: Engine) -> None:
    time = Time()
    pace = limiter(engine, time)
    for _ in range(31):
        pace.wait(Kind.SWEEP)
    assert time.waited == pytest.approx(10, rel=0.03)
    fast = limiter(engine, time, fast=True)
    before = time.waited
    for _ in range(50):
        fast.wait(Kind.SWEEP)
    assert time.waited - before == pytest.approx(10 / FAST_SHARE, rel=0.05)


def test_several_processes_together_keep_the_pace(settings: Settings, engine: Engine) -> None:
    assert settings.database_url is not None
    program = (
        "import sys\nfrom pydantic import SecretStr\nfrom uysp.airtable.limiter import Kind, shared_limiter\n"
        "from uysp.database import Role, open_database\nfrom uysp.settings import Client, load_settings\n"
        "settings = load_settings()\nclient = Client('one', 'one', 'appOOOOOOOOOOOOOO', SecretStr('pat.secret'))\n"
        "with open_database(settings, Role.PIPELINE) as engine:\n"
        "    pace = shared_limiter(engine, settings, client)\n"
        "    for _ in range(6):\n        pace.wait(Kind(sys.argv[1]))\n"
        "        with engine.connect() as c:\n"
        "            print(c.exec_driver_sql('select clock_timestamp()').scalar_one().isoformat(), flush=True)\n"
    )
    environment = inherited_environment() | {
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "UYSP_HOME": str(settings.uysp_home),
    }
    processes = [
        subprocess.Popen([sys.executable, "-c", program, kind], env=environment, stdout=subprocess.PIPE, text=True)
        for kind in ("reread", "poll", "sweep")
    ]
    printed = [process.communicate(timeout=120)[0].split() for process in processes]
    moments = [datetime.fromisoformat(line) for lines in printed for line in lines]
    assert len(moments) == 18
    assert busiest_second(moments) <= 4  # they note the time a moment after they were let through
    assert max(moments) - min(moments) >= timedelta(seconds=17 / 3 - 0.3)
    with engine.connect() as connection:
        ledger = connection.execute(text("select kind, calls from app.airtable_calls order by kind")).all()
    assert ledger == [("poll", 6), ("reread", 6), ("sweep", 6)]


def test_a_persons_write_overtakes_a_crowd_of_sweeps(settings: Settings, engine: Engine) -> None:
    pace = shared_limiter(engine, settings, CLIENT)
    order: list[Kind] = []
    lock = threading.Lock()

    def ask(kind: Kind) -> None:
        pace.wait(kind)
        with lock:
            order.append(kind)

    threads = [threading.Thread(target=ask, args=(Kind.SWEEP,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    while not order:
        pass
    writer = threading.Thread(target=ask, args=(Kind.WRITE,))
    writer.start()
    for thread in [*threads, writer]:
        thread.join(30)
    assert order.index(Kind.WRITE) <= 2, order


@pytest.mark.parametrize(("first", "later"), [(Kind.REREAD, Kind.POLL), (Kind.POLL, Kind.SWEEP)])
def test_whoever_matters_less_yields_to_those_who_wait(engine: Engine, first: Kind, later: Kind) -> None:
    time = Time()
    pace = limiter(engine, time)
    pace.wait(later)
    waits: list[float] = []

    class GaveUpError(Exception):
        pass

    def remember(seconds: float) -> None:
        waits.append(seconds)
        raise GaveUpError

    impatient = SharedLimiter(pace.engine, pace.client, pace.rate, pace.ceiling, pace.most, lambda: time.now, remember)
    with pytest.raises(GaveUpError):
        impatient.wait(first)  # it is about to ask again
    time.sleep(max(waits[0], 1 / 3))
    before = time.now
    pace.wait(later)
    assert time.now > before, "it let the other one pass"


def locked_for(engine: Engine, time: Time, client: Client) -> float:
    before = time.waited
    limiter(engine, time, client).wait(Kind.WRITE)
    return time.waited - before


def test_a_lock_out_holds_for_all_kinds_and_processes_of_the_base(engine: Engine) -> None:
    time = Time()
    limiter(engine, time).lock_out()  # nobody has asked yet
    limiter(engine, time).wait(Kind.POLL)
    limiter(engine, time).lock_out()
    assert locked_for(engine, time, CLIENT) == pytest.approx(30, abs=0.5)
    limiter(engine, time).lock_out()
    assert locked_for(engine, time, OTHER) < 1


def test_a_429_that_we_did_not_cause_halves_our_rate_for_ten_minutes(engine: Engine) -> None:
    time = Time()
    pace = limiter(engine, time)
    pace.wait(Kind.POLL)
    pace.lock_out()
    time.sleep(31)
    before = time.waited
    for _ in range(16):
        pace.wait(Kind.POLL)
    assert time.waited - before == pytest.approx(10, rel=0.1)
    time.sleep(600)
    before = time.waited
    for _ in range(31):
        pace.wait(Kind.POLL)
    assert time.waited - before == pytest.approx(10, rel=0.1)


def test_a_429_that_we_caused_ourselves_changes_no_rate(engine: Engine) -> None:
    time = Time()
    pace = limiter(engine, time, uysp_airtable_rate=5)
    for _ in range(6):
        pace.wait(Kind.POLL)
    pace.lock_out()
    time.sleep(31)
    before = time.waited
    for _ in range(26):
        pace.wait(Kind.POLL)
    assert time.waited - before == pytest.approx(5, rel=0.1)


def test_a_plan_without_calls_is_asked_again_after_an_hour_and_writes_try_all_the_same(engine: Engine) -> None:
    time = Time()
    pace = limiter(engine, time)
    pace.wait(Kind.POLL)
    pace.out_of_calls()
    with pytest.raises(BudgetSpentError, match="no API calls left this month for client one"):
        pace.wait(Kind.POLL)
    pace.wait(Kind.WRITE)
    time.sleep(3601)
    pace.wait(Kind.POLL)


def test_the_last_tenth_is_kept_for_people_and_sweeps_stop_before(engine: Engine) -> None:
    time = Time()
    pace, other = (limiter(engine, time, client, uysp_airtable_monthly_calls=40) for client in (CLIENT, OTHER))
    sent = {Kind.SWEEP: 0, Kind.POLL: 0}
    for kind, count in ((Kind.SWEEP, 50), (Kind.POLL, 50)):
        for number in range(count):
            try:
                (pace if number % 2 else other).wait(kind)
            except BudgetSpentError:
                break
            sent[kind] += 1
    assert sent == {Kind.SWEEP: 30, Kind.POLL: 6}
    for _ in range(10):
        pace.wait(Kind.WRITE)
    time.sleep(timedelta(days=25).total_seconds())
    pace.wait(Kind.SWEEP)


def test_nothing_of_a_token_can_be_read_from_the_database(engine: Engine) -> None:
    limiter(engine, Time()).wait(Kind.POLL)
    with engine.connect() as connection:
        scopes: list[str] = list(connection.execute(text("select scope from app.airtable_pace")).scalars())
    assert len(scopes) == 2
    assert not any("secret" in scope for scope in scopes)


def test_the_bots_role_may_use_it(settings: Settings, engine: Engine) -> None:
    with open_database(settings, Role.BOT) as bot:
        shared_limiter(bot, settings, CLIENT).wait(Kind.WRITE)
        with bot.connect() as connection:
            assert budget(connection, settings).by_kind == {"write": 1}


@pytest.mark.parametrize(
    ("cap", "day", "used", "clients", "seconds"),
    [
        (None, 1, 0, 1, 30),
        (100_000, 1, 0, 1, 300),
        (100_000, 15, 45_000, 1, 300),
        (100_000, 29, 87_000, 1, 600),
        (100_000, 10, 95_000, 1, 21600),
        (1_000, 1, 0, 1, 21600),
        (100_000, 1, 0, 5, 1800),
        (10_000_000, 1, 0, 1, 30),
    ],
)
def test_the_plan_decides_how_often_we_look(
    cap: int | None, day: int, used: int, clients: int, seconds: int, engine: Engine, settings: Settings
) -> None:
    settings = settings.model_copy(update={"uysp_airtable_monthly_calls": cap})
    vars(settings)["clients"] = tuple([CLIENT] * clients)
    with engine.begin() as connection:
        connection.execute(text("insert into app.airtable_months values ('2026-11-01', :used)"), {"used": used})
        plan = budget(connection, settings, datetime(2026, 11, day, 12, tzinfo=UTC))
    assert plan.look_seconds == seconds


@pytest.mark.parametrize(
    ("cap", "pages", "usual", "days"),
    [(None, 2_000, 7, 7), (100_000, 500, 1, 1), (100_000, 2_000, 7, 7), (1_000, 500, 1, None), (20_000, 500, 1, 5)],
)
def test_the_plan_decides_how_often_we_sweep(cap: int | None, pages: int, usual: int, days: int | None) -> None:
    assert Budget(cap, 0, 300).sweep_days(pages, usual) == days
