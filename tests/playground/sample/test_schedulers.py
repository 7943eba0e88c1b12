"""The four generations of schedulers: whom they take, what they write, and what the gap between does."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from playground.sample import schedulers
from tests.playground.sample.sample import NOW, Cells
from tests.playground.sample.world import World


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
