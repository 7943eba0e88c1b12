"""The marts at several sizes: full build, a cycle with few changes, and how long the answers take that read them.

Raw is filled through the loader, without HTTP: three audit rows for each lead. CPU is this process's and the database
server's together. The same run computes the dashboard the way the portal before us did, reading every lead and
aggregating in the application, and stops if the numbers differ.
"""

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import Connection, Engine, event, text

from pipelines.warehouse import build_marts, prepare_manifest
from playground.sample.loading import live, load_sample
from slackbot.answers import TOPICS, ask
from uysp.database import Role, open_database
from uysp.settings import Settings

SIZES = (11_046, 100_000, 300_000)
AUDIT_PER_LEAD = 3
CHANGES = 1_000
REPEATS = 40
PERIOD = timedelta(days=30)
CLIENT = "bench"


@dataclass(frozen=True)
class Cost:
    """What something took: seconds on the clock, seconds of CPU, and MB by which the database grew."""

    seconds: float
    cpu: float
    grown: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leads", type=int, nargs="+", default=SIZES, help="sizes, in leads")
    parser.add_argument("--changes", type=int, default=CHANGES, help="leads that change before a cycle")
    options = parser.parse_args()
    builds: dict[int, tuple[Cost, list[Cost]]] = {}
    for leads in options.leads:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
            Path(name).chmod(0o755)  # as root, the account that runs Postgres has to pass through
            settings = Settings(_env_file=None, uysp_home=Path(name) / "home")
            with open_database(settings, Role.PIPELINE) as engine:
                builds[leads] = measure_builds(settings, engine, leads, options.changes)
                with open_database(settings, Role.BOT) as bot:
                    measure_answers(settings, bot)
    report_growth(builds)


def measure_builds(settings: Settings, engine: Engine, leads: int, changes: int) -> tuple[Cost, list[Cost]]:
    """Fill raw, build all, then change some leads and build again, twice: the first change also pays for new plans."""
    prepare_manifest(settings)  # imports dbt, as every process that builds has done before
    with measured(settings, engine) as filled:
        sources = load_sample(engine, CLIENT, leads=leads, audit=AUDIT_PER_LEAD * leads)
    print(f"\n{leads:,} leads, {AUDIT_PER_LEAD * leads:,} audit rows: filled in {filled().seconds:.0f} s", flush=True)
    with measured(settings, engine) as full:
        build(settings, engine)
    tell("full build", full())
    cycles: list[Cost] = []
    for attempt in range(2):
        live(engine, sources, leads=changes, seed=attempt)
        with measured(settings, engine) as cycle:
            build(settings, engine)
        cycles.append(cycle())
        tell(f"cycle with {changes:,} changed leads", cycle())
    with measured(settings, engine) as idle:
        build(settings, engine)
    tell("build with nothing changed", idle())
    return full(), cycles


def build(settings: Settings, engine: Engine) -> None:
    built = build_marts(settings, engine)
    if not built.success:
        raise SystemExit("\n".join(built.failures))


@contextmanager
def measured(settings: Settings, engine: Engine) -> Iterator[Callable[[], Cost]]:
    """Measure the block; what is yielded tells its cost afterwards."""
    costs: list[Cost] = []
    before = time.perf_counter(), busy(settings), size(engine)
    yield lambda: costs[0]
    seconds, cpu = time.perf_counter() - before[0], busy(settings) - before[1]
    costs.append(Cost(seconds, cpu, (size(engine) - before[2]) / 1e6))


def busy(settings: Settings) -> float:
    """CPU seconds of this process and of the embedded server, with processes of it that have ended."""
    pid = int((settings.uysp_home / "postgres" / "postmaster.pid").read_text().split()[0])
    server = psutil.Process(pid)
    of_server = 0.0
    for process in server.children():
        with suppress(psutil.NoSuchProcess):  # ended meanwhile: the server has its time by now
            times = process.cpu_times()
            of_server += times.user + times.system
    times = server.cpu_times()
    of_server += times.user + times.system + times.children_user + times.children_system
    return of_server + time.process_time()


def size(engine: Engine) -> int:
    """Bytes of the database on disk."""
    with engine.connect() as connection:
        return int(connection.execute(text("select pg_database_size(current_database())")).scalar_one())


