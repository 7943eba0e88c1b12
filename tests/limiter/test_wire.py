"""The gateway at the shared pace, over HTTP: what Airtable's refusals do to what is sent next."""

import time

import pytest
from sqlalchemy import Engine, text

from playground.airtable.server import Emulator
from tests.limiter.simulation import Clock
from tests.sync.conftest import Reader, base_file, emulator, reader
from uysp.airtable.client import Gateway
from uysp.airtable.limiter import BudgetSpentError, Kind
from uysp.errors import AirtableError
from uysp.sync import sync_client

__all__ = ["base_file", "emulator", "reader"]  # fixtures


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gateway(reader: Reader, engine: Engine, clock: Clock) -> Gateway:
    return Gateway(reader.client, clock.pace(engine, reader.client), str(reader.settings.airtable_endpoint_url))


def test_after_a_429_nothing_is_sent_for_thirty_seconds(gateway: Gateway, emulator: Emulator, clock: Clock) -> None:
    emulator.fail(status=429, times=1)
    assert gateway.schema()
    assert len(emulator.requests) == 2
    assert clock.slept == pytest.approx(30)


def test_a_whole_read_in_a_hurry_takes_the_whole_rate(reader: Reader, emulator: Emulator, engine: Engine) -> None:
    settings = reader.settings.model_copy(update={"uysp_airtable_rate": 0.5})
    started = time.monotonic()
    outcomes = sync_client(engine, settings, reader.client, full=True, fast=True)
    assert [outcome.error for outcome in outcomes] == [None] * 4
    assert time.monotonic() - started < len(emulator.requests) / 2  # at the setting's rate it takes four times as long
    assert len(emulator.requests) > 10


def test_a_spent_plan_is_told_once_asked_again_after_an_hour_and_does_not_keep_people_from_writing(
    gateway: Gateway, emulator: Emulator, engine: Engine, clock: Clock, reader: Reader
) -> None:
    leads = next(table.id for table in gateway.schema() if table.name == "Leads")
    (first, *_), *_ = gateway.pages(leads, most=1)
    emulator.fail(billing=True, times=2)
    with pytest.raises(AirtableError, match=r"no API calls left this month for client uysp; .*raise the plan") as told:
        gateway.by_ids(leads, [first["id"]]).__next__()
    assert (told.value.status, told.value.error_type) == (429, "PUBLIC_API_BILLING_LIMIT_EXCEEDED")
    assert not isinstance(told.value, BudgetSpentError)
    sent = len(emulator.requests)
    for kind in (Kind.REREAD, Kind.SWEEP):
        with pytest.raises(BudgetSpentError, match="no API calls left this month for client uysp"):
            gateway.pages(leads, kind=kind).__next__()
    assert len(emulator.requests) == sent
    with pytest.raises(AirtableError, match="no API calls left"):
        gateway.update(leads, {first["id"]: {}})
    assert gateway.update(leads, {first["id"]: {}})
    assert len(emulator.requests) == sent + 2
    clock.sleep(3601)
    assert gateway.schema()
    with engine.connect() as connection:
        counted: int = connection.execute(text("select sum(calls)::int from app.airtable_calls")).scalar_one()
    assert counted == len(emulator.requests)
    assert clock.slept < 3600 + 10, "no lock-out"
