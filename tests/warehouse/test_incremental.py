"""Marts built load by load, in whatever order loads arrive, equal their full refresh; what did not change stays."""

import random
from collections import defaultdict
from datetime import UTC, datetime

from sqlalchemy import Connection, Engine, ScalarResult, text

from pipelines.warehouse import BuildResult, build_marts
from tests.warehouse.expected.base import SOURCE_TABLES, Base
from tests.warehouse.histories import awkward_states
from tests.warehouse.writing import count_tables, write_bases
from uysp.forget import forget_lead
from uysp.settings import Settings

STASHED = ("loads", *SOURCE_TABLES, *(f"{table}_history" for table in SOURCE_TABLES))
# What a build was about, not what it came to.
ABOUT_A_BUILD = {"int_campaigns__changed", "int_leads__changed", "int_leads__affected"} | {
    f"int_messages__{kind}" for kind in ("changed", "affected")
}


def _last_states(seed: int) -> list[Base]:
    return [states[-1] for states in awkward_states(seed, datetime.now(UTC))]


def _build(settings: Settings, engine: Engine) -> bool:
    """Build and return whether it was a whole one."""
    built = build_marts(settings, engine)
    assert built.success, built.failures
    return built.is_whole


def _stash(connection: Connection) -> list[int]:
    """Put all that was loaded aside and return the loads in a random order that keeps that of each client's table."""
    for table in STASHED:
        connection.execute(text(f"create table staging.stash_{table} as select * from raw.{table}"))
        connection.execute(text(f"delete from raw.{table}"))
    waiting: dict[tuple[str, str], list[int]] = defaultdict(list)
    for load in connection.execute(text("select client, source_table, load_id from staging.stash_loads order by 3")):
        waiting[load.client, load.source_table].append(load.load_id)
    rng = random.Random(1)
    turns = [key for key, loads in waiting.items() for _ in loads]
    rng.shuffle(turns)
    return [waiting[key].pop(0) for key in turns]


def _arrive(connection: Connection, loads: list[int]) -> None:
    connection.execute(
        text("""
            insert into raw.loads overriding system value
            select * from staging.stash_loads where load_id = any(:loads)
        """),
        {"loads": loads},
    )
    for table in SOURCE_TABLES:
        connection.execute(
            text(f"""
                insert into raw.{table}_history select * from staging.stash_{table}_history where load_id = any(:loads)
            """),
            {"loads": loads},
        )
        connection.execute(
            text(f"""
                insert into raw.{table} (client, record_id, fields, created_time, modified_at, extracted_at, deleted_at,
                                         version, load_id)
                select distinct on (client, record_id)
                    client, record_id, latest.fields, stash.created_time, observed_at, observed_at,
                    case when operation = 'deleted' then observed_at end, latest.version, latest.load_id
                from raw.{table}_history as latest join staging.stash_{table} as stash using (client, record_id)
                where latest.load_id = any(:loads)
                order by client, record_id, latest.version desc
                on conflict (client, record_id) do update set
                    fields = excluded.fields, modified_at = excluded.modified_at, extracted_at = excluded.extracted_at,
                    deleted_at = excluded.deleted_at, version = excluded.version, load_id = excluded.load_id
            """),
            {"loads": loads},
        )
    count_tables(connection)


def _contents(engine: Engine) -> dict[str, str]:
    """Return a fingerprint of the rows of every table and view; `as_of` differs with each reading."""
    with engine.connect() as connection:
        names: ScalarResult[str] = connection.execute(
            text("""
                select table_schema || '.' || table_name from information_schema.tables
                where table_schema in ('intermediate', 'marts') and table_name <> all(:about)
            """),
            {"about": list(ABOUT_A_BUILD)},
        ).scalars()
        return {
            name: connection.execute(
                text(f"""
                    select md5(coalesce(string_agg(content, '|' order by content), ''))
                    from (select (to_jsonb(content) - 'as_of')::text as content from {name} as content) as contents
                """)
            ).scalar_one()
            for name in names
        }


