"""Exports hold what the marts hold, cell by cell and from one moment, and a failed one leaves the old file alone."""

import csv
import errno
import os
import resource
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pytest
from sqlalchemy import Engine, text

from uysp.database import MARTS_LOCK, Role, exclusive, open_database
from uysp.errors import BusyError, ConfigurationError
from uysp.export import Exported, ExportError, export, files
from uysp.settings import PROJECT, Settings, inherited_environment

AWKWARD = "Zoë \"quoted\", 'single'\r\nand;\tmore\\ 😀"
RUN_BY_SPREADSHEETS = ["=1+1", "+1 555 0100", "-2", "@SUM(A1)", "\t=1", "\r=1", "＝1+1", "  =1+1"]
MARTS = """
create table marts.people (
    client text not null, id integer primary key, name text, visits bigint, rate double precision, seen_at timestamptz,
    born date, is_hot boolean, detail jsonb, tags text[], price numeric(12, 2), score numeric, key uuid, took interval
);
comment on table marts.people is 'People, one row each; it''s "them".';
comment on column marts.people.seen_at is 'When they were seen.';
create view marts.counts as select client, count(*) as people from marts.people group by client;
create table marts.sync_status as select 'acme' as client union all select 'globex';
create table marts.people__dbt_backup (client text)
"""
PERSON = text(
    "insert into marts.people values (:client, :id, :name, 5000000000, 0.125, '2026-03-29 02:30:00.123456+02',"
    """ '2000-02-29', true, '{"a": [1, null]}', array['x', 'y,z'], 12.50, 0.5, """
    "'3f333df6-90a4-4fda-8dd3-9485d27cee36', '1 day 2 hours')"
)
VALUES: tuple[Any, ...] = (
    5_000_000_000,
    0.125,
    datetime(2026, 3, 29, 0, 30, 0, 123456, tzinfo=UTC),
    date(2000, 2, 29),
    True,
    '{"a": [1, null]}',
    ["x", "y,z"],
    Decimal("12.50"),
    0.5,
    UUID("3f333df6-90a4-4fda-8dd3-9485d27cee36"),
    "1 day 02:00:00",
)
TYPES = [
    *("VARCHAR", "INTEGER", "VARCHAR", "BIGINT", "DOUBLE", "TIMESTAMP WITH TIME ZONE", "DATE", "BOOLEAN"),
    *("JSON", "VARCHAR[]", "DECIMAL(12,2)", "DOUBLE", "UUID", "VARCHAR"),
]


@pytest.fixture
def marts(engine: Engine) -> Engine:
    """Two marts of all types, and what must not be taken for one; three people, of whom one is all NULL."""
    with engine.begin() as connection:
        connection.exec_driver_sql(MARTS)
        connection.execute(PERSON, {"client": "acme", "id": 1, "name": AWKWARD})
        connection.execute(PERSON, {"client": "globex", "id": 2, "name": ""})
        connection.execute(text("insert into marts.people (client, id) values ('acme', 3)"))
    return engine


@pytest.fixture
def analyst(marts: Engine, settings: Settings) -> Iterator[Engine]:
    with open_database(settings, Role.ANALYST) as engine:
        yield engine


def rows_of(source: str, database: Path | None = None) -> list[tuple[Any, ...]]:
    with duckdb.connect(database or ":memory:", read_only=database is not None) as connection:
        connection.execute("set TimeZone = 'UTC'")
        return connection.execute(f"from {source} order by all").fetchall()


def test_a_duckdb_file_has_all_marts_with_types_values_and_comments(analyst: Engine, tmp_path: Path) -> None:
    target = tmp_path / "it's all.duckdb"
    assert export(analyst, target) == (Exported("counts", 2), Exported("people", 3), Exported("sync_status", 2))
    assert rows_of("people", target) == [
        ("acme", 1, AWKWARD, *VALUES),
        ("acme", 3, *(None,) * 12),
        ("globex", 2, "", *VALUES),
    ]
    assert rows_of("counts", target) == [("acme", 2), ("globex", 1)]
    with duckdb.connect(target, read_only=True) as database:
        described = database.execute("describe people").fetchall()
        assert [row[1] for row in described] == TYPES
        assert [row[0] for row in described if row[2] == "NO"] == ["client", "id"]
        comments = "select comment from {} where table_name = 'people' and comment is not null"
        said = database.execute(comments.format("duckdb_tables()")).fetchall()
        assert said == [('People, one row each; it\'s "them".',)]
        assert database.execute(comments.format("duckdb_columns()")).fetchall() == [("When they were seen.",)]
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_parquet_has_one_mart_with_its_types(analyst: Engine, tmp_path: Path) -> None:
    target = tmp_path / "people.PARQUET"
    assert export(analyst, target) == (Exported("people", 3),)
    assert rows_of(f"read_parquet('{target}')")[0] == ("acme", 1, AWKWARD, *VALUES)
    described = duckdb.execute(f"describe from read_parquet('{target}')").fetchall()
    assert [row[1] for row in described] == TYPES


