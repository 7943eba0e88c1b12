"""Deletions: asked for twice, held back where they are many, undone where a record comes back."""

from typing import Any

import pytest
from sqlalchemy import Engine, text

from playground.airtable.server import Emulator
from tests.sync.conftest import LEADS, Reader
from tests.sync.raw_state import airtable_records, assert_history_is_sound, assert_raw_equals_airtable, present_records
from uysp.deletions import FEW, SHARE

FULL = {"full": True}
BY_HOOK: dict[str, Any] = {}
WAYS = {"named by payloads": BY_HOOK, "missing from a complete read": FULL}


def delete_leads(reader: Reader, emulator: Emulator, many: int) -> list[str]:
    ids = sorted(airtable_records(emulator, "leads"))[:many]
    emulator.store.delete(reader.client.base_id, "Leads", ids)
    return ids


def deleted_ids(engine: Engine, source_table: str = "leads") -> set[str]:
    with engine.connect() as connection:
        query = text(f"select record_id from raw.{source_table} where deleted_at is not null")
        return set(connection.execute(query).scalars())


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_as_many_as_a_person_may_delete_unasked_are_believed_at_once(
    way: dict[str, Any], reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    assert max(FEW, SHARE * LEADS) == FEW
    gone = delete_leads(reader, emulator, FEW)
    outcome = reader.sync(**way)["leads"]
    assert (outcome.deleted, outcome.error, outcome.alarm) == (FEW, None, None)
    assert deleted_ids(engine) == set(gone)
    assert_history_is_sound(engine)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_one_more_holds_all_of_them_back_until_a_person_confirms(
    way: dict[str, Any], reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    before = present_records(engine, "leads")
    gone = delete_leads(reader, emulator, FEW + 1)
    outcome = reader.sync(**way)["leads"]
    assert outcome.error is None
    assert outcome.alarm is not None
    assert f"{FEW + 1} records" in outcome.alarm
    assert "--accept-deletions" in outcome.alarm
    assert present_records(engine, "leads") == before
    assert reader.sync()["leads"].alarm == outcome.alarm, "it stays until somebody does something"
    accepted = reader.sync(accept_deletions=True)["leads"]
    assert (accepted.deleted, accepted.alarm) == (FEW + 1, None)
    assert deleted_ids(engine) == set(gone)
    assert reader.sync()["leads"].alarm is None
    assert_raw_equals_airtable(engine, emulator)
    assert_history_is_sound(engine)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_of_a_larger_table_a_twentieth_is_believed_and_one_more_is_not(
    way: dict[str, Any], reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    ids = sorted(airtable_records(emulator, "sms_audit"))
    twentieth = len(ids) // 20
    assert twentieth > FEW
    emulator.store.delete(reader.client.base_id, "SMS_Audit", ids[:twentieth])
    outcome = reader.sync(**way)["sms_audit"]
    assert (outcome.deleted, outcome.alarm) == (twentieth, None)
    emulator.store.delete(reader.client.base_id, "SMS_Audit", ids[twentieth : twentieth + 1])
    outcome = reader.sync(**way)["sms_audit"]
    assert outcome.deleted == 0
    assert outcome.alarm is not None
    assert deleted_ids(engine, "sms_audit") == set(ids[:twentieth])


def test_what_went_within_a_day_counts_together_in_whatever_way(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    first = delete_leads(reader, emulator, FEW - 1)
    assert reader.sync()["leads"].deleted == FEW - 1
    delete_leads(reader, emulator, 2)
    assert reader.sync(full=True)["leads"].alarm is not None
    assert deleted_ids(engine) == set(first)
    let_a_day_pass(engine)  # what is held waits for a person all the same
    assert reader.sync(full=True)["leads"].alarm is not None
    assert reader.sync(accept_deletions=True)["leads"].deleted == 2
    assert_raw_equals_airtable(engine, emulator)


def test_what_went_more_than_a_day_ago_counts_no_longer(reader: Reader, emulator: Emulator, engine: Engine) -> None:
    reader.sync()
    delete_leads(reader, emulator, FEW - 1)
    assert reader.sync()["leads"].deleted == FEW - 1
    let_a_day_pass(engine)
    delete_leads(reader, emulator, FEW)
    assert reader.sync(full=True)["leads"].deleted == FEW
    assert_raw_equals_airtable(engine, emulator)


def let_a_day_pass(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("update raw.leads set deleted_at = deleted_at - interval '25 hours'"))


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_what_a_person_confirmed_does_not_count_again(way: dict[str, Any], reader: Reader, emulator: Emulator) -> None:
    reader.sync()
    delete_leads(reader, emulator, FEW + 5)
    assert reader.sync(**way)["leads"].alarm is not None
    assert reader.sync(accept_deletions=True)["leads"].deleted == FEW + 5
    delete_leads(reader, emulator, 1)
    outcome = reader.sync(**way)["leads"]
    assert (outcome.deleted, outcome.alarm) == (1, None)
    delete_leads(reader, emulator, FEW)  # with the one that nobody confirmed one too many
    assert reader.sync(**way)["leads"].alarm is not None


def test_a_single_record_that_is_held_back_is_told_as_one(reader: Reader, emulator: Emulator) -> None:
    reader.sync()
    delete_leads(reader, emulator, FEW)
    assert reader.sync()["leads"].deleted == FEW
    delete_leads(reader, emulator, 1)
    alarm = reader.sync()["leads"].alarm
    assert alarm is not None
    assert alarm.startswith("1 record of leads of client uysp is gone from Airtable")
    assert "so it is kept and still counted; restore it" in alarm


def test_while_some_are_held_back_a_single_one_is_too(reader: Reader, emulator: Emulator, engine: Engine) -> None:
    reader.sync()
    delete_leads(reader, emulator, FEW + 1)
    reader.sync()
    delete_leads(reader, emulator, 1)
    alarm = reader.sync()["leads"].alarm
    assert alarm is not None
    assert f"{FEW + 2} records" in alarm
    assert deleted_ids(engine) == set()


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_what_is_held_back_waits_for_a_person_also_once_few_of_it_are_left(
    way: dict[str, Any], reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    gone = delete_leads(reader, emulator, FEW + 10)
    assert reader.sync(**way)["leads"].alarm is not None
    restored, left = gone[: FEW - 5], gone[FEW - 5 :]
    assert len(left) < FEW
    for record_id in restored:
        emulator.restore(reader.client.base_id, "Leads", record_id)
    for again in ({}, {}, FULL):
        alarm = reader.sync(**again)["leads"].alarm
        assert alarm is not None
        assert alarm.startswith(f"{len(left)} records of leads")
    assert reader.sweep()["leads"].alarm is not None
    assert deleted_ids(engine) == set()
    # What goes meanwhile waits with them.
    later = next(each for each in sorted(airtable_records(emulator, "leads")) if each not in gone)
    emulator.store.delete(reader.client.base_id, "Leads", [later])
    for again in ({}, FULL):
        assert f"{len(left) + 1} records" in str(reader.sync(**again)["leads"].alarm)
    assert deleted_ids(engine) == set()
    accepted = reader.sync(accept_deletions=True)["leads"]
    assert (accepted.deleted, accepted.alarm) == (len(left) + 1, None)
    assert deleted_ids(engine) == {*left, later}
    assert_raw_equals_airtable(engine, emulator)
    assert_history_is_sound(engine)


def held_and_restored(reader: Reader, emulator: Emulator) -> list[str]:
    """Have one deletion too many held back, and take all those leads from the trash again; returns them."""
    reader.sync()
    gone = delete_leads(reader, emulator, FEW + 1)
    assert reader.sync()["leads"].alarm is not None
    for record_id in gone:
        emulator.restore(reader.client.base_id, "Leads", record_id)
    return gone


def test_once_all_that_was_held_back_is_there_again_a_single_one_goes_as_on_any_other_day(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    gone = held_and_restored(reader, emulator)
    reader.sync()
    emulator.store.delete(reader.client.base_id, "Leads", gone[:1])
    outcome = reader.sync()["leads"]
    assert (outcome.deleted, outcome.alarm) == (1, None)
    assert deleted_ids(engine) == {gone[0]}


def test_a_sweep_sees_what_came_back_while_it_was_held_back(reader: Reader, emulator: Emulator) -> None:
    """Where no payload told of it, nothing else would, and it would hold later deletions back."""
    held_and_restored(reader, emulator)
    assert reader.sweep()["leads"].alarm is None


def test_a_table_that_loses_all_its_rows_keeps_them(reader: Reader, emulator: Emulator, engine: Engine) -> None:
    (base_id,) = emulator.store.bases
    keep = sorted(airtable_records(emulator, "campaigns"))[:3]
    others = set(airtable_records(emulator, "campaigns")) - set(keep)
    emulator.store.delete(base_id, "Campaigns", others)
    reader.sync()
    emulator.store.delete(base_id, "Campaigns", keep)
    assert reader.sync(full=True)["campaigns"].alarm is not None
    assert set(present_records(engine, "campaigns")) == set(keep)
    assert reader.sync(accept_deletions=True)["campaigns"].deleted == 3


def test_records_that_come_back_while_they_are_held_back_raise_no_alarm_any_longer(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    held_and_restored(reader, emulator)
    reader.sync()
    assert reader.sync()["leads"].alarm is None
    assert_raw_equals_airtable(engine, emulator)
    assert_history_is_sound(engine)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_a_record_that_comes_back_is_restored(
    way: dict[str, Any], reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    (gone,) = delete_leads(reader, emulator, 1)
    assert reader.sync(**way)["leads"].deleted == 1
    emulator.restore(reader.client.base_id, "Leads", gone)
    assert reader.sync(**way)["leads"].restored == 1
    assert deleted_ids(engine) == set()
    assert_raw_equals_airtable(engine, emulator)
    assert_history_is_sound(engine)


def test_a_record_that_a_listing_passed_over_is_asked_for_and_stays(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    """A listing that leaves records out is what would delete every lead (research/uysp.md section 6, 9 and 10)."""
    reader.sync()
    hidden = sorted(airtable_records(emulator, "leads"))[:FEW]
    emulator.hide_from_listings(hidden)
    assert (reader.sync(full=True)["leads"].deleted, reader.sweep()["leads"].deleted) == (0, 0)
    assert set(hidden) <= set(present_records(engine, "leads"))


def test_an_answer_of_half_the_table_deletes_nothing(reader: Reader, emulator: Emulator, engine: Engine) -> None:
    reader.sync()
    before = present_records(engine, "leads")
    emulator.hide_from_listings(sorted(before)[: LEADS // 2])
    outcome = reader.sync(full=True)["leads"]
    assert outcome.deleted == 0
    assert outcome.alarm is not None
    assert present_records(engine, "leads") == before
