"""The marts equal an independent computation in plain Python, over bases as dirty as we can make them.

`UYSP_TEST_SEEDS=30` tries thirty seeds instead of three.
"""

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from pipelines.warehouse import build_marts
from tests.warehouse.compare import compare_marts, summary
from tests.warehouse.conftest import OpenCLocale
from tests.warehouse.expected.base import Base, read_bases
from tests.warehouse.histories import STATES, awkward_states, competing_receipts, held_at, with_other_arrival
from tests.warehouse.writing import reserve_load_ids, write_bases
from uysp.database import Role, open_database
from uysp.settings import Settings, inherited_environment

SEEDS = range(1, 1 + int(inherited_environment().get("UYSP_TEST_SEEDS", "3")))
# three seeds share a database, a dozen clients and more: each build costs seconds, and none may show in another
TOGETHER = [SEEDS[start : start + 3] for start in range(0, len(SEEDS), 3)]
SCOPES = ("__changed", "__affected")  # of the last build: a full one looks everywhere
MESSAGE_COLUMNS = "message_id, lead_id, campaign, status, failed, phone, sent_at, delivered_at, clicked_at, text"


@dataclass
class Played:
    """What was found while states were loaded one after the other and marts built in between.

    Attributes:
        differences: between marts and what they should be, by when.
        changed_by_refresh: tables that hold something else when built anew.
        messages: of each base in which receipts compete, by client.
    """

    differences: dict[str, list[str]] = field(default_factory=dict)
    changed_by_refresh: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict)
    messages: dict[str, list[Any]] = field(default_factory=dict)


@pytest.fixture(scope="module", params=TOGETHER, ids=str)
def played(
    request: pytest.FixtureRequest, c_locale_database: OpenCLocale, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Played]:
    seeds: range = request.param
    with (
        c_locale_database(tmp_path_factory.mktemp("marts")) as settings,
        open_database(settings, Role.PIPELINE) as engine,
    ):
        yield _play(settings, engine, seeds)


def _play(settings: Settings, engine: Engine, seeds: range) -> Played:
    found = Played()
    histories = [states for seed in seeds for states in awkward_states(seed, datetime.now(UTC))]
    slow, quick = histories[::2], histories[1::2]
    rng = random.Random(seeds.start)
    arrivals = [base for number in range(3) for base in _arrivals(rng, f"base{number}")]
    arrived = arrivals[0].first_load_at["sms_audit"]

    def load(state: int, later: timedelta) -> None:
        """Load all up to a state, the quick ones first and built before the slow ones, which began before them."""
        with engine.begin() as connection:
            reserved = reserve_load_ids(connection, 1000)
        _write(engine, [history[state] for history in quick])
        _write(engine, [held_at(base, arrived + later) for base in arrivals])
        if state > 0:
            _build(settings, engine)
        _write(engine, [history[state] for history in slow], reserved)
        _build(settings, engine)

    load(0, timedelta(minutes=5))
    load(2, timedelta(minutes=10))  # in which two loads of each table are new at once
    found.differences["third state"] = compare_marts(engine)
    load(STATES - 1, timedelta(days=1))
    found.differences["last state"] = compare_marts(engine)
    for base in arrivals:
        found.messages[base.client] = _messages(engine, base.client)
    built_in_steps = _table_rows(engine)
    _drop_models(engine)
    _build(settings, engine)
    found.changed_by_refresh = _changed(built_in_steps, _table_rows(engine))
    return found


def _arrivals(rng: random.Random, client: str) -> list[Base]:
    """Return the same records three times, arrived in different orders."""
    base = competing_receipts(rng, client)
    return [base, *(with_other_arrival(base, f"{client}-other{order}", rng) for order in range(2))]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("when", ["third state", "last state"])
def test_every_column_of_every_mart_is_as_the_contract_has_it(played: Played, when: str) -> None:
    differences = played.differences[when]
    assert not differences, summary(differences)


def test_what_was_built_in_steps_is_what_a_full_refresh_builds(played: Played) -> None:
    assert played.changed_by_refresh == {}


def test_messages_do_not_depend_on_the_order_in_which_records_arrived(played: Played) -> None:
    for client, messages in played.messages.items():
        assert any(message.delivered_at for message in messages)
        assert any(message.failed for message in messages)
        assert messages == played.messages[client.split("-")[0]], client


def _write(engine: Engine, bases: list[Base], load_ids: Iterator[int] | None = None) -> None:
    with engine.begin() as connection:
        write_bases(connection, bases, load_ids)


def _build(settings: Settings, engine: Engine) -> None:
    result = build_marts(settings, engine)
    assert result.success, result.failures


def _messages(engine: Engine, client: str) -> list[Any]:
    sql = f"select {MESSAGE_COLUMNS} from marts.messages where client = :client order by message_id"
    with engine.connect() as connection:
        return list(connection.execute(text(sql), {"client": client}))


def _table_rows(engine: Engine) -> dict[str, Counter[str]]:
    """Return each table that dbt builds to its rows as text, with how often each.

    Without views, which are right by themselves, and without what tells a build where to look.
    """
    with engine.connect() as connection:
        # means may have been added up in another order: twelve digits
        connection.execute(text("set local extra_float_digits = -3"))
        return {
            relation: Counter(connection.execute(text(f"select cast(row_ as text) from {relation} as row_")).scalars())
            for relation, kind in _relations(connection)
            if kind == "table" and not relation.endswith(SCOPES)
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