def test_csv_is_read_back_as_it_was(analyst: Engine, tmp_path: Path) -> None:
    target = tmp_path / "any name.csv"
    assert export(analyst, target, mart="people", client="acme") == (Exported("people", 2),)
    with target.open(newline="", encoding="utf-8") as file:
        read = {row["id"]: row for row in csv.DictReader(file)}
    assert read["1"]["name"] == AWKWARD
    assert datetime.fromisoformat(read["1"]["seen_at"]) == VALUES[2]
    assert (read["1"]["visits"], read["1"]["rate"], read["1"]["is_hot"]) == ("5000000000", "0.125", "true")
    assert set(read["3"].values()) == {"acme", "3", ""}


@pytest.mark.parametrize("cell", RUN_BY_SPREADSHEETS)
def test_no_cell_of_a_csv_file_is_run_by_a_spreadsheet(
    marts: Engine, analyst: Engine, tmp_path: Path, cell: str
) -> None:
    with marts.begin() as connection:
        connection.execute(text("update marts.people set name = :cell, visits = -1"), {"cell": cell})
    target = tmp_path / "people.csv"
    export(analyst, target)
    with target.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["name"] for row in rows} == {f"'{cell}"}
    assert {row["visits"] for row in rows} == {"-1"}  # a number stays one


def test_a_workbook_has_texts_as_texts_and_says_what_it_cut(marts: Engine, analyst: Engine, tmp_path: Path) -> None:
    with marts.begin() as connection:
        connection.execute(text("update marts.people set name = '=1+1' where id = 1"))
        connection.execute(text("update marts.people set name = repeat('x', 40000) where id = 2"))
    target = tmp_path / "people.xlsx"
    (exported,) = export(analyst, target)
    assert (exported.rows, exported.note[:6]) == (3, "1 text")
    sheet = zipfile.ZipFile(target).read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet
    assert "<t>=1+1</t>" in sheet
    assert "x" * 32_767 in sheet
    assert "x" * 32_768 not in sheet