def test_marts_built_load_by_load_equal_their_full_refresh(settings: Settings, engine: Engine) -> None:
    with engine.begin() as connection:
        write_bases(connection, _last_states(6))
        loads = _stash(connection)
    parts = [loads[: len(loads) // 2], loads[len(loads) // 2 : -8], loads[-8:]]
    for number, part in enumerate(parts):
        with engine.begin() as connection:
            _arrive(connection, part)
        if number == 1:  # a build that ended half way must not lose what it had taken up
            assert build_marts(settings, engine, select=["int_leads__changed", "int_leads__versions"]).success
        assert _build(settings, engine) is (number == 0)

    with engine.connect() as connection:
        lead = connection.execute(text("select client, lead_id from marts.messages where lead_id is not null")).first()
    assert lead is not None
    forget_lead(engine, lead.client, lead.lead_id)
    assert not _build(settings, engine)
    load_by_load = _contents(engine)

    with engine.begin() as connection:
        connection.execute(text("update app.builds set project = ''"))
    assert _build(settings, engine)
    refreshed = _contents(engine)
    assert {name for name in refreshed if refreshed[name] != load_by_load[name]} == set()
    assert len(refreshed) > 20


def test_a_build_writes_what_depends_on_the_news_and_leaves_the_rest(settings: Settings, engine: Engine) -> None:
    with engine.begin() as connection:
        write_bases(connection, _last_states(7)[:1])
    _build(settings, engine)
    before = _places(engine)
    built = build_marts(settings, engine)
    assert not built.is_whole
    assert _written(built) == {}
    assert _places(engine) == before

    client, lead_id = min(before["leads"])
    with engine.begin() as connection:
        _hear_of(connection, client, lead_id, company="Quite Another")
    written = _written(build_marts(settings, engine))
    after = _places(engine)
    for table, rows in before.items():
        moved = {key for key, place in rows.items() if after[table][key] != place}
        assert moved == ({(client, lead_id)} if table == "leads" else set()), table
    # Its versions, of which the last one ends, and the notes of a build about what it is about.
    assert written.pop("leads") == 1
    assert {name for name, rows in written.items() if rows > 2} <= ABOUT_A_BUILD


def _written(built: BuildResult) -> dict[str, int]:
    models = [node for node in built.nodes if node.unique_id.startswith("model.") and node.rows]
    return {node.unique_id.rsplit(".", 1)[1]: node.rows for node in models if node.rows}


def _places(engine: Engine) -> dict[str, dict[tuple[str, str], str]]:
    """Return where each row lies, which is elsewhere once it was written again."""
    keys = {"leads": "lead_id", "messages": "message_id"}
    with engine.connect() as connection:
        return {
            table: {
                (row.client, row.id): row.place
                for row in connection.execute(
                    text(f"select client, {key} as id, ctid::text as place from marts.{table}")
                )
            }
            for table, key in keys.items()
        }


def _hear_of(connection: Connection, client: str, lead_id: str, *, company: str) -> None:
    """Load a new version of one lead, in which its company differs."""
    lead = {"client": client, "lead_id": lead_id, "company": company}
    load = connection.execute(
        text("""
            insert into raw.loads (client, source_table, observed_at, is_first,
                                   records_read, created, updated, deleted, restored)
            values (:client, 'leads', clock_timestamp(), false, 1, 0, 1, 0, 0) returning load_id, observed_at
        """),
        lead,
    ).one()
    lead |= {"load_id": load.load_id, "at": load.observed_at}
    connection.execute(
        text("""
            update raw.leads set
                fields = fields || jsonb_build_object('Company', cast(:company as text)), version = version + 1,
                modified_at = :at, extracted_at = :at, load_id = :load_id
            where client = :client and record_id = :lead_id
        """),
        lead,
    )
    connection.execute(
        text("""
            insert into raw.leads_history (client, record_id, version, fields, observed_at, operation, load_id)
            select client, record_id, version, fields, modified_at, 'updated', load_id from raw.leads
            where client = :client and record_id = :lead_id
        """),
        lead,
    )
    count_tables(connection)
