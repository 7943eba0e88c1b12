"""The sample base with all its automations around two hundred removals: who is removed is written to no more."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import Engine

from playground.airtable.schema import Base
from playground.airtable.server import running_emulator
from playground.airtable.store import Store
from playground.sample import reactions, schedulers
from playground.sample.automations import Automations
from playground.sample.base import write
from tests.actions.world import START, World, unlimited
from uysp.actions.model import State
from uysp.actions.removal import STOPPED_STATUSES
from uysp.settings import Settings

REMOVALS = 200
SENT = {"Sent", "SMS Sent"}
OTHERS: tuple[Callable[..., object], ...] = (
    *(reactions.reply_start, reactions.import_contact, reactions.clean_up, reactions.take_enriched, reactions.book),
    *(reactions.reply_stop, reactions.deliver, reactions.click, reactions.reply),
)


def stored(base: Base, table: str, begin: int = 0) -> Iterator[tuple[str, dict[str, Any]]]:
    """Record ids and stored cells by field name, from the record of this place on; nothing is computed."""
    found = base.table_named(table)
    assert found is not None
    names = {item.id: item.name for item in found.fields}
    for record in list(islice(found.records.values(), begin, None)):
        yield record.id, {names[field_id]: value for field_id, value in record.cells().items()}


class Play:
    """The automations and the people who remove leads, in turn.

    Attributes:
        removed: messages that had gone out to a lead by the moment of the confirmation.
        read_before: leads removed while a scheduler was between its read and its write.
    """

    def __init__(self, world: World, token: str) -> None:
        self.world = world
        self.rng = random.Random(5)
        automations = Automations(
            world.emulator.url, token, world.client.base_id, requests_per_second=1e9, clock=world.clock
        )
        self.outside = automations.outside
        self.removed: dict[str, int] = {}
        self.read_before: set[str] = set()
        self.sent: Counter[str] = Counter()  # messages that went out, by lead
        self.audited = 0
        self.attempts: list[str] = []
        self.turn = 0

    def remove(self, leads: list[str]) -> list[str]:
        """Somebody removes these leads together; returns those whom Airtable has confirmed."""
        left = REMOVALS - len(self.removed)
        chosen = [lead for lead in dict.fromkeys(leads) if lead not in self.removed][:left]
        if not chosen:
            return []
        self.read_audit()
        receipt = self.world.do(self.world.removal(*chosen, reason=f"Reason {self.turn}"))
        confirmed = [result.lead_id for result in receipt.results if result.state is State.DONE]
        self.removed |= {lead: self.sent[lead] for lead in confirmed}
        return confirmed

    def read_audit(self) -> None:
        """Take note of what schedulers wrote to their log."""
        for _, cells in stored(self.world.base, "SMS_Audit", self.audited):
            self.audited += 1
            lead, event = str(cells.get("Lead Record ID")), cells.get("Event")
            self.sent[lead] += event in SENT
            if event == "Send Attempt":
                self.attempts.append(lead)

    def in_gap(self, _seconds: float) -> None:
        """Some of those whom the scheduler is about to write to are removed."""
        self.attempts.clear()
        self.read_audit()
        due = self.attempts
        self.read_before.update(self.remove(self.rng.sample(due, min(2, len(due)))))

    def send(self, sleep: Callable[[float], None]) -> None:
        """The next generation of the scheduler runs."""
        self.outside.sleep = sleep
        schedulers.send(self.outside, schedulers.GENERATIONS[self.turn % len(schedulers.GENERATIONS)])
        self.outside.sleep = lambda _seconds: None
        self.turn += 1
        self.world.clock.advance(300)

    def active(self) -> list[str]:
        """Leads that may be written to."""
        return [
            lead for lead, cells in stored(self.world.base, "Leads")
            if cells.get("Processing Status") in {"In Sequence", "Ready for SMS", "Queued"} and lead not in self.removed
        ]  # fmt: skip

    def look(self) -> None:
        """Changes are read from Airtable and looked at."""
        self.world.sync()
        self.world.watch()
        self.world.work()

    def run(self) -> None:
        """Two hundred removals among everything else; then the others go on for a while."""
        while len(self.removed) < REMOVALS:
            self.send(self.in_gap)
            self.rng.choice(OTHERS)(self.outside)
            active = self.active()
            self.remove(self.rng.sample(active, min(3, len(active))))
            if self.turn % 5 == 0:
                self.look()
            assert self.turn < 200
        for _ in range(24):
            self.send(lambda _seconds: None)
        self.look()
        self.look()


def test_nobody_who_is_removed_is_written_to_again(
    tmp_path: Path, shared_engine: Engine, shared_settings: Settings
) -> None:
    path = tmp_path / "base.json"
    with path.open("w") as out:
        write(out, seed=11, leads=350, audit=50, now=START)
    with running_emulator(Store.load(path), unlimited()) as emulator:
        (base_id,) = emulator.store.bases
        ours, theirs = list(emulator.store.tokens or ())
        settings = shared_settings.model_copy(
            update={
                "airtable_endpoint_url": emulator.url,
                "airtable_api_key": SecretStr(ours),
                "airtable_base_id": base_id,
                "uysp_client": "stays",
                "uysp_writes_per_minute": 10_000,
            }
        )
        world = World(shared_engine, settings, emulator, settings.clients[0])
        emulator.store.clock.source = world.clock
        world.sync()
        play = Play(world, theirs)
        play.run()
        ours_so_far: set[str] = set()
        lifted: set[str] = set()
        for row in world.writes("SMS Stop"):
            if str(row.get("SMS Stop Reason")).startswith("Reason "):
                ours_so_far.add(row["id"])
            elif row["id"] in ours_so_far and row["SMS Stop"] is not True:
                lifted.add(row["id"])
        play.read_audit()
        for lead in play.removed.keys() - lifted:
            cells = world.lead(lead)
            assert cells["SMS Stop"] is True
            assert str(cells["Processing Status"]).strip() in STOPPED_STATUSES
            allowed = int(lead in play.read_before)
            assert play.sent[lead] - play.removed[lead] <= allowed, "a message after the confirmation"
        assert len(play.read_before) >= 20, "removals that met a scheduler between its read and its write"
        once_more = world.log("action = 'LEAD_STATUS_CHANGED' and actor_id = 'uysp' and outcome = 'done'")
        assert once_more, "statuses that were written over, and written once more"
        told = [said for about, _, said in world.messages() if about == "watch" and "lifted" in said]
        assert len(told) == len(lifted)
