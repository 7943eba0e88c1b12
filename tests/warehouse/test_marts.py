"""The marts equal an independent computation in plain Python, over bases as dirty as we can make them."""

import random

from sqlalchemy import Engine, text

from pipelines.warehouse import build_marts
from tests.warehouse.compare import compare_marts, summary
from tests.warehouse.expected.base import Base, read_bases, write_bases
from tests.warehouse.histories import awkward_bases, competing_receipts, with_other_arrival
from tests.warehouse.world import FIELD_TYPES
from uysp.database import Role, open_database
from uysp.settings import Settings


def _write(engine: Engine, bases: list[Base]) -> None:
    with engine.begin() as connection:
        write_bases(connection, bases, FIELD_TYPES)


def _build(settings: Settings, engine: Engine) -> None:
    result = build_marts(settings, engine)
    assert result.success, result.failures


def test_every_column_of_every_mart_is_as_the_contract_has_it(c_locale_settings: Settings) -> None:
    with open_database(c_locale_settings, Role.PIPELINE) as engine:
        # nine clients in one database, because each build costs seconds and none may show through in another
        _write(engine, [base for seed in (1, 2, 3) for base in awkward_bases(seed)])
        _build(c_locale_settings, engine)
        differences = compare_marts(engine)
    assert not differences, summary(differences)


def test_messages_do_not_depend_on_the_order_in_which_records_arrived(settings: Settings, engine: Engine) -> None:
    rng = random.Random(4)
    bases = []
    for number in range(4):
        base = competing_receipts(rng, f"base{number}")
        bases += [base, *(with_other_arrival(base, f"base{number}-other{order}", rng) for order in range(2))]
    _write(engine, bases)
    _build(settings, engine)
    columns = "message_id, lead_id, campaign, status, failed, phone, sent_at, delivered_at, clicked_at, text"
    with engine.connect() as connection:
        rows = {
            base.client: connection.execute(
                text(f"select {columns} from marts.messages where client = :client order by message_id"),
                {"client": base.client},
            ).all()
            for base in bases
        }
    for client, messages in rows.items():
        assert messages
        assert any(message.delivered_at for message in messages)
        assert messages == rows[client.split("-")[0]], client
    differences = compare_marts(engine)
    assert not differences, summary(differences)


def test_a_base_written_to_raw_reads_back_the_same(engine: Engine) -> None:
    bases = sorted(awkward_bases(5), key=lambda base: base.client)
    _write(engine, bases)
    with engine.connect() as connection:
        read = read_bases(connection)
    for wrote, found in zip(bases, read, strict=True):
        assert {table: rows for table, rows in found.histories.items() if rows} == wrote.histories
        assert found.first_load_at == wrote.first_load_at
        assert found.sync_state == wrote.sync_state
        assert sorted(map(repr, found.options)) == sorted(map(repr, wrote.options))