def test_a_workbook_that_cannot_hold_the_rows_is_refused(
    analyst: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "WORKBOOK_ROWS", 2)
    with pytest.raises(ExportError, match=r"more rows than the 2 .*\.csv"):
        export(analyst, tmp_path / "people.xlsx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["all.duckdb", "broken.parquet", "broken.csv", "broken.xlsx"])
def test_a_failure_on_the_way_leaves_the_file_as_it_was(
    marts: Engine, analyst: Engine, tmp_path: Path, name: str
) -> None:
    with marts.begin() as connection:
        connection.exec_driver_sql(
            "create view marts.broken as select 'acme' as client, 1 / (200000 - n) as n, repeat('x', 100) as filler"
            " from generate_series(1, 200000) as n"
        )
    (tmp_path / name).write_text("as it was")
    with pytest.raises(ExportError, match=f"{name} is as it was before: .*division by zero"):
        export(analyst, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "as it was"


@pytest.mark.parametrize("ending", ["duckdb", "parquet", "csv", "xlsx"])
@pytest.mark.parametrize("existed", [True, False])
def test_a_full_disk_is_told_in_a_sentence(
    marts: Engine, analyst: Engine, tmp_path: Path, ending: str, existed: bool
) -> None:
    with marts.begin() as connection:
        connection.exec_driver_sql(
            "create table marts.many as select n, md5(n::text) from generate_series(1, 9000) as n"
        )
    target = tmp_path / f"many.{ending}"
    if existed:
        target.write_text("as it was")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(ExportError) as raised:
            export(analyst, target, mart="many")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    left = f"{target.name} is as it was before" if existed else "nothing was written"
    assert str(raised.value) == f"There is no room left in {tmp_path}, and {left}; make room, or name another folder."
    assert list(tmp_path.iterdir()) == [target] * existed


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (errno.ENOSPC, "There is no room left in"),
        (errno.EROFS, "The folder .* cannot be written to"),
        (errno.EIO, "The disk refused to write to"),
    ],
)
def test_what_keeps_a_file_from_its_place_is_told(
    analyst: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: int, told: str
) -> None:
    def refuse(_file: int) -> None:
        raise OSError(said, os.strerror(said))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(ExportError, match=f"^{told}.*, and nothing was written;"):
        export(analyst, tmp_path / "people.csv")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_read(
    analyst: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # for root, who runs tests too, every folder of ours can be
    with pytest.raises(ConfigurationError, match=r"cannot be written to; name another\. Nothing was written\.$"):
        export(analyst, tmp_path / "people.csv")


def test_all_marts_come_from_one_moment(marts: Engine, analyst: Engine, tmp_path: Path) -> None:
    def somebody_changes(mart: str, _rows: int) -> None:
        if mart == "people":  # counts has been read by then
            with marts.begin() as connection:
                connection.execute(text("delete from marts.people where client = 'acme'"))

    export(analyst, tmp_path / "all.duckdb", progress=somebody_changes)
    assert rows_of("counts", tmp_path / "all.duckdb") == [("acme", 2), ("globex", 1)]
    assert len(rows_of("people", tmp_path / "all.duckdb")) == 3


def test_no_build_of_the_marts_runs_meanwhile(marts: Engine, analyst: Engine, tmp_path: Path) -> None:
    refused: list[str] = []

    def somebody_builds(mart: str, _rows: int) -> None:
        with pytest.raises(BusyError), exclusive(marts, MARTS_LOCK, wait=False):
            pass
        refused.append(mart)

    export(analyst, tmp_path / "people.csv", progress=somebody_builds)
    assert "people" in refused


def test_progress_tells_rows_as_they_come(marts: Engine, analyst: Engine, tmp_path: Path) -> None:
    with marts.begin() as connection:
        connection.exec_driver_sql(
            "create view marts.slow as select n, pg_sleep(0.01)::text from generate_series(1, 200) as n"
        )
    told: list[tuple[str, int]] = []
    export(analyst, tmp_path / "slow.csv", progress=lambda mart, rows: told.append((mart, rows)))
    assert told[0] == ("slow", 0)
    assert any(0 < rows < 200 for _, rows in told)


def test_a_million_rows_take_little_memory(marts: Engine, settings: Settings, tmp_path: Path) -> None:
    with marts.begin() as connection:
        connection.exec_driver_sql(
            "create table marts.many as select 'acme' as client, n as id, md5(n::text) || repeat('x', 200) as words,"
            " now() as at from generate_series(1, 1000000) as n"
        )
    code = (
        "import resource, sys\nfrom pathlib import Path\nfrom uysp.__main__ import main\n"
        "try:\n    main()\nfinally:\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, file=sys.stderr)"
    )
    assert settings.database_url is not None
    environment = inherited_environment() | {"DATABASE_URL": settings.database_url.get_secret_value()}
    for name in ("many.duckdb", "many.csv"):
        done = subprocess.run(
            [sys.executable, "-c", code, "export", str(tmp_path / name), "--mart", "many"],
            env=environment | {"PYTHONPATH": str(PROJECT), "UYSP_HOME": str(tmp_path / "home")},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert "many: 1,000,000 rows" in done.stdout
        assert int(done.stderr.split()[-1]) < 500  # MB; the rows are 250 MB of text, 1 GB as Python objects


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("people.xls", {}, r"'people.xls' does not say what to write: .*\.duckdb.*\.parquet"),
        ("people", {}, "does not say what to write"),
        ("persons.csv", {}, "does not say which mart: add --mart; there are: counts, people, sync_status"),
        ("all.csv", {"mart": "persons"}, "no mart 'persons'; there are: counts, people"),
        ("people__dbt_backup.csv", {}, "does not say which mart"),
        ("missing/people.csv", {}, "no folder .*missing"),
        ("folder.csv", {"mart": "people"}, "is no file"),
        (
            "people.csv",
            {"client": "initech"},
            "nothing of a client 'initech'; there are: acme, globex\\. Nothing was written",
        ),
    ],
)
def test_what_cannot_be_written_is_said_before_anything_is(
    analyst: Engine, tmp_path: Path, name: str, options: dict[str, str], said: str
) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ConfigurationError, match=said):
        export(analyst, tmp_path / name, mart=options.get("mart"), client=options.get("client"))
    assert [path.name for path in tmp_path.iterdir()] == ["folder.csv"]


def test_without_marts_it_says_what_to_do(settings: Settings, engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no marts yet; run uysp sync"):
        export(engine, tmp_path / "all.duckdb")
