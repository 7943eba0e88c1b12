"""The sync against the Airtable emulator: full loads beside other tools, idle looks, changes, bursts.

Every measured run is a process of its own, measured whole (wall and CPU seconds, peak memory); the emulator and
Postgres are others, on the same machine, so what they take is missing to whoever is measured, and counted as no one's.
`--part` chooses; default: all. What the other tools needed to load this base at all: see `benchmarks.others`. They
load a base of `--peer-leads` leads, since a large one would take them very long; ours loads that one, too.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import requests
from psycopg import sql

from benchmarks import others
from benchmarks.processes import FailedError, Run, run
from playground.sample import base
from uysp.database import Role, open_database
from uysp.embedded import shared_server
from uysp.settings import PROJECT, Settings, inherited_environment

CYCLE = [sys.executable, "-m", "benchmarks.cycle"]
CACHE = PROJECT / ".bench"
UNLIMITED = 100_000


@dataclass(frozen=True)
class Airtable:
    """A running emulator."""

    url: str
    token: str
    base_id: str
    records: int

    def calls(self) -> int:
        state: dict[str, Any] = requests.get(f"{self.url}/_emulator/state", timeout=60).json()
        return sum(state["calls"].values())

    def refused(self) -> int:
        """Return how many calls were answered with 429 since the emulator started."""
        seen = requests.get(f"{self.url}/_emulator/requests", timeout=60).json()
        return sum(each["status"] == 429 for each in seen)

    def control(self, where: str, method: str = "POST", **content: Any) -> None:
        requests.request(method, f"{self.url}/_emulator/{where}", json=content, timeout=60).raise_for_status()

    def change(self, ids: Sequence[str], text: str, size: int) -> None:
        """Edit leads through the API, `size` a request."""
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {self.token}"
        for start in range(0, len(ids), size):
            records = [{"id": each, "fields": {"Company": text}} for each in ids[start : start + size]]
            session.patch(
                f"{self.url}/v0/{self.base_id}/Leads", json={"records": records}, timeout=60
            ).raise_for_status()


@contextmanager
def emulator(leads: int, audit: int) -> Iterator[Airtable]:
    """Serve a sample base of this size, made once and kept."""
    CACHE.mkdir(exist_ok=True)
    path = CACHE / f"base-{leads}-{audit}.json"
    if not path.exists():
        with path.open("w") as file:
            base.write(file, leads=leads, audit=audit)
    empty = base.generate(leads=0, audit=0)
    command = [sys.executable, "-m", "playground.airtable", "--no-persist", "--base", str(path), "--no-rate-limit"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().split()[-1]
            state = requests.get(f"{url}/_emulator/state", timeout=60).json()
            (tables,) = state["records"].values()
            yield Airtable(url, empty["tokens"][0]["token"], empty["bases"][0]["id"], sum(tables.values()))
        finally:
            server.terminate()


@contextmanager
def database() -> Iterator[tuple[Path, str]]:
    """Run an empty embedded database; yields its home and URL."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        home = Path(name) / "home"
        with shared_server(home) as url, open_database(Settings(_env_file=None, uysp_home=home), Role.PIPELINE):
            yield home, url


def environment_of(airtable: Airtable, home: Path, rate: float) -> dict[str, str]:
    return inherited_environment() | {
        "UYSP_HOME": str(home),
        "AIRTABLE_ENDPOINT_URL": airtable.url,
        "AIRTABLE_API_KEY": airtable.token,
        "AIRTABLE_BASE_ID": airtable.base_id,
        "UYSP_AIRTABLE_RATE": str(rate),
        "DO_NOT_TRACK": "1",
    }


def cycle(airtable: Airtable, environment: dict[str, str], *options: str) -> tuple[Run, dict[str, Any], int]:
    """Run one cycle of ours; returns its process, what it said, and the calls that it made."""
    before = airtable.calls()
    done = run({"ours": [*CYCLE, *options]}, environment)
    said: dict[str, Any] = json.loads(done.output)
    if said["errors"]:
        sys.exit(f"a cycle failed: {said['errors']}")
    return done, said, airtable.calls() - before


