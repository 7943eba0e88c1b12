"""A database that a test used is given to the next one only if nothing of the first shows in it."""

import psycopg
import pytest

from tests import reuse
from uysp.settings import Settings

ROWS = """
    insert into raw.loads
        (client, source_table, observed_at, is_first, records_read, created, updated, deleted, restored)
    values ('one', 'leads', now(), false, 1, 1, 0, 0, 0)
"""
CHANGES = [
    "create table raw.more (a integer)",
    "create view raw.seen as select 1 as a",
    "create function raw.one() returns integer language sql as 'select 1'",
    "alter table raw.loads add column more integer",
    "alter table raw.loads alter column client set default 'x'",
    "alter table raw.loads drop column is_first cascade",
    "create index on raw.loads (observed_at)",
    "drop index app.lead_index_words_of_leads",
    "create trigger t before insert on raw.loads for each row execute function suppress_redundant_updates_trigger()",
    "alter table raw.loads add constraint never check (client <> 'x')",
    "grant select on raw.loads to public",
    "create schema more",
    "create domain raw.short as text",
    "alter sequence raw.loads_load_id_seq increment by 2",
    "alter default privileges in schema raw grant select on tables to public",
    "grant connect on database test to uysp_bot",
    "alter database test set statement_timeout = 1000",
    "create rule nothing as on delete to raw.loads do instead nothing",
    "comment on table raw.loads is 'mine'",
]


@pytest.fixture
def url(settings: Settings) -> str:
    assert settings.database_url is not None
    return settings.database_url.get_secret_value()


def run(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def test_rows_and_counters_are_those_of_the_template_again(url: str) -> None:
    fresh = reuse.look_at(url)
    assert fresh.rows, "the migrations leave some"
    emptied = [f"delete from {table}" for table in fresh.rows]
    left_open = psycopg.connect(url)
    left_open.execute("create temporary table incoming (a integer)")
    left_open.execute("select count(*) from raw.loads")
    run(url, ROWS, ROWS, "analyze", *emptied)
    assert reuse.look_at(url).rows != fresh.rows
    renewed = reuse.renew(url, fresh)
    assert renewed is not None
    assert reuse.look_at(url) == renewed
    assert (renewed.rows, renewed.sequences) == (fresh.rows, fresh.sequences)
    with pytest.raises(psycopg.OperationalError):
        left_open.execute("select 1")
    run(url, ROWS)
    assert reuse.look_at(url).sequences == fresh.sequences | {"raw.loads_load_id_seq": 1}


@pytest.mark.parametrize("change", CHANGES)
def test_a_database_whose_catalogue_a_test_changed_is_not_used_again(url: str, change: str) -> None:
    fresh = reuse.look_at(url)
    run(url, change)
    assert reuse.renew(url, fresh) is None
