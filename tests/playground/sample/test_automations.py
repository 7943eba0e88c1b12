"""The outside automations against the emulated Airtable, over HTTP."""

import json
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from playground.airtable.behaviour import Behaviour
from playground.airtable.clock import Clock
from playground.airtable.server import Emulator, running_emulator
from playground.airtable.store import Store
from playground.sample import reactions, schedulers
from playground.sample.automations import Automations
from playground.sample.base import write
from playground.sample.endpoint import AwayError, Endpoint, RefusedError
from playground.sample.outside import Outside, SentMessage

Cells = dict[str, Any]

NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
UNHURRIED = 10_000.0  # requests a second, where the test is not about the rate
BOOKING_ZEROES = {
    "SMS Sequence Position", "SMS Sent Count", "SMS Cost", "Click Count",
    "Company Score Component", "Role Score Component", "Dynamic Signals Score",
}  # fmt: skip


class World:
    """A sample base behind a running emulator, looked at past the automations."""

    def __init__(self, emulator: Emulator, document: dict[str, Any]) -> None:
        self.emulator = emulator
        self.base_id: str = document["bases"][0]["id"]
        self.our_token, self.their_token = (token["token"] for token in document["tokens"])
        self.names = {f["id"]: f["name"] for table in document["bases"][0]["tables"] for f in table["fields"]}
        self.template_keys = {
            (r["fields"]["Campaign"].strip(), r["fields"]["Variant"], r["fields"]["Step"])
            for r in document["bases"][0]["tables"][2]["records"]
        }
        self._headers = {"Authorization": f"Bearer {self.our_token}"}

    def rows(self, table: str) -> dict[str, Cells]:
        found: dict[str, Cells] = {}
        parameters: Cells = {}
        while True:
            page = requests.get(self._address(table), parameters, headers=self._headers, timeout=10).json()
            found |= {record["id"]: record["fields"] for record in page["records"]}
            if "offset" not in page:
                return found
            parameters["offset"] = page["offset"]

    def patch(self, record_id: str, cells: Cells) -> None:
        body = {"records": [{"id": record_id, "fields": cells}]}
        requests.patch(self._address("Leads"), json=body, headers=self._headers, timeout=10).raise_for_status()

    def changes(self) -> list[tuple[str, str, set[str]]]:
        """Table, record id and names of the changed fields of every write to a record that was there."""
        return [
            (
                entry["table"],
                entry["id"],
                {
                    self.names[field]
                    for field in entry["before"].keys() | entry["after"].keys()
                    if entry["before"].get(field) != entry["after"].get(field)
                },
            )
            for entry in self.emulator.writes
            if entry["before"] is not None
        ]

    def outside(self, seed: int = 1, sleep: Callable[[float], None] = lambda _: None, gap: float = 0) -> Outside:
        endpoint = Endpoint(self.emulator.url, self.their_token, self.base_id, requests_per_second=UNHURRIED)
        return Outside(endpoint, random.Random(seed), lambda: NOW, gap, sleep)

    def automations(self, seed: int = 1, **arguments: Any) -> Automations:
        options: Cells = {"gap": 0, "requests_per_second": UNHURRIED, "clock": lambda: NOW} | arguments
        return Automations(self.emulator.url, self.their_token, self.base_id, seed, **options)

    def _address(self, table: str) -> str:
        return f"{self.emulator.url}/v0/{self.base_id}/{table}"


@pytest.fixture(scope="module")
def base_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("sample") / "base.json"
    with file.open("w", encoding="ascii") as out:
        write(out, seed=5, leads=700, audit=300, now=NOW)
    return file


@contextmanager
def running_world(file: Path, behaviour: Behaviour | None = None, port: int = 0) -> Iterator[World]:
    unlimited = Behaviour(requests_per_second=None, user_requests_per_second=None)
    store = Store.load(file, clock=Clock(lambda: NOW))
    with running_emulator(store, behaviour or unlimited, port) as emulator:
        yield World(emulator, json.loads(file.read_text(encoding="ascii")))


@pytest.fixture
def world(base_file: Path) -> Iterator[World]:
    with running_world(base_file) as running:
        yield running


def ten_digits(cells: Cells) -> str | None:
    digits = re.sub(r"\D", "", cells.get("Phone", ""))
    match = re.fullmatch(r"1?(\d{10})", digits)
    return match and match[1]


def message_to(lead_id: str, cells: Cells) -> SentMessage:
    return SentMessage(
        lead_id, ten_digits(cells) or "", cells.get("Email", "").lower(), cells.get("Short Link ID", ""), NOW
    )


