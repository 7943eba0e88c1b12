"""Random schedules of faults: at rest every request has happened once, in the order of its lead, and nothing is lost.

UYSP_SCHEDULES says how many (100). A fifth of them run in real processes that are ended by kill -9, the others on a set
clock, cut off at any statement.
"""

import itertools
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import Engine, text

from playground.airtable.server import Emulator
from tests.actions import writer
from tests.actions.test_exactly_once import WIRE, cut_off
from tests.actions.world import ANNA, BEN, RealClock, World, empty, make_world
from uysp.actions.model import State
from uysp.settings import Settings, inherited_environment

SCHEDULES = int(inherited_environment().get("UYSP_SCHEDULES", "100"))
KILLED = max(1, SCHEDULES // 5)
GROUPS = 8  # schedules on a set clock share a base with others of their group
PEOPLE = (ANNA, BEN)


@dataclass
class Story:
    """What was asked for in one schedule.

    Attributes:
        notes: by lead, the texts in the order in which they were asked for.
        by_hand: by lead, what people added in Airtable themselves.
    """

    world: World
    rng: random.Random
    leads: list[str]
    references: list[str] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)
    removed: set[str] = field(default_factory=set)
    by_hand: dict[str, list[str]] = field(default_factory=dict)
    number: int = 0

    def ask(self) -> None:
        """Somebody asks for something, perhaps delivered twice."""
        lead, person = self.rng.choice(self.leads), self.rng.choice(PEOPLE)
        self.number += 1
        word = f"word{self.number}"
        if self.rng.random() < 0.75:
            asked = self.world.note(lead, word)
            self.notes.setdefault(lead, []).append(word)
        else:
            asked = self.world.removal(lead, reason=word)
            self.removed.add(lead)
        key = f"{self.leads[0]} {word}"
        self.references.append(self.world.ask(asked, person, key=key).reference)
        if self.rng.random() < 0.3:
            self.world.ask(asked, person, key=key)

    def edit(self) -> None:
        """Somebody writes on in Airtable."""
        lead = self.rng.choice(self.leads)
        self.number += 1
        line = f"by hand {self.number}"
        self.by_hand.setdefault(lead, []).append(line)
        self.world.edit(lead, Notes=f"{self.world.lead(lead).get('Notes', '')}\n{line}")

    def fail(self, **more: Any) -> None:
        """The wire will fail."""
        fault = dict(self.rng.choice(WIRE)) | more
        self.world.emulator.fail(
            method=self.rng.choice(("GET", "PATCH", None)),
            path=self.world.base.id,
            skip=self.rng.randrange(2),
            times=self.rng.choice((1, 1, 2, 7)),
            **fault,
        )

    def work(self) -> None:
        """What is due is carried out."""
        self.world.work()

    def work_and_die(self) -> None:
        """What is due is carried out, by a process that ends at some statement."""
        cut_off(self.world, self.rng.randrange(30))

    def wait(self) -> None:
        """Time passes."""
        self.world.clock.advance(self.rng.choice((1, 3, 40)))

    def look(self) -> None:
        """The wire is well for once, and changes are read from Airtable."""
        self.world.emulator.heal()
        self.world.sync()
        self.world.watch()

    def check(self) -> None:
        """Hold what Airtable has, and its journal, against what was asked for."""
        world = self.world
        journal = world.writes()
        for lead in self.leads:
            now = str(world.lead(lead).get("Notes") or "")
            words = [line for line in now.splitlines() if line.startswith("word")]
            assert words == self.notes.get(lead, []), "each once, in their order"
            for line in self.by_hand.get(lead, []):
                assert now.count(f"{line}\n") + now.endswith(line) == 1
            changes = [row for row in journal if row["id"] == lead]
            written = Counter(
                word for before, after in pairs(changes, "Notes") for word in self.notes.get(lead, ())
                if f"\n{word}\n" in f"{after}\n" and f"\n{word}\n" not in f"{before}\n"
            )  # fmt: skip
            assert set(written.values()) <= {1}, "written a second time"
            stops = [row for row in changes if row.get("SMS Stop") is True]
            assert len(stops) == (lead in self.removed)
        for reference in self.references:
            receipt = world.receipt(reference)
            assert receipt.is_well, receipt.said
            quoted = f"where reference = '{reference}'"
            assert world.count(f"app.write_messages {quoted} and kind = 'result'") == 1
            assert world.count(f"app.activity_log where details ->> 'reference' = '{reference}'") == 1
        assert world.count(f"app.write_requests where state = 'pending' and client = '{world.client.key}'") == 0


