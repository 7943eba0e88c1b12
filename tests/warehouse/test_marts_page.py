"""docs/marts.md tells what is so: its SQL runs as an analyst runs it, and it names every mart there is."""

import re
from pathlib import Path

import duckdb
import psycopg
import pytest

from uysp.database import Role, open_database
from uysp.export import export, read_marts
from uysp.roles import analyst_url
from uysp.settings import PROJECT, Settings

PAGE = (PROJECT / "docs" / "marts.md").read_text()
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def url(sample_settings: Settings) -> str:
    with open_database(sample_settings, Role.PIPELINE) as engine:
        return analyst_url(engine).render_as_string(hide_password=False)


def test_every_question_of_the_page_is_answered(url: str) -> None:
    assert len(QUERIES) >= 8
    with psycopg.connect(url) as connection:
        for query in QUERIES:
            assert connection.execute(query.encode()).fetchall(), query


def test_the_page_lists_every_mart_and_no_other(sample_settings: Settings) -> None:
    listed = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    with open_database(sample_settings, Role.ANALYST) as engine:
        assert listed == {mart.name for mart in read_marts(engine)}


def test_every_mart_is_exported_with_its_descriptions_and_can_be_asked_the_same(
    sample_settings: Settings, tmp_path: Path
) -> None:
    target = tmp_path / "marts.duckdb"
    with open_database(sample_settings, Role.ANALYST) as engine:
        marts = read_marts(engine)
        exported = export(engine, target)
        with engine.connect() as connection:
            counts = {
                mart.name: connection.exec_driver_sql(f"select count(*) from marts.{mart.name}").scalar()
                for mart in marts
            }
    assert {each.mart: each.rows for each in exported} == counts
    with duckdb.connect(target, read_only=True) as database:
        undescribed = "select table_name from duckdb_{0}() where comment is null"
        assert database.execute(undescribed.format("tables")).fetchall() == []
        assert database.execute(undescribed.format("columns") + " and not internal").fetchall() == []
        for query in QUERIES:
            assert database.execute(query).fetchall(), query
        (example,) = re.findall(r'marts\.sql\("(.*)"\)', PAGE)
        assert database.sql(example).fetchall()