def test_the_same_seed_plays_the_same_story(base_file: Path) -> None:
    stories = []
    for _ in range(2):
        with running_world(base_file) as world:
            there = world.rows("Leads").keys()
            happenings = world.automations(seed=9).step(40)
            stories.append([(h.kind, [one if one in there else "new" for one in h.lead_ids]) for h in happenings])
    assert stories[0] == stories[1]
    assert len({kind for kind, _ in stories[0]}) > 6


def test_what_is_played_keeps_to_the_options_but_for_undelivered(world: World) -> None:
    world.automations(seed=2).step(120)
    schema = requests.get(
        f"{world.emulator.url}/v0/meta/bases/{world.base_id}/tables",
        headers={"Authorization": f"Bearer {world.our_token}"},
        timeout=10,
    ).json()
    specified = json.loads((Path(schedulers.__file__).parent / "airtable_base.json").read_text(encoding="utf-8"))
    for table, wanted in zip(schema["tables"], specified["tables"], strict=True):
        for field, one in zip(table["fields"], wanted["fields"], strict=True):
            names = {choice["name"] for choice in field.get("options", {}).get("choices", ())}
            added = names - set(one.get("choices", ()))
            assert added <= ({"Undelivered"} if field["name"] == "SMS Status" else set())


def may_be_texted(cells: Cells) -> bool:
    return "Phone Valid" in cells and "Phone" in cells and not cells.keys() & {"SMS Stop", "Booked"}


def is_at_rest(cells: Cells) -> bool:
    last = cells.get("SMS Last Sent At")
    return last is None or datetime.fromisoformat(last) < NOW - timedelta(days=1)


DUE: dict[str, Callable[[Cells], bool]] = {
    "august": lambda c: (
        may_be_texted(c)
        and c.get("Processing Status") in ("Queued", "In Sequence")
        and (c.get("SMS Sequence Position", 0) > 0 or "SMS Eligible" in c)
    ),
    "september": lambda c: (
        may_be_texted(c)
        and "SMS Eligible" in c
        and "Current Coaching Client" not in c
        and is_at_rest(c)
        and (
            c.get("Processing Status") == "In Sequence"
            or (c.get("Processing Status") == "Ready for SMS" and c.get("SMS Batch Control") == "Active")
        )
    ),
    "october": lambda c: (
        may_be_texted(c)
        and c.get("SMS Batch Control") == "Active"
        and (not c.get("SMS Sequence Position", 0) > 0 or is_at_rest(c))
    ),
    "november": lambda c: (
        may_be_texted(c)
        and c.get("Processing Status") == "Ready for SMS"
        and c.get("Lead Source") == "Standard Form"
        and "Current Coaching Client" not in c
        and datetime.fromisoformat(c["Imported At"]) < NOW - timedelta(hours=1)
    ),
}


@pytest.mark.parametrize("generation", schedulers.GENERATIONS, ids=lambda generation: generation.name)
def test_a_scheduler_takes_whom_its_generation_took_and_logs_what_it_did(
    generation: schedulers.Generation, world: World
) -> None:
    before, logged_before = world.rows("Leads"), world.rows("SMS_Audit").keys()
    done = [schedulers.send(world.outside(seed), generation) for seed in range(4)]
    touched = {one for happening in done for one in happening.lead_ids}
    assert len(touched) > 3
    assert all(DUE[generation.name](before[one]) for one in touched)

    after = world.rows("Leads")
    log = [cells for key, cells in world.rows("SMS_Audit").items() if key not in logged_before]
    attempts = [c for c in log if c["Event"] == "Send Attempt"]
    results = [c for c in log if c["Event"] in ("Sent", "SMS Sent", "Send Failed")]
    assert len(results) == sum(len(happening.lead_ids) for happening in done)
    assert len(attempts) == (0 if generation.name == "august" else len(results))
    assert {c["Lead Record ID"] for c in log} == touched
    for one in touched:
        sent = [c for c in results if c["Lead Record ID"] == one and c["Event"] != "Send Failed"]
        cells, was = after[one], before[one]
        assert cells.get("SMS Sent Count", 0) == int(was.get("SMS Sent Count", 0)) + len(sent)
        if generation.name == "november":
            assert cells["SMS Sequence Position"] == cells["Click Count"] == cells["Reply Count"] == 0
            assert cells["Engagement - Total Score"] == cells["🤖 total_ai_messages_sent"] == 0
            assert cells["Processing Status"] == ("In Sequence" if sent else "Ready for SMS")
        elif sent:
            assert cells["SMS Sequence Position"] == int(was.get("SMS Sequence Position", 0)) + len(sent)
            is_done = cells["SMS Sequence Position"] >= 3
            assert cells["Processing Status"] == ("Complete" if is_done else "In Sequence")
        else:
            assert (cells["SMS Status"], cells["Processing Status"]) == ("Failed", "Complete")
    for cells in results:
        assert "{" not in cells["Text"], "a placeholder was not filled in"


