"""What Airtable answers a write with is loaded like any other record, and no older read overwrites it."""

from datetime import datetime
from typing import Any

from sqlalchemy import Engine, text

from playground.airtable.server import Emulator
from tests.sync.conftest import Reader
from tests.sync.raw_state import airtable_records, assert_history_is_sound, assert_raw_equals_airtable, present_records
from uysp.airtable.fields import SourceTable, known_tables
from uysp.airtable.model import Record
from uysp.database import Role, open_database
from uysp.raw import LoadResult, load_written


def leads_source(reader: Reader) -> SourceTable:
    with reader.engine.connect() as connection:
        return known_tables(connection, reader.client)["leads"]


def clock(engine: Engine) -> datetime:
    with engine.connect() as connection:
        moment: datetime = connection.execute(text("select clock_timestamp()")).scalar_one()
    return moment


def write(reader: Reader, record_id: str, **cells: Any) -> tuple[list[Record], datetime]:
    """A write of ours, and when it was sent."""
    source = leads_source(reader)
    ids = {name: field_id for field_id, name in source.names.items()}
    sent_at = clock(reader.engine)
    answer = reader.gateway.update(source.table.id, {record_id: {ids[name]: value for name, value in cells.items()}})
    return answer, sent_at


def load(reader: Reader, written: tuple[list[Record], datetime]) -> LoadResult:
    with reader.engine.begin() as connection:
        return load_written(connection, leads_source(reader), *written)


def test_a_write_is_seen_at_once_and_its_echo_changes_nothing(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    record_id = min(airtable_records(emulator, "leads"))
    assert load(reader, write(reader, record_id, Company="Written")).updated == 1
    assert present_records(engine, "leads")[record_id]["Company"] == "Written"
    assert_raw_equals_airtable(engine, emulator)
    outcomes = reader.sync()
    assert outcomes["leads"].changed == 0
    assert_history_is_sound(engine)


def test_the_bots_role_may_load_what_it_wrote(reader: Reader, emulator: Emulator, engine: Engine) -> None:
    reader.sync()
    record_id = min(airtable_records(emulator, "leads"))
    written = write(reader, record_id, Company="By the bot")
    with open_database(reader.settings, Role.BOT) as bot, bot.begin() as connection:
        load_written(connection, leads_source(reader), *written)
    assert present_records(engine, "leads")[record_id]["Company"] == "By the bot"


def test_a_read_that_began_before_a_write_does_not_overwrite_it(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    record_id = min(airtable_records(emulator, "leads"))
    seen: list[str] = []

    def write_while_reading(table: str, read: int) -> None:
        if table == "leads" and read == 100:
            # The first page, with this record as it was, has been read.
            load(reader, write(reader, record_id, Company="Newer"))
            seen.append(table)

    outcomes = reader.sync(full=True, progress=write_while_reading)
    assert seen == ["leads"]
    assert outcomes["leads"].error is None
    assert present_records(engine, "leads")[record_id]["Company"] == "Newer"
    reader.sync()
    assert_raw_equals_airtable(engine, emulator)
    assert_history_is_sound(engine)
    assert [row for row in history(engine, record_id) if row == "Newer"] == ["Newer"], "written once, never undone"


def test_listings_that_lag_behind_a_write_do_not_undo_it(reader: Reader, emulator: Emulator, engine: Engine) -> None:
    reader.sync()
    emulator.behaviour.read_delay_seconds = 2
    record_id = min(airtable_records(emulator, "leads"))
    load(reader, write(reader, record_id, Company="Newer"))
    reader.sync(full=True)
    assert present_records(engine, "leads")[record_id]["Company"] == "Newer"
    emulator.advance(3)
    reader.sync()
    assert_raw_equals_airtable(engine, emulator)
    assert history(engine, record_id).count("Newer") == 1


def test_the_later_of_two_writes_wins_whichever_is_loaded_first(
    reader: Reader, emulator: Emulator, engine: Engine
) -> None:
    reader.sync()
    record_id = min(airtable_records(emulator, "leads"))
    first, second = write(reader, record_id, Company="First"), write(reader, record_id, Company="Second")
    load(reader, second)
    assert load(reader, first).overtaken == (record_id,)
    assert present_records(engine, "leads")[record_id]["Company"] == "Second"
    reader.sync()
    assert_raw_equals_airtable(engine, emulator)


def test_nothing_is_loaded_into_a_table_that_was_never_read(reader: Reader, emulator: Emulator, engine: Engine) -> None:
    reader.sync()
    source = leads_source(reader)
    written = write(reader, min(airtable_records(emulator, "leads")), Company="Early")
    with engine.begin() as connection:
        for table in ("leads", "leads_history", "loads"):
            connection.execute(text(f"delete from raw.{table}"))
        assert load_written(connection, source, *written).created == 0
    reader.sync()
    with engine.connect() as connection:
        firsts: int = connection.execute(text("select count(distinct observed_at) from raw.leads_history")).scalar_one()
    assert firsts == 1, "the first load is one transaction"


def history(engine: Engine, record_id: str) -> list[str]:
    with engine.connect() as connection:
        companies: list[str] = list(
            connection.execute(
                text("select fields ->> 'Company' from raw.leads_history where record_id = :id order by version"),
                {"id": record_id},
            ).scalars()
        )
    return companies
