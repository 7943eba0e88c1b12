"""The marts equal an independent computation in plain Python, over bases as dirty as we can make them.

`UYSP_TEST_SEEDS=30` tries thirty seeds instead of three.
"""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, Engine, text

from pipelines.warehouse import build_marts
from tests.warehouse.compare import compare_marts, summary
from tests.warehouse.expected.base import Base, read_bases
from tests.warehouse.histories import awkward_states, competing_receipts, held_at, with_other_arrival
from tests.warehouse.writing import reserve_load_ids, write_bases
from uysp.database import Role, open_database
from uysp.settings import Settings, inherited_environment

SEEDS = range(1, 1 + int(inherited_environment().get("UYSP_TEST_SEEDS", "3")))
# three seeds with three clients each share a database: each build costs seconds, and none may show in another
TOGETHER = [SEEDS[start : start + 3] for start in range(0, len(SEEDS), 3)]

# Two loads in one build, and builds of few changes; each comparison costs seconds.
NOT_BUILT = {2, 5}
BUILT_BEFORE_THE_SLOW = {1, 4}
COMPARED = {0, 4}


def _write(engine: Engine, bases: list[Base]) -> None:
    with engine.begin() as connection:
        write_bases(connection, bases)


def _build(settings: Settings, engine: Engine) -> None:
    result = build_marts(settings, engine)
    assert result.success, result.failures


def _assert_as_the_contract_has_it(engine: Engine, when: str) -> None:
    differences = compare_marts(engine)
    assert not differences, f"{when}: {summary(differences)}"


@pytest.mark.parametrize("seeds", TOGETHER, ids=str)
@pytest.mark.timeout(900)
def test_every_column_of_every_mart_is_as_the_contract_has_it_after_every_state(
    c_locale_settings: Settings, seeds: range
) -> None:
    histories = [states for seed in seeds for states in awkward_states(seed, datetime.now(UTC))]
    with open_database(c_locale_settings, Role.PIPELINE) as engine:
        for number in range(max(map(len, histories))):
            bases = [states[number] for states in histories if number < len(states)]
            slow = [base for position, base in enumerate(bases) if (position + number) % 3 == 0]
            others = [base for base in bases if base not in slow]
            with engine.begin() as connection:
                # loads that began before those of others and end after them, when they may be built already
                load_ids = reserve_load_ids(connection, 200)
                write_bases(connection, others)
            if number in BUILT_BEFORE_THE_SLOW:
                _build(c_locale_settings, engine)
            with engine.begin() as connection:
                write_bases(connection, slow, load_ids)
            if number not in NOT_BUILT:
                _build(c_locale_settings, engine)
            if number in COMPARED:
                _assert_as_the_contract_has_it(engine, f"after state {number}")
        _assert_as_the_contract_has_it(engine, "after the last state")
        built_in_steps = _table_rows(engine)
        _drop_models(engine)
        _build(c_locale_settings, engine)
        _assert_as_the_contract_has_it(engine, "built anew")
        assert _changed(built_in_steps, _table_rows(engine)) == {}


def _table_rows(engine: Engine) -> dict[str, Counter[str]]:
    """Return each table that dbt builds (views are right by themselves) to its rows as text, with how often each."""
    with engine.connect() as connection:
        return {
            relation: Counter(connection.execute(text(f"select cast(row_ as text) from {relation} as row_")).scalars())
            for relation, kind in _relations(connection)
            if kind == "table"
        }


def _relations(connection: Connection) -> list[tuple[str, str]]:
    found = connection.execute(
        text("""
            select format('%I.%I', nspname, relname), case relkind when 'v' then 'view' else 'table' end
            from pg_class join pg_namespace on pg_namespace.oid = relnamespace
            where nspname in ('staging', 'intermediate', 'marts') and relkind in ('r', 'v')
        """)
    )
    return [(str(name), str(kind)) for name, kind in found]


def _drop_models(engine: Engine) -> None:
    with engine.begin() as connection:
        for relation, kind in _relations(connection):
            connection.execute(text(f"drop {kind} if exists {relation} cascade"))


def _changed(before: dict[str, Counter[str]], after: dict[str, Counter[str]]) -> dict[str, tuple[list[str], list[str]]]:
    """Return each table whose rows differ to some rows that it had only before and some that it has only after."""
    return {
        table: (list(before[table] - after[table])[:3], list(after[table] - before[table])[:3])
        for table in before.keys() | after.keys()
        if before[table] != after[table]
    }


def test_messages_do_not_depend_on_the_order_in_which_records_arrived(settings: Settings, engine: Engine) -> None:
    rng = random.Random(4)
    bases = []
    for number in range(4):
        base = competing_receipts(rng, f"base{number}")
        bases += [base, *(with_other_arrival(base, f"base{number}-other{order}", rng) for order in range(2))]
    arrived = bases[0].first_load_at["sms_audit"]
    for later in (timedelta(minutes=5), timedelta(minutes=10), timedelta(hours=1), timedelta(days=1)):
        _write(engine, [held_at(base, arrived + later) for base in bases])
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
    _assert_as_the_contract_has_it(engine, "after the last arrival")


def test_a_base_written_to_raw_in_steps_reads_back_the_same(engine: Engine) -> None:
    histories = sorted(awkward_states(5, datetime.now(UTC)), key=lambda states: states[0].client)
    for number in (0, 3, -1):
        _write(engine, [states[number] for states in histories])
    with engine.connect() as connection:
        read = read_bases(connection)
    for states, found in zip(histories, read, strict=True):
        wrote = states[-1]
        assert {table: rows for table, rows in found.histories.items() if rows} == wrote.histories
        assert found.first_load_at == wrote.first_load_at
        assert found.sync_state == wrote.sync_state
        assert found.actions == wrote.actions
        assert (found.timezone, found.internal_campaigns) == (wrote.timezone, wrote.internal_campaigns)
        assert sorted(map(repr, found.options)) == sorted(map(repr, wrote.options))