def test_a_removal_in_the_gap_between_read_and_write_is_half_undone(world: World) -> None:
    """A removal that only sets the status would be lost; the stop stays."""
    before = world.rows("Leads")
    gaps: list[float] = []

    def remove_everybody_who_is_due(seconds: float) -> None:
        gaps.append(seconds)
        for lead_id, cells in before.items():
            if DUE["november"](cells):
                world.patch(lead_id, {"Processing Status": "Stopped", "SMS Stop": True})

    happening = schedulers.send(world.outside(sleep=remove_everybody_who_is_due, gap=17), schedulers.GENERATIONS[3])
    assert gaps == [17]
    after = world.rows("Leads")
    sent = [one for one in happening.lead_ids if after[one]["SMS Status"] == "Sent"]
    assert sent
    assert all(after[one]["Processing Status"] == "In Sequence" and after[one]["SMS Stop"] for one in sent)


def test_stop_reaches_every_row_of_the_phone_and_no_other_and_start_takes_it_back(world: World) -> None:
    before = world.rows("Leads")
    phones = [phone for cells in before.values() if (phone := ten_digits(cells))]
    shared = next(phone for phone in phones if phones.count(phone) > 1)
    rows = {lead_id for lead_id, cells in before.items() if ten_digits(cells) == shared}

    assert set(reactions.stop_phone(world.outside(), shared).lead_ids) == rows
    after = world.rows("Leads")
    for lead_id, cells in after.items():
        if lead_id in rows:
            assert (cells["SMS Stop"], cells["SMS Stop Reason"], cells["Processing Status"]) == (
                True,
                "STOP",
                "Stopped",
            )
        else:
            assert cells == before[lead_id]

    for lead_id, cells in after.items():
        if "SMS Stop" in cells and lead_id not in rows:
            world.patch(lead_id, {"SMS Stop": False})
    assert set(reactions.reply_start(world.outside()).lead_ids) >= {one for one in rows if "Booked" not in after[one]}
    restarted = world.rows("Leads")
    for cells in (restarted[lead_id] for lead_id in rows):
        assert not cells.keys() & {"SMS Stop", "SMS Stop Reason"}
        assert cells["Processing Status"] == "Queued"


def test_a_booking_zeroes_the_counters_of_the_one_lead_with_that_mail(world: World) -> None:
    before = world.rows("Leads")
    mails = [cells.get("Email", "").lower() for cells in before.values()]
    lead_id, cells = next(
        (one, c)
        for one, c in before.items()
        if c.get("Click Count", 0) > 0 and "Booked" not in c and mails.count(c.get("Email", "").lower()) == 1
    )
    assert reactions.book_email(world.outside(), message_to(lead_id, cells)).lead_ids == (lead_id,)
    after = world.rows("Leads")[lead_id]
    assert {name: after[name] for name in BOOKING_ZEROES} == dict.fromkeys(BOOKING_ZEROES, 0)
    assert (after["Booked"], after["SMS Stop"], after["SMS Stop Reason"]) == (True, True, "BOOKED")
    assert after["Processing Status"] == "Completed"
    assert datetime.fromisoformat(after["Booked At"]) > NOW


def test_a_booking_for_a_mail_that_two_rows_have_is_lost(world: World) -> None:
    mails: dict[str, list[str]] = {}
    before = world.rows("Leads")
    for lead_id, cells in before.items():
        if "@" in cells.get("Email", ""):
            mails.setdefault(cells["Email"].lower(), []).append(lead_id)
    twice = next(rows[0] for rows in mails.values() if len(rows) > 1)
    assert reactions.book_email(world.outside(), message_to(twice, before[twice])).lead_ids == ()
    assert world.emulator.writes == []


def test_the_tracker_writes_its_total_again_over_the_zero_of_a_booking(world: World) -> None:
    outside = world.outside()
    lead_id, cells = next(
        (one, c) for one, c in world.rows("Leads").items() if c.get("Click Count", 0) >= 1 and "Short Link ID" in c
    )
    outside.click_totals[cells["Short Link ID"]] = 1
    reactions.track_clicks(outside)
    world.patch(lead_id, {"Click Count": 0, "Clicked Link": False})
    reactions.track_clicks(outside)
    after = world.rows("Leads")[lead_id]
    assert after["Click Count"] == int(cells["Click Count"])
    assert after["Clicked Link"] is True


