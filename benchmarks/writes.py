"""Writes to Airtable: seconds from storing what a person asks for until it is known to be done.

Airtable is the emulator in a process of its own, which answers each request after 200 ms and allows five a second, as
Airtable does. Notes, removals and marks in turn, by several people: first one after the other, then by all of them at
once, where Airtable's limit is what they wait for. The way is the bot's: stored, worker woken, result awaited.

Target: p95 under 2 s, one after the other.
"""

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import requests
from pydantic import SecretStr
from sqlalchemy import Engine, text

from benchmarks.full_load import emulator
from benchmarks.search import report
from uysp.actions.messages import take_result
from uysp.actions.model import Asked
from uysp.actions.notes import note
from uysp.actions.removal import removal
from uysp.actions.requests import await_receipt, submit, utc_now
from uysp.actions.rights import Person
from uysp.actions.status import STATUSES, mark
from uysp.actions.worker import Worker, working
from uysp.database import Role, open_database
from uysp.settings import AIRTABLE_SHARED_RATE, Settings
from uysp.sync import sync_client

LATENCY = 0.2  # seconds
GIVEN_UP = 60.0  # seconds after which a write counts as lost
Write = tuple[Person, Asked]


def main() -> None:
    """Measure and print; end with an error if a write did not succeed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leads", type=int, default=1_000)
    parser.add_argument("--people", type=int, default=5)
    parser.add_argument("--writes", type=int, default=100, help="one after the other; a fifth as many at once")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="uysp-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # as root, the account that runs Postgres has to pass through
        with emulator(folder, options.leads, 0, AIRTABLE_SHARED_RATE) as (connection, _):
            settings = Settings(
                _env_file=None,
                uysp_home=folder / "home",
                airtable_endpoint_url=connection["AIRTABLE_ENDPOINT_URL"],
                airtable_api_key=SecretStr(connection["AIRTABLE_API_KEY"]),
                airtable_base_id=connection["AIRTABLE_BASE_ID"],
                uysp_writes_per_minute=1_000_000,
            )
            airtable = f"{connection['AIRTABLE_ENDPOINT_URL']}/_emulator"
            with open_database(settings, Role.PIPELINE) as engine:
                for outcome in sync_client(engine, settings, settings.clients[0], fast=True, full=True):
                    if outcome.error:
                        sys.exit(outcome.error)
            fault = {"latency": LATENCY, "times": None, "path": "^/v0/"}
            requests.post(f"{airtable}/faults", json=fault, timeout=60).raise_for_status()
            with open_database(settings, Role.BOT) as engine, working(engine, settings) as worker:
                measure(settings, engine, worker, airtable, options)


def measure(settings: Settings, engine: Engine, worker: Worker, airtable: str, options: argparse.Namespace) -> None:
    """Write one after the other, then at once; each lead is written to once."""
    at_once = options.writes // 5
    people = [Person(f"U0BENCH{number:03}", f"Person {number}") for number in range(options.people)]
    writes = list(drawn(settings, engine, people, options.writes + at_once))
    with counted(airtable, options.writes) as calls:
        took = [(write, seconds(settings, engine, worker, write)) for write in writes[: options.writes]]
    report("one after the other", [each * 1000 for _, each in took])
    print(f"  {calls():.1f} requests for each", flush=True)
    for kind in sorted({asked.kind for (_, asked), _ in took}):
        times = [each * 1000 for (_, asked), each in took if asked.kind is kind]
        if len(times) > 1:
            report(f"  {kind}", times)
    by_person = [[write for write in writes[options.writes :] if write[0] is person] for person in people]
    with ThreadPoolExecutor(len(people)) as pool:
        parts = pool.map(lambda own: [seconds(settings, engine, worker, write) for write in own], by_person)
        together = [each * 1000 for part in parts for each in part]
    if len(together) > 1:
        report(f"{len(people)} people at once", together)


def drawn(settings: Settings, engine: Engine, people: Sequence[Person], count: int) -> Iterator[Write]:
    """What is asked for: each person in turn, kinds in turn, leads that nobody removed before."""
    client = settings.clients[0].key
    query = text("""
        select record_id from raw.leads
        where client = :client and deleted_at is null and not fields ? 'SMS Stop' and fields ? 'Processing Status'
        order by md5(record_id) limit :count
    """)
    with engine.connect() as connection:
        leads: Sequence[str] = connection.execute(query, {"client": client, "count": count}).scalars().all()
    if len(leads) < count:
        sys.exit(f"{count} writes need as many leads that are not stopped, and there are {len(leads)}; more --leads")
    kinds: tuple[Callable[[str], Asked], ...] = (
        lambda lead: note(client, lead, "Asked for a call next week", "Call"),
        lambda lead: removal(client, (lead,), "Not a fit"),
        lambda lead: mark(client, lead, next(statuses), "Seen in the benchmark"),
    )
    statuses = itertools.cycle(STATUSES)
    for number, (lead, kind) in enumerate(zip(leads, itertools.cycle(kinds), strict=False)):
        yield people[number % len(people)], kind(lead)


def seconds(settings: Settings, engine: Engine, worker: Worker, write: Write) -> float:
    """Ask for a write and wait until it is done, as the bot does; returns the seconds of both."""
    person, asked = write
    started = time.perf_counter()
    reference = submit(engine, settings, person, asked).reference
    worker.wake()
    receipt = await_receipt(engine, settings, reference, GIVEN_UP)
    took = time.perf_counter() - started
    if not receipt.is_well:
        sys.exit(f"a {asked.kind} did not succeed: {receipt.said}")
    with engine.begin() as connection:
        take_result(connection, reference, utc_now())
    return took


@contextmanager
def counted(airtable: str, writes: int) -> Iterator[Callable[[], float]]:
    """Count the block's requests; what is yielded tells afterwards how many it were for each write."""

    def calls() -> int:
        return sum(requests.get(f"{airtable}/state", timeout=60).json()["calls"].values())

    before, after = calls(), [0]
    yield lambda: (after[0] - before) / writes
    after[0] = calls()


if __name__ == "__main__":
    main()
