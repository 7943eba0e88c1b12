"""The store across restarts, and the emulator as a process."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest
import requests

from playground.airtable.schema_edits import edit
from playground.airtable.store import Store
from tests.playground.airtable.conftest import BASE, CREATOR, campaign_id, record_id
from uysp.errors import ConfigurationError


def everything(store: Store) -> dict[str, object]:
    return {
        table.name: (
            table.described(),
            {i: (cells, table.records[i].modified) for i, cells in store.read_all(BASE, table.id)},
        )
        for table in store.bases[BASE].tables
    }


def write_a_little(store: Store) -> None:
    (new,) = store.create(BASE, "Leads", [{"Lead": "New", "Linked Campaign": [campaign_id(0)]}])
    store.update(BASE, "Leads", {record_id(0): {"Enrichment Outcome": "Error", "Linked Campaign": []}})
    store.update(BASE, "Leads", {new: {"Lead": "Newer"}, record_id(1): {"HRQ Status": None}})
    store.delete(BASE, "Leads", [record_id(2)])


def test_edits_survive_a_crash(base_path: Path) -> None:
    store = Store.load(base_path, persist=True)
    write_a_little(store)
    assert everything(Store.load(base_path, persist=True)) == everything(store)


def test_edits_survive_a_clean_stop_in_the_base_file_alone(base_path: Path) -> None:
    store = Store.load(base_path, persist=True)
    write_a_little(store)
    store.close()
    assert base_path.with_name("base.json.journal").read_bytes() == b""
    again = Store.load(base_path)
    assert everything(again) == everything(store)
    assert again.tokens == store.tokens


def test_a_crash_between_rewriting_and_clearing_does_no_harm(base_path: Path) -> None:
    store = Store.load(base_path, persist=True)
    write_a_little(store)
    journal = base_path.with_name("base.json.journal")
    lines = journal.read_bytes()
    store.close()
    journal.write_bytes(lines)
    assert everything(Store.load(base_path, persist=True)) == everything(store)


def test_a_line_cut_short_by_a_crash_is_left_out_and_does_not_spoil_the_next(base_path: Path) -> None:
    store = Store.load(base_path, persist=True)
    store.update(BASE, "Leads", {record_id(0): {"Lead": "Kept"}})
    with base_path.with_name("base.json.journal").open("ab") as journal:
        journal.write(b'{"base":"app')
    store = Store.load(base_path, persist=True)
    store.update(BASE, "Leads", {record_id(1): {"Lead": "Kept too"}})
    store = Store.load(base_path, persist=True)
    assert [store.read(BASE, "Leads", record_id(n))["Lead"] for n in (0, 1)] == ["Kept", "Kept too"]


def test_schema_edits_survive(base_path: Path) -> None:
    store = Store.load(base_path, persist=True)
    edit(store, BASE, "rename_field", table="Leads", field="Lead", name="Person")
    assert Store.load(base_path, persist=True).read(BASE, "Leads", record_id(0))["Person"] == "Lead 0"


def test_without_persistence_the_file_stays_as_it_is(base_path: Path) -> None:
    before = base_path.read_bytes()
    store = Store.load(base_path)
    write_a_little(store)
    store.close()
    assert base_path.read_bytes() == before
    assert list(base_path.parent.iterdir()) == [base_path]


def test_links_given_on_one_side_are_completed_on_the_other(base_path: Path) -> None:
    linked = Store.load(base_path).read(BASE, "Campaigns", campaign_id(0))["Leads"]
    assert linked[:2] == [record_id(0), record_id(3)]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"bases":[{}]}', b'{"bases":[],"tokens":[{"nope":1}]}'])
def test_what_is_no_base_file_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "wrong.json"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"wrong\.json is no base file"):
        Store.load(path)


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "playground.airtable", *arguments]


@contextmanager
def emulator_process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().split()[-1]
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_the_process_keeps_its_state_however_it_ends(base_path: Path, number: signal.Signals) -> None:
    with emulator_process("--base", str(base_path), "--no-rate-limit") as (process, url):
        address, headers = f"{url}/v0/{BASE}/Leads/{record_id(0)}", {"Authorization": f"Bearer {CREATOR}"}
        body = {"fields": {"Lead": "Kept"}}
        assert requests.patch(address, json=body, headers=headers, timeout=10).status_code == 200
        os.kill(process.pid, number)
        status = process.wait(20)
    assert status == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    assert Store.load(base_path, persist=True).read(BASE, "Leads", record_id(0))["Lead"] == "Kept"


def test_a_missing_file_and_a_used_port_end_in_one_line(base_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        used = str(taken.getsockname()[1])
        for arguments in [("--base", "nowhere.json"), ("--base", str(base_path), "--port", used)]:
            ended = subprocess.run(command(*arguments), capture_output=True, text=True, timeout=30, check=False)
            assert ended.returncode == 2
            assert len(ended.stderr.splitlines()) == 1
    assert orjson.loads(base_path.read_bytes())["bases"]