def pairs(changes: list[dict[str, Any]], name: str) -> list[tuple[str, str]]:
    """The texts of a cell before and after each of its changes."""
    texts = [""] + [str(row[name] or "") for row in changes if name in row]
    return list(itertools.pairwise(texts))


@pytest.mark.parametrize("group", range(GROUPS))
def test_schedules_on_a_set_clock(
    group: int, shared_engine: Engine, shared_settings: Settings, shared_emulator: Emulator
) -> None:
    seeds = range(group, SCHEDULES - KILLED, GROUPS)
    empty(shared_engine, shared_emulator)
    settings = shared_settings.model_copy(update={"uysp_writes_per_minute": 10_000})
    world = make_world(shared_engine, settings, shared_emulator, leads=3 * len(seeds))
    ids = world.ids
    for place, seed in enumerate(seeds):
        story = Story(world, random.Random(seed), ids[3 * place : 3 * place + 3])
        steps = (*(story.ask,) * 3, story.edit, story.fail, story.work, story.work_and_die, story.wait, story.look)
        for _ in range(story.rng.randrange(6, 14)):
            story.rng.choice(steps)()
        world.emulator.heal()
        world.clock.advance(40)
        world.settle()
        world.sync()
        world.watch()
        assert world.work() == 0, f"schedule {seed}: something was mended that was not broken"
        story.check()


def test_schedules_with_processes_that_are_killed(
    shared_engine: Engine, shared_settings: Settings, shared_emulator: Emulator
) -> None:
    empty(shared_engine, shared_emulator)
    nursery = writer.nursery()
    settings = shared_settings.model_copy(update={"uysp_writes_per_minute": 10_000})

    def play(seed: int) -> None:
        world = make_world(shared_engine, settings, shared_emulator, leads=3)
        world.clock = RealClock()
        story = Story(world, random.Random(f"killed {seed}"), world.ids)

        def start() -> Any:
            process = nursery.Process(target=writer.run, args=(world.settings, 2), daemon=True)
            process.start()
            return process

        bots = [start(), start()]
        try:
            for _ in range(story.rng.randrange(2, 4)):
                for _ in range(story.rng.randrange(1, 4)):
                    story.ask()
                if story.rng.random() < 0.6:
                    story.fail(latency=story.rng.uniform(0, 0.3))
                time.sleep(story.rng.uniform(0.02, 0.4))
                bot = story.rng.choice(bots)
                bot.kill()  # SIGKILL
                bots[bots.index(bot)] = start()
            for fault in list(shared_emulator.state.faults):
                if fault.path == world.base.id:
                    fault.times = 0
            ends = time.monotonic() + 60
            while world.count(f"app.write_requests where state = 'pending' and client = '{world.client.key}'"):
                assert time.monotonic() < ends, "something is pending still"
                with world.engine.begin() as connection:  # long pauses are for long outages
                    connection.execute(
                        text("""
                            update app.write_requests
                            set next_attempt_at = least(next_attempt_at, now() + interval '1 s')
                            where client = :client and state = :pending
                        """),
                        {"client": world.client.key, "pending": State.PENDING},
                    )
                time.sleep(0.1)
        finally:
            for bot in bots:
                bot.kill()
                bot.join()
        story.check()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(play, range(KILLED)))
