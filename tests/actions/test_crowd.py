"""Fifty people at once: every note is there, once, and each person's are in their order."""

import re
import threading
import time

from tests.actions.world import Make, RealClock, World
from uysp.actions.rights import Person

PEOPLE = 50
NOTES = 20


def test_a_thousand_notes_of_fifty_people_on_ten_leads(make: Make) -> None:
    world: World = make(leads=10)
    world.settings = world.settings.model_copy(update={"uysp_writes_per_minute": 1000})
    world.clock = RealClock()
    ids = world.ids
    stop = threading.Event()
    workers = [threading.Thread(target=world.worker().run, args=(stop, 2)) for _ in range(2)]

    def write(number: int) -> None:
        person = Person(f"U{number}", f"Person {number}")
        for turn in range(NOTES):
            world.ask(world.note(ids[(number + turn) % 10], f"note {number}.{turn}"), person)

    people = [threading.Thread(target=write, args=(number,)) for number in range(PEOPLE)]
    for thread in (*workers, *people):
        thread.start()
    for thread in people:
        thread.join()
    while world.count("app.write_requests where state = 'pending'"):
        time.sleep(0.1)
    stop.set()
    for thread in workers:
        thread.join()
    found: list[tuple[int, int]] = []
    for lead in ids:
        in_order = [(int(a), int(b)) for a, b in re.findall(r"^note (\d+)\.(\d+)$", world.lead(lead)["Notes"], re.M)]
        for number in range(PEOPLE):
            own = [turn for person, turn in in_order if person == number]
            assert own == sorted(own)
        found += in_order
    assert sorted(found) == [(number, turn) for number in range(PEOPLE) for turn in range(NOTES)]
    assert world.count("app.write_messages") == PEOPLE * NOTES
