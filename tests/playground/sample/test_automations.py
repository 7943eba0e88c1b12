"""The outside automations as a whole: one story a seed, patience with the server, and a clean end."""

import json
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import requests

from playground.airtable.behaviour import Behaviour
from playground.sample import schedulers
from playground.sample.endpoint import AwayError, Endpoint, RefusedError
from tests.playground.sample.world import UNHURRIED, World, running_world
from tests.waiting import eventually


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
        assert eventually(lambda: len(world.emulator.writes) > 2)
    try:
        time.sleep(0.3)
        assert thread.is_alive()
        with running_world(base_file, port=port) as world:
            assert eventually(lambda: len(world.emulator.writes) > 2)
            stop.set()
            thread.join(20)
            assert not thread.is_alive()
    finally:
        stop.set()
        thread.join(20)


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
        assert eventually(lambda: len(world.emulator.writes) > 3)
        process.send_signal(number)
        _, log = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 0
    assert "leads" in log
    assert world.their_token not in log
    assert not re.search(r"\d{10}|@|rec\w{14}|Traceback", log)