def test_an_import_of_a_known_person_touches_phone_and_tags_alone(world: World) -> None:
    kinds = [reactions.import_contact(world.outside(seed)).kind for seed in range(12)]
    assert {"import of a known person", "import of a new person"} <= set(kinds)
    fields = [names for table, _, names in world.changes() if table == "Leads"]
    assert fields
    assert set().union(*fields) <= {"Phone", "Kajabi Tags"}


def test_a_delivery_is_a_new_record_and_a_status(world: World) -> None:
    before = world.rows("SMS_Audit")
    for seed in range(5):
        reactions.deliver(world.outside(seed))
    new = [cells for key, cells in world.rows("SMS_Audit").items() if key not in before]
    assert [cells["Event"] for cells in new] == ["Delivery"] * 5
    assert all(cells.keys() == {"Event", "Phone", "Status", "Delivery At"} for cells in new)
    assert set().union(*(names for table, _, names in world.changes() if table == "Leads")) <= {"SMS Status"}
    assert len(before) + 5 == len(world.rows("SMS_Audit"))


def test_stopped_and_complete_leads_leave_the_batch_but_completed_ones_stay(world: World) -> None:
    before = world.rows("Leads")
    stopped, complete, completed, untouched = [one for one, c in before.items() if "SMS Stop" not in c][:4]
    for lead_id, cells in (
        (stopped, {"SMS Stop": True}),
        (complete, {"Processing Status": "Complete"}),
        (completed, {"Processing Status": "Completed"}),
        (untouched, {"Processing Status": "Ready for SMS"}),
    ):
        world.patch(lead_id, {"SMS Batch Control": "Active", **cells})
    reactions.clean_up(world.outside())
    after = world.rows("Leads")
    assert "SMS Batch Control" not in after[stopped]
    assert "SMS Batch Control" not in after[complete]
    assert after[completed]["SMS Batch Control"] == after[untouched]["SMS Batch Control"] == "Active"


def test_a_locked_base_is_waited_for(base_file: Path) -> None:
    strict = Behaviour(requests_per_second=5, lock_seconds=0.2)
    with running_world(base_file, strict) as world:
        happenings = world.automations(lock_seconds=0.25).step(8)
        assert len(happenings) == 8
        statuses = [request.status for request in world.emulator.requests]
    assert statuses.count(429) > 0
    assert set(statuses) <= {200, 429}


def test_the_rate_that_was_asked_for_is_kept(world: World) -> None:
    rate = 25
    started = time.monotonic()
    world.automations(requests_per_second=rate).step(6)
    calls = len(world.emulator.requests)
    assert time.monotonic() - started >= (calls - 1) / rate


def test_a_wrong_token_and_a_server_that_is_away_are_told_apart(world: World) -> None:
    with pytest.raises(RefusedError):
        Endpoint(world.emulator.url, "patWrong", world.base_id, requests_per_second=UNHURRIED).select("Leads", "TRUE()")
    world.emulator.fail(status=503)
    with pytest.raises(AwayError):
        world.automations().step(3)


def test_automations_go_on_when_the_server_comes_back(base_file: Path) -> None:
    stop = threading.Event()
    with running_world(base_file) as world:
        port = int(world.emulator.url.rpartition(":")[2])
        automations = world.automations(speed=60_000)
        thread = threading.Thread(target=automations.run, args=[stop])
        thread.start()
        wait_for(lambda: len(world.emulator.writes) > 2)
    try:
        time.sleep(0.3)
        assert thread.is_alive()
        with running_world(base_file, port=port) as world:
            wait_for(lambda: len(world.emulator.writes) > 2)
            stop.set()
            thread.join(5)
            assert not thread.is_alive()
    finally:
        stop.set()
        thread.join(5)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_process_ends_on_a_signal_and_its_log_names_nobody(number: signal.Signals, world: World) -> None:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "playground.sample.automations"),
            *("--endpoint", world.emulator.url, "--token", world.their_token, "--base", world.base_id),
            *("--speed", "6000", "--gap", "0", "--rate", "50"),
        ],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: len(world.emulator.writes) > 3)
        process.send_signal(number)
        _, log = process.communicate(timeout=5)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "leads" in log
    assert world.their_token not in log
    assert not re.search(r"\d{10}|@|rec\w{14}|Traceback", log)


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