def measure_answers(settings: Settings, bot: Engine) -> None:
    """Every example of every verb, the dashboard's view, and the dashboard as the portal computed it."""
    statements = timed_statements(bot)
    for topic in TOPICS:
        for example in topic.verb.examples:
            line = about_sample(example, bot)
            statements.clear()
            tell_times(f"uysp ask {topic.verb.name} ({example})", timed(partial(ask, line, bot, settings)))
            tell_times("    its slowest query", max(statements.values(), key=statistics.median))
    with bot.connect() as connection:
        if connection.execute(text("select to_regclass('marts.dashboard')")).scalar() is None:
            return
        view = text("select * from marts.dashboard")
        tell_times("select * from marts.dashboard", timed(lambda: connection.execute(view).all()))
        tell_times(
            "the same by reading every lead", timed(lambda: aggregated(connection, datetime.now(UTC)), REPEATS // 8)
        )
        check_agreement(connection)


def about_sample(example: str, bot: Engine) -> str:
    """Return an example with a lead and a source that there are, the lead with the most messages."""
    lead = text("""
        select lead_id, name, email, phone from marts.leads
        where email is not null and phone is not null and not is_test order by messages_sent desc, lead_id limit 1
    """)
    with bot.connect() as connection:
        found = connection.execute(lead).one()
    for written, there in {
        "lead jane doe": f"lead {found.name}",
        "lead jane@example.com": f"lead {found.email}",
        "+1 415 555 0100": found.phone,
        "jane@example.com": found.lead_id,  # an email may be several leads'
        "source:Webinar": 'source:"Webinar Form"',
    }.items():
        example = example.replace(written, there)
    return example


def timed_statements(engine: Engine) -> defaultdict[str, list[float]]:
    """Return what fills with the milliseconds of each statement that the engine runs, by its text."""
    times: defaultdict[str, list[float]] = defaultdict(list)
    started: dict[int, float] = {}

    @event.listens_for(engine, "before_cursor_execute")
    def begin(_connection: object, cursor: object, *_: object) -> None:
        started[id(cursor)] = time.perf_counter()

    @event.listens_for(engine, "after_cursor_execute")
    def end(_connection: object, cursor: object, statement: str, *_: object) -> None:
        times[statement].append((time.perf_counter() - started.pop(id(cursor))) * 1000)

    return times


def aggregated(connection: Connection, now: datetime) -> dict[str, Any]:
    """The dashboard's numbers as the portal came by them: fetch all leads, then count, group and sort (uysp.md 2.2)."""
    leads = connection.execute(text("select * from marts.leads where not is_test")).mappings().all()

    def count(wanted: Callable[[Any], bool]) -> int:
        return sum(1 for lead in leads if wanted(lead))

    def recently(at: datetime | None) -> bool:
        return at is not None and now - PERIOD < at <= now

    campaigns: dict[str, list[int]] = {}
    for lead in leads:
        if lead["campaign"] != "Unassigned":
            counts = campaigns.setdefault(lead["campaign"], [0, 0])
            counts[0] += 1
            counts[1] += lead["booked"]
    hot = sorted(
        (lead for lead in leads if lead["is_hot"]),
        key=lambda lead: (lead["icp_score"] is None, -(lead["icp_score"] or 0), -lead["clicks"], lead["name"]),
    )
    return {
        "leads": len(leads),
        "active_leads": count(lambda lead: lead["is_active"]),
        "done_leads": count(lambda lead: lead["is_done"]),
        "messages_sent": sum(lead["messages_sent"] for lead in leads),
        "bookings": count(lambda lead: lead["booked"]),
        "opt_outs": count(lambda lead: lead["stop_cause"] == "opted_out"),
        "clicks": sum(lead["clicks"] for lead in leads),
        "clickers": count(lambda lead: lead["clicked"]),
        "new_leads_in_period": count(lambda lead: recently(lead["created_at"])),
        "bookings_in_period": count(lambda lead: recently(lead["booking_made_at"])),
        "opt_outs_in_period": count(lambda lead: recently(lead["opted_out_at"])),
        "top_campaigns": sorted(campaigns, key=lambda name: -campaigns[name][1] / campaigns[name][0])[:5],
        "hot_leads": [lead["lead_id"] for lead in hot[:10]],
    }


def check_agreement(connection: Connection) -> None:
    """Stop if the view says otherwise than the leads do."""
    shown = connection.execute(text("select * from marts.dashboard where period = '30d'")).mappings().one()
    differences = {
        name: (value, shown[name])
        for name, value in aggregated(connection, shown["as_of"]).items()
        if name in shown and shown[name] != value
    }
    if differences:
        raise SystemExit(f"the dashboard and its leads differ: {differences}")


def timed(read: Callable[[], object], repeats: int = REPEATS) -> list[float]:
    """Milliseconds of each call, after one that is not counted."""
    read()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        read()
        times.append((time.perf_counter() - started) * 1000)
    return times


def tell(what: str, cost: Cost) -> None:
    print(f"  {what}: {cost.seconds:.1f} s, {cost.cpu:.1f} s CPU, database {cost.grown:+.1f} MB", flush=True)


def tell_times(what: str, times: Sequence[float]) -> None:
    p95 = statistics.quantiles(times, n=20)[-1]
    print(f"  {what}: p50 {statistics.median(times):.1f} ms, p95 {p95:.1f} ms", flush=True)


def report_growth(builds: dict[int, tuple[Cost, list[Cost]]]) -> None:
    """How many times as long things take where there are so many times as many leads."""
    smallest = min(builds)
    for leads in sorted(builds)[1:]:
        full, cycles = (
            builds[leads][0].seconds / builds[smallest][0].seconds,
            builds[leads][1][-1].seconds / builds[smallest][1][-1].seconds,
        )
        print(
            f"\n{leads / smallest:.1f} times the leads: full build {full:.1f}, changed cycle {cycles:.1f} times as long"
        )


if __name__ == "__main__":
    main()