def full_loads(options: argparse.Namespace) -> None:
    """Ours at three sizes, and the others at one of their own, in one run."""
    per_lead = options.audit / options.leads
    sizes = {leads: round(leads * per_lead) for leads in (options.peer_leads, options.leads // 2, options.leads)}
    print(f"full loads: ours at {figures(sizes)} leads, the others at {options.peer_leads:,}", flush=True)
    for leads, audit in sorted(sizes.items()):
        with emulator(leads, audit) as airtable, database() as (home, url):
            done, _, calls = cycle(airtable, environment_of(airtable, home, UNLIMITED), "full", "fast")
            report("ours", done, airtable.records, calls)
            if leads == options.peer_leads:
                for name in options.peers:
                    beside(name, airtable, home, url)


def figures(numbers: Iterable[int]) -> str:
    return ", ".join(f"{number:,}" for number in sorted(numbers))


def beside(name: str, airtable: Airtable, home: Path, url: str) -> None:
    """Load with another tool into the same Postgres; one that cannot is reported, and ends nothing else."""
    before = airtable.calls()
    try:
        done = others.load(name, CACHE, (airtable.url, airtable.token, airtable.base_id), url, home)
    except FailedError as error:
        print(f"{name}, {airtable.records:,} records: could not load this base: {error}", flush=True)
        return
    report(name, done, airtable.records, airtable.calls() - before)
    with psycopg.connect(url) as connection:
        schema = sql.Identifier(others.SCHEMAS[name])
        counts = [
            connection.execute(sql.SQL("select count(*) from {}.{}").format(schema, sql.Identifier(table))).fetchone()
            for table in ("campaigns", "leads", "sms_audit", "sms_templates")
        ]
    loaded = sum(count[0] for count in counts if count)
    if loaded != airtable.records:
        print(f"{name}: of {airtable.records:,} records it loaded {loaded:,}", flush=True)


def report(name: str, done: Run, records: int, calls: int) -> None:
    filters = sum(process.cpu for process in done.filters)
    print(
        f"{f'{name}, {records:,} records':<32} {records / done.seconds:>8,.0f} records/s  {calls:>6,} calls  "
        f"{done.cpu:>7.1f} s CPU  {done.cpu / records * 1e6:>7,.0f} µs CPU/record  {done.peak:>5,.0f} MB"
        + (f"  (besides: {filters:.1f} s CPU of a filter between its parts)" if done.filters else ""),
        flush=True,
    )


def at_five_a_second(options: argparse.Namespace) -> None:
    """Full loads under Airtable's limit, with answers at once and slow ones."""
    leads = options.limited_leads
    with emulator(leads, leads * 3 // 2) as airtable:
        airtable.control("behaviour", "PATCH", requests_per_second=5, user_requests_per_second=50)
        for latency in options.limited_seconds:
            airtable.control("faults", "DELETE")
            if latency:
                airtable.control("faults", latency=latency, times=None, path="^/v0/")
            with database() as (home, _):
                refused = airtable.refused()
                _, said, calls = cycle(airtable, environment_of(airtable, home, 5), "full", "fast")
                refused = airtable.refused() - refused
                floor = -(-airtable.records // 100) / 5
                print(
                    f"full load, 5/s, answers after {latency:.1f} s: {said['seconds']:.1f} s for {airtable.records:,} "
                    f"records in {calls} calls, {refused} refused; pages / rate {floor:.1f} s "
                    f"({said['seconds'] / floor - 1:+.0%})",
                    flush=True,
                )


def changes(options: argparse.Namespace) -> None:
    """Idle looks, 1,000 changes in 100 batches and one by one, and a burst, at 5 a second."""
    with emulator(options.leads, options.audit) as airtable, database() as (home, _):
        cycle(airtable, environment_of(airtable, home, UNLIMITED), "full", "fast")
        environment = environment_of(airtable, home, 5)
        idle = [cycle(airtable, environment) for _ in range(5)]
        print(
            f"idle look: {statistics.median(calls for *_, calls in idle):.0f} call, median "
            f"{statistics.median(said['seconds'] for _, said, _ in idle):.2f} s, "
            f"{statistics.median(said['cpu'] for _, said, _ in idle):.2f} s CPU",
            flush=True,
        )
        ids = lead_ids(airtable)
        for name, some, size in (
            ("1,000 changes in 100 batches", ids[:1000], 10),
            ("1,000 changes one by one", ids[:1000], 1),
            ("a burst of 20,000", ids[:20_000], 10),
        ):
            airtable.change(some, f"{name} company", size)
            _, said, calls = cycle(airtable, environment)
            limit = calls / 5 + 1
            print(
                f"{name}: {calls} calls, {said['seconds']:.1f} s (calls / rate + 1 s: {limit:.1f} s), "
                f"{said['changed']:,} changed",
                flush=True,
            )


def lead_ids(airtable: Airtable) -> list[str]:
    from pyairtable import Api

    table = Api(airtable.token, endpoint_url=airtable.url).table(airtable.base_id, "Leads")
    return [record["id"] for page in table.iterate(fields=["Company"]) for record in page]


def freshness(options: argparse.Namespace) -> None:
    """From an edit in Airtable to the changed row in marts, under `uysp up`."""
    chance = random.Random(1)
    with emulator(options.fresh_leads, options.fresh_leads * 3) as airtable, database() as (home, url):
        environment = environment_of(airtable, home, 3) | {"DATABASE_URL": url}
        command = [sys.executable, "-m", "uysp", "up", "--dagster-port", "3939"]
        with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as system:
            try:
                ids = lead_ids(airtable)[: options.edits]
                seen: dict[str, float] = {}
                edited: dict[str, float] = {}
                wait_for_marts(url)
                begin = time.monotonic()
                due = sorted(chance.uniform(0, 4 * options.edits) for _ in ids)
                while len(seen) < len(ids) and time.monotonic() < begin + 4 * options.edits + 300:
                    while len(edited) < len(ids) and time.monotonic() - begin >= due[len(edited)]:
                        company = f"fresh {len(edited)}"
                        airtable.change([ids[len(edited)]], company, 1)
                        edited[company] = time.monotonic()
                    for company in companies(url):
                        seen.setdefault(company, time.monotonic())
                    time.sleep(0.5)
            finally:
                system.terminate()
        ages = sorted(seen[company] - edited[company] for company in seen)
        print(
            f"freshness, {airtable.records:,} records: {len(ages)} of {len(ids)} edits seen, median "
            f"{statistics.median(ages):.0f} s, 95th percentile {ages[int(0.95 * len(ages)) - 1]:.0f} s, "
            f"longest {ages[-1]:.0f} s",
            flush=True,
        )


def wait_for_marts(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        while connection.execute("select to_regclass('marts.leads')").fetchone() in (None, (None,)):
            time.sleep(1)


def companies(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("select company from marts.leads where company like 'fresh %'")]


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "full": full_loads,
    "limited": at_five_a_second,
    "changes": changes,
    "freshness": freshness,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leads", type=int, default=100_000)
    parser.add_argument("--audit", type=int, help="default: 1.5 for each lead")
    parser.add_argument(
        "--peers", nargs="*", choices=others.PACKAGES, default=list(others.PACKAGES), help="which of them; default: all"
    )
    parser.add_argument(
        "--peer-leads", type=int, help="size at which others load, too; default: 10,000, or all if fewer"
    )
    parser.add_argument("--limited-leads", type=int, default=20_000, help="size for 5 requests a second")
    parser.add_argument(
        "--limited-seconds", type=float, nargs="+", default=[0, 0.3], help="after which Airtable answers there"
    )
    parser.add_argument("--fresh-leads", type=int, default=2_000)
    parser.add_argument("--edits", type=int, default=100)
    parser.add_argument("--part", choices=PARTS, action="append")
    options = parser.parse_args()
    if options.audit is None:
        options.audit = options.leads * 3 // 2
    if options.peer_leads is None:
        options.peer_leads = min(10_000, options.leads)
    try:
        for part in options.part or PARTS:
            PARTS[part](options)
    except FailedError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
