"""Typed search over 100,000 leads: how long the index takes to make and to keep, and each kind of look-up.

Leads are those of the sample base, put straight into marts.leads; every company ends in the same word, so that one
stands in every row. Prints a line per kind: how many look-ups, median, p95, p99 and the slowest, in milliseconds; the
target is 100.
"""

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import psycopg
from pydantic import SecretStr
from sqlalchemy import Engine

from playground.sample import base
from slackbot.answers.search import search_leads
from uysp import lead_index
from uysp.database import Role, open_database
from uysp.embedded import shared_server
from uysp.settings import Settings

CLIENT = "uysp"
LOOK_UPS = 200  # of each kind
PICKED = 20
_TABLE = """
    create table marts.leads (
        client text, lead_id text, name text, company text, email text, phone text, is_test boolean,
        last_sent_at timestamptz, primary key (client, lead_id)
    )
"""


@dataclass(frozen=True)
class Lead:
    """What people know of a lead when they look for it."""

    record_id: str
    name: str
    company: str
    email: str | None
    phone: str | None
    last_sent_at: str | None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leads", type=int, default=100_000)
    arguments = parser.parse_args()
    leads = sample_leads(arguments.leads)
    with tempfile.TemporaryDirectory(prefix="uysp-bench-") as folder:
        home = Path(folder)
        home.chmod(0o755)  # as root, the account that runs Postgres has to pass through
        with shared_server(home / "home") as url:
            settings = Settings(_env_file=None, database_url=SecretStr(url), uysp_home=home)
            with open_database(settings, Role.PIPELINE) as engine:
                fill(engine, leads)
                print(f"{len(leads):,} leads")
                print(f"index made in {_seconds(lambda: lead_index.refresh(engine)):.1f} s")
                print(f"nothing to do: {_seconds(lambda: lead_index.refresh(engine)):.2f} s")
                with engine.begin() as connection:
                    connection.exec_driver_sql(
                        "update marts.leads set last_sent_at = now() where lead_id in "
                        "(select lead_id from marts.leads order by lead_id limit 1000)"
                    )
                print(f"1,000 leads sent to: {_seconds(lambda: lead_index.refresh(engine)):.2f} s")
            with open_database(settings, Role.BOT) as engine:
                for kind, lines in typed(leads).items():
                    report(kind, measured(engine, lines))
                mixed = [line for lines in typed(leads).values() for line in lines[:50]]
                random.Random(1).shuffle(mixed)
                with ThreadPoolExecutor(8) as pool:
                    parts = pool.map(lambda number: measured(engine, mixed[number::8]), range(8))
                    report("all kinds, 8 people at once", [each for part in parts for each in part])


def sample_leads(count: int) -> list[Lead]:
    """Return leads as the sample base has them."""
    document = base.generate(leads=count, audit=0, now=datetime(2026, 1, 1, tzinfo=UTC))
    tables = {table["name"]: table["records"] for table in document["bases"][0]["tables"]}
    leads = []
    for record in tables["Leads"]:
        cells = {
            field: value.replace("\0", " ").encode(errors="replace").decode() if isinstance(value, str) else value
            for field, value in record["fields"].items()
        }
        parts = (cells.get(field) for field in ("First Name", "Last Name"))
        name = " ".join(str(part).strip() for part in parts if part) or str(cells.get("Email") or record["id"])
        sent = cells.get("SMS Last Sent At")
        leads.append(
            Lead(
                record["id"],
                name,
                f"{str(cells.get('Company') or 'Unknown').strip()} Inc",
                cells.get("Email"),
                cells.get("Phone"),
                sent if isinstance(sent, str) and sent[:2] == "20" and sent.endswith("Z") else None,
            )
        )
    return leads


def fill(engine: Engine, leads: Sequence[Lead]) -> None:
    """Put the leads into a table that has of marts.leads what search reads."""
    with engine.begin() as connection:
        connection.exec_driver_sql(_TABLE)
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        with driver.cursor() as cursor, cursor.copy("copy marts.leads from stdin") as copy:
            for lead in leads:
                cells = (lead.name, lead.company, lead.email, lead.phone, False, lead.last_sent_at)
                copy.write_row((CLIENT, lead.record_id, *cells))


def typed(leads: Sequence[Lead]) -> dict[str, list[str]]:
    """Return what people type, by kind; the same for the same leads."""
    rng = random.Random(7)
    some = rng.sample([lead for lead in leads if len(lead.name) > 6 and " " in lead.name], LOOK_UPS)
    phones = [lead.phone for lead in some if lead.phone]
    return {
        "whole names": [lead.name for lead in some],
        "swapped words": [" ".join(reversed(lead.name.split())) for lead in some],
        "three letters": [lead.name[:3] for lead in some],
        "unfinished": [lead.name[: rng.randrange(4, len(lead.name))] for lead in some],
        "one letter": [lead.name[:1] for lead in some],
        "middle of a word": [lead.name.split()[-1][1:5] for lead in some],
        "name and company": [f"{lead.name.split()[0]} {lead.company}" for lead in some],
        "one slip": [_slip(rng, lead.name) for lead in some],
        "a slip in each word": [" ".join(_slip(rng, word) for word in lead.name.split()) for lead in some],
        "emails": [lead.email for lead in some if lead.email],
        "unfinished emails": [lead.email[:-5] for lead in some if lead.email],
        "phones": phones,
        "last four digits": [phone[-4:] for phone in phones],
        "in every row": ["inc", "Inc", "in", "inc example", "com", "example com inc", "INC inc"] * 10,
        "in every row, with a slip": ["icn", "imc", "inx", "exmaple", "exampel inc"] * 10,
        "in every row, and a name": [f"{lead.name.split()[-1]} inc" for lead in some],
        "nobody": ["xqzzy", "qwrtzp inc", "zzzz zzzz", "inc xqzzyk"] * 20,
    }


def measured(engine: Engine, lines: Sequence[str]) -> list[float]:
    """Return the milliseconds of each look-up, each in a transaction of its own."""
    took: list[float] = []
    for line in lines:
        with _timed(took), engine.connect() as connection:
            search_leads(connection, (CLIENT,), line, PICKED)
    return took


def report(kind: str, took: Sequence[float]) -> None:
    """Print a line."""
    cuts = statistics.quantiles(took, n=100, method="inclusive")
    numbers = f"median {cuts[49]:6.1f}  p95 {cuts[94]:6.1f}  p99 {cuts[98]:6.1f}  slowest {max(took):6.1f} ms"
    print(f"{kind:<28} {len(took):>5}  {numbers}", flush=True)


def _slip(rng: random.Random, word: str) -> str:
    """Return a word with one slip: a letter less, one too many, a wrong one, or two swapped."""
    place = rng.randrange(1, max(2, len(word) - 1))
    left, right = word[:place], word[place:]
    letter = rng.choice("abcdefghijklmnopqrstuvwxyz")
    swapped = left + right[1:2] + right[:1] + right[2:]
    return rng.choice((left + right[1:], left + letter + right, left + letter + right[1:], swapped))


@contextmanager
def _timed(took: list[float]) -> Iterator[None]:
    started = time.perf_counter()
    yield
    took.append((time.perf_counter() - started) * 1000)


def _seconds(work: Callable[[], object]) -> float:
    took: list[float] = []
    with _timed(took):
        work()
    return took[0] / 1000


if __name__ == "__main__":
    main()
