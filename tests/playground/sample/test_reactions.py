"""Receipts, clicks, replies, bookings, imports and clean-up: which leads they reach, and which cells."""

import re
from datetime import datetime

from playground.sample import reactions
from playground.sample.outside import SentMessage
from tests.playground.sample.sample import NOW, Cells
from tests.playground.sample.world import World

BOOKING_ZEROES = {
    "SMS Sequence Position", "SMS Sent Count", "SMS Cost", "Click Count",
    "Company Score Component", "Role Score Component", "Dynamic Signals Score",
}  # fmt: skip


def ten_digits(cells: Cells) -> str | None:
    digits = re.sub(r"\D", "", cells.get("Phone", ""))
    match = re.fullmatch(r"1?(\d{10})", digits)
    return match and match[1]


def message_to(lead_id: str, cells: Cells) -> SentMessage:
    return SentMessage(
        lead_id, ten_digits(cells) or "", cells.get("Email", "").lower(), cells.get("Short Link ID", ""), NOW
    )


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
