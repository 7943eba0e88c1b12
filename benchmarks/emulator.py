"""How many full pages of leads the Airtable emulator serves on one core, to a client in a process of its own."""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import requests

from playground.sample import base


def read_leads(session: requests.Session, url: str, by_id: bool) -> tuple[int, int, int]:
    """Read all leads once; return pages, records and filled cells."""
    pages, records, cells = 0, 0, 0
    offset = None
    while pages == 0 or offset:
        parameters = {"offset": offset, "returnFieldsByFieldId": "true" if by_id else None}
        answer = session.get(url, params=parameters, timeout=30)
        answer.raise_for_status()
        page = answer.json()
        offset = page.get("offset")
        pages, records = pages + 1, records + len(page["records"])
        cells += sum(len(record["fields"]) for record in page["records"])
    return pages, records, cells


def measure(server: psutil.Process, session: requests.Session, url: str, rounds: int) -> None:
    """Read all leads a few times in both spellings; print what each round took."""
    for by_id in (True, False):
        for number in range(rounds):
            used, start = sum(server.cpu_times()[:2]), time.perf_counter()
            pages, records, cells = read_leads(session, url, by_id)
            seconds, used = time.perf_counter() - start, sum(server.cpu_times()[:2]) - used
            print(
                f"fields by {'id' if by_id else 'name'}, {'again' if number else 'for the first time'}: "
                f"{records:,} records of {cells / records:.0f} cells in {pages} pages, {pages / seconds:.0f} pages/s "
                f"with this client, {pages / used:.0f} pages per CPU second of the emulator"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leads", type=int, default=base.LEADS)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        path = Path(folder, "base.json")
        with path.open("w") as file:
            base.write(file, leads=options.leads)
        base_id = base.generate(leads=0, audit=0)["bases"][0]["id"]
        command = [sys.executable, "-m", "playground.airtable", "--no-rate-limit", "--no-persist", "--base", str(path)]
        start = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                url = server.stdout.readline().split()[-1]
                print(f"{path.stat().st_size / 2**20:.0f} MB of base file, up in {time.perf_counter() - start:.1f} s")
                session = requests.Session()
                session.headers["Authorization"] = f"Bearer {base.generate(leads=0, audit=0)['tokens'][0]['token']}"
                process = psutil.Process(server.pid)
                measure(process, session, f"{url}/v0/{base_id}/Leads", options.rounds)
                print(f"{process.memory_info().rss / 2**20:.0f} MB of memory")
            finally:
                server.terminate()


if __name__ == "__main__":
    main()
