"""All clients at once: side by side, each with its own failure, and what the configuration says of each."""

import threading

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from tests.sync.conftest import Reader, base_file, emulator, reader
from uysp.airtable.fields import TABLES
from uysp.clients import each_client
from uysp.cycle import TableOutcome
from uysp.errors import AirtableError, BusyError
from uysp.settings import Client

__all__ = ["base_file", "emulator", "reader"]  # fixtures


def client(key: str) -> Client:
    return Client(key, key, f"app{key:0>14}", SecretStr("pat"))


def test_a_slow_client_does_not_hold_up_another_and_each_is_told_as_it_ends() -> None:
    other_has_ended = threading.Event()

    def work(of: Client) -> list[TableOutcome]:
        if of.key == "slow":
            assert other_has_ended.wait(30)
        return [TableOutcome(of.key, "leads")]

    told = []
    for of, outcomes in each_client([client("slow"), client("quick")], work):
        told.append((of.key, [each.client for each in outcomes]))
        other_has_ended.set()
    assert told == [("quick", ["quick"]), ("slow", ["slow"])]


def test_whatever_goes_wrong_with_a_client_is_told_as_its_own_and_hides_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def work(of: Client) -> list[TableOutcome]:
        if of.key == "refused":
            raise AirtableError("Airtable refused.")
        if of.key == "busy":
            raise BusyError("Another process is at it.")
        if of.key == "bug":
            raise ZeroDivisionError
        return [TableOutcome(of.key, table) for table in TABLES]

    keys = ("refused", "busy", "bug", "well")
    found = {of.key: outcomes for of, outcomes in each_client([client(key) for key in keys], work)}
    assert found.keys() == set(keys)
    assert found["busy"] == []
    assert [(each.source_table, each.error) for each in found["well"]] == [(table, None) for table in TABLES]
    assert [(each.source_table, each.error) for each in found["refused"]] == [
        (table, "Airtable refused.") for table in TABLES
    ]
    (said,) = {each.error for each in found["bug"]}
    assert said is not None
    assert said.startswith("Client bug failed in an unexpected way")
    assert said.rstrip(".").rpartition(" ")[2] in caplog.text


def test_what_the_configuration_says_of_a_client_is_what_models_read_and_has_them_built_anew(
    reader: Reader, engine: Engine
) -> None:
    def known() -> tuple[str, str, str]:
        with engine.connect() as connection:
            client = connection.execute(text("select name, timezone from raw.clients")).one()
            loads: str = connection.execute(text("select loads from app.builds")).scalar_one()
        return client.name, client.timezone, loads

    reader.named(name="Acme", timezone="America/New_York").sync()
    with engine.begin() as connection:
        connection.execute(text("update app.builds set loads = 'built'"))
    reader.named(name="Acme", timezone="America/New_York").sync()
    assert known() == ("Acme", "America/New_York", "built")
    reader.named(name="Acme", timezone="Asia/Tokyo").sync()
    assert known() == ("Acme", "Asia/Tokyo", "")
