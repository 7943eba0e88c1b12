"""A whole `uysp sync` in a process of its own against the Airtable emulator in another.

Seconds, records a second, CPU and peak memory of a first and of a second full sync, and of `uysp ask campaigns` from a
cold start. With --rate the emulator keeps Airtable's limit and the floor is pages / rate.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.processes import FailedError, run
from playground.sample import base
from uysp.database import Role, open_database
from uysp.settings import Settings, inherited_environment

UYSP = [sys.executable, "-m", "uysp"]
COLD_STARTS = 7


@contextmanager
def emulator(folder: Path, leads: int, audit: int | None, rate: float | None) -> Iterator[tuple[dict[str, str], int]]:
    """Yield what a client needs to read a sample base over HTTP, and the number of its records."""
    path = folder / "base.json"
    with path.open("w") as file:
        written = base.write(file, leads=leads, audit=audit)
    empty = base.generate(leads=0, audit=0)
    limit = ["--no-rate-limit"] if rate is None else ["--rate-limit", str(rate)]
    command = [sys.executable, "-m", "playground.airtable", "--no-persist", "--base", str(path), *limit]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield (
                {
                    "AIRTABLE_ENDPOINT_URL": server.stdout.readline().split()[-1],
                    "AIRTABLE_API_KEY": empty["tokens"][0]["token"],
                    "AIRTABLE_BASE_ID": empty["bases"][0]["id"],
                    "UYSP_AIRTABLE_RATE": str(rate or 100_000),
                },
                sum(written.values()),
            )
        finally:
            server.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leads", type=int, default=base.LEADS)
    parser.add_argument("--audit", type=int, help="default: 2.7 for each lead")
    parser.add_argument("--rate", type=float, help="requests a second; default: no limit")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        home = folder / "home"
        with (
            emulator(folder, options.leads, options.audit, options.rate) as (connection, records),
            open_database(Settings(_env_file=None, uysp_home=home), Role.PIPELINE),  # keeps the server running
        ):
            environment = inherited_environment() | connection | {"UYSP_HOME": str(home)}
            for label in ("first sync", "second sync"):
                done = run({label: [*UYSP, "sync"]}, environment)
                print(done.output, end="")
                calls = [int(line.split(" API calls")[0].split()[-1].replace(",", "")) for line in lines(done.output)]
                reading = sum(float(line.rsplit(", ", 1)[1].removesuffix(" s")) for line in lines(done.output))
                floor = f", floor {sum(calls) / options.rate:.1f} s" if options.rate else ""
                print(
                    f"{label}: {records:,} records in {sum(calls):,} calls; read and loaded in {reading:.1f} s{floor}, "
                    f"{records / reading:,.0f} records/s; whole process {done.seconds:.1f} s, {done.cpu:.1f} s CPU, "
                    f"peak {done.peak:.0f} MB"
                )
            asked = [run({"uysp ask": [*UYSP, "ask", "campaigns"]}, environment) for _ in range(COLD_STARTS)]
            print(
                f"uysp ask campaigns, cold start: median {statistics.median(one.seconds for one in asked):.2f} s "
                f"({statistics.median(one.cpu for one in asked):.2f} s CPU), "
                f"peak {max(one.peak for one in asked):.0f} MB"
            )


def lines(output: str) -> list[str]:
    return [line for line in output.splitlines() if " API calls" in line]


if __name__ == "__main__":
    try:
        main()
    except FailedError as error:
        sys.exit(str(error))
