"""A large table is read by several listings at once where answers are slow: whole, and with few requests more."""

import math
import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from playground.airtable.moments import wire_time
from playground.airtable.server import Emulator
from tests.sync.conftest import Reader
from uysp.airtable import ranges
from uysp.airtable.client import Gateway
from uysp.airtable.limiter import Kind
from uysp.errors import AirtableError

RECORDS = 1_400
SLOW = 0.11
START, END = datetime(2025, 2, 3, 4, 5, 6, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)


def spread(chance: random.Random, _: int) -> datetime:
    return START + chance.random() * (END - START)


def imported(_: random.Random, number: int) -> datetime:
    """Nearly all within one second, as an import makes them."""
    return START if number % 50 else END


def growing(chance: random.Random, _: int) -> datetime:
    return START + math.sqrt(math.sqrt(chance.random())) * (END - START)


def fill(emulator: Emulator, created: Callable[[random.Random, int], datetime]) -> str:
    """Make the audit table large; return its id."""
    (base_id,) = emulator.store.bases
    chance = random.Random(3)
    _, table = emulator.store.table(base_id, "SMS_Audit")
    ids = emulator.store.create(base_id, "SMS_Audit", [{"Event": f"Sent {number}"} for number in range(RECORDS)])
    for number, record_id in enumerate(ids):
        table.records[record_id].created = wire_time(created(chance, number).replace(microsecond=0))
    return table.id


def standing(emulator: Emulator, table_id: str) -> set[str]:
    (base_id,) = emulator.store.bases
    return set(emulator.store.table(base_id, table_id)[1].records)


def read(gateway: Gateway, table_id: str, rate: float = 100) -> list[str]:
    return [record["id"] for page in ranges.all_pages(gateway, table_id, rate, Kind.SWEEP) for record in page]


def reading_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("range")]


@pytest.mark.parametrize("created", [spread, imported, growing])
def test_slow_answers_are_asked_for_side_by_side_and_nothing_is_missing(
    created: Callable[[random.Random, int], datetime], reader: Reader, emulator: Emulator
) -> None:
    table_id = fill(emulator, created)
    expected = standing(emulator, table_id)
    emulator.fail(latency=SLOW, times=None)
    gateway = reader.gateway
    ids: list[str] = []
    at_once = 0
    for page in ranges.all_pages(gateway, table_id, 100, Kind.SWEEP):
        at_once = max(at_once, len(reading_threads()))
        ids += [record["id"] for record in page]
    assert set(ids) == expected
    assert at_once == ranges.MOST_WORKERS
    # What was read before it was known to be slow comes twice, and nothing else does.
    assert len(ids) == len(expected) + 100 * ranges.PAGES_FIRST
    pages = -(-len(expected) // 100)
    assert gateway.calls <= pages + ranges.PAGES_FIRST + ranges.PROBES + 2 * ranges.RANGES
    assert gateway.calls == len(emulator.requests)
    assert reading_threads() == []


def test_answers_at_once_are_read_by_one_listing(reader: Reader, emulator: Emulator) -> None:
    table_id = fill(emulator, spread)
    gateway = reader.gateway
    assert sorted(read(gateway, table_id)) == sorted(standing(emulator, table_id))
    assert gateway.calls == -(-len(standing(emulator, table_id)) // 100)


def test_a_low_rate_is_one_listing_too(reader: Reader, emulator: Emulator) -> None:
    table_id = fill(emulator, spread)
    emulator.fail(latency=SLOW, times=None)
    gateway = reader.gateway
    assert sorted(read(gateway, table_id, rate=5)) == sorted(standing(emulator, table_id))
    assert gateway.calls == -(-len(standing(emulator, table_id)) // 100)


def test_what_is_created_and_deleted_meanwhile_hides_nothing_else(reader: Reader, emulator: Emulator) -> None:
    table_id = fill(emulator, spread)
    (base_id,) = emulator.store.bases
    before = standing(emulator, table_id)
    emulator.fail(latency=SLOW, times=None)
    ids: set[str] = set()
    for number, page in enumerate(ranges.all_pages(reader.gateway, table_id, 100, Kind.SWEEP)):
        ids |= {record["id"] for record in page}
        if number == ranges.PAGES_FIRST + 2:
            emulator.store.create(base_id, "SMS_Audit", [{"Event": "Sent"}] * 150)
            emulator.store.delete(base_id, "SMS_Audit", sorted(before)[:150])
    assert before - set(sorted(before)[:150]) <= ids


def test_listings_that_expired_are_begun_again(reader: Reader, emulator: Emulator) -> None:
    table_id = fill(emulator, imported)
    emulator.fail(latency=SLOW, times=None)
    ids: set[str] = set()
    for number, page in enumerate(ranges.all_pages(reader.gateway, table_id, 100, Kind.SWEEP)):
        ids |= {record["id"] for record in page}
        if number in {ranges.PAGES_FIRST + 1, ranges.PAGES_FIRST + 4}:
            emulator.kill_iterators()
    assert ids == standing(emulator, table_id)


def test_a_range_that_fails_fails_the_reading_and_loads_nothing(reader: Reader, emulator: Emulator) -> None:
    reader.sync()
    table_id = fill(emulator, spread)
    emulator.fail(latency=SLOW, times=ranges.PAGES_FIRST + ranges.PROBES + 9)
    emulator.fail(status=503, times=None)
    with pytest.raises(AirtableError, match="503"):
        read(reader.gateway, table_id)
    assert reading_threads() == []


def test_nobody_goes_on_reading_once_nobody_takes_it(reader: Reader, emulator: Emulator) -> None:
    table_id = fill(emulator, spread)
    emulator.fail(latency=SLOW, times=None)
    gateway = reader.gateway
    pages = ranges.all_pages(gateway, table_id, 100, Kind.SWEEP)
    for _ in range(ranges.PAGES_FIRST + 2):
        next(pages)
    assert reading_threads()
    pages.close()
    assert reading_threads() == []
    assert gateway.calls < RECORDS / 100 + ranges.PAGES_FIRST + ranges.PROBES + 2 * ranges.RANGES


def test_a_whole_sync_of_a_slow_base_loads_every_record_once(reader: Reader, emulator: Emulator) -> None:
    fill(emulator, growing)
    emulator.fail(latency=SLOW, times=None)
    (base_id,) = emulator.store.bases
    settings = reader.settings.model_copy(update={"uysp_airtable_rate": 100.0})
    outcome = Reader(reader.engine, settings, reader.client, []).sync()["sms_audit"]
    assert outcome.error is None
    assert outcome.changed == len(emulator.store.table(base_id, "SMS_Audit")[1].records)


def test_bounds_are_within_the_time_of_bases(reader: Reader) -> None:
    moments = [START + timedelta(days=each) for each in range(100)]
    leads = next(table for table in reader.gateway.schema() if table.name == "Leads")
    bounds = ranges._bounds(reader.gateway, leads.id, moments, Kind.SWEEP)
    assert bounds == sorted(set(bounds))
    assert bounds[0] >= ranges.FIRST_BASES
    assert bounds[-1] < datetime.now(UTC) + timedelta(seconds=2)
