"""How marts become a file: one DuckDB file for many, or one mart as Parquet, CSV or a workbook."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import duckdb
import xlsxwriter

from uysp.errors import UyspError
from uysp.export.catalogue import Column, Mart
from uysp.export.snapshot import Batches, duckdb_type, literal, quoted

# Adds a mart; returns its number of rows and what a person has to know, empty if nothing.
Add = Callable[[Mart, Batches], tuple[int, str]]
# Opens a new file at a path for a target of that name; the file is whole when the block has ended.
Writer = Callable[[Path, str], AbstractContextManager[Add]]

SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "memory_limit": "512MB",
    "threads": 2,
    "preserve_insertion_order": False,  # keeping it costs memory, and tables promise none
    "autoinstall_known_extensions": False,  # nothing is fetched from anywhere
    "autoload_known_extensions": False,
}
ROW_GROUP = 50_000
# A spreadsheet runs what begins so (OWASP, CSV injection), also full width and behind blanks.
RUNS = r"^\s*[=+\-@＝＋－＠]|^[\t\r\n]"
WORKBOOK_ROWS = 1_048_576 - 1  # what a worksheet holds, less the header
WORKBOOK_CELL = 32_767
WORKBOOK_BATCH = 5_000


class ExportError(UyspError):
    """Something failed on the way; the target is as it was before."""


@contextmanager
def duckdb_file(path: Path, _name: str) -> Iterator[Add]:
    """A DuckDB file with a table for each mart, its types, and its descriptions as comments."""
    with duckdb.connect(path, config=SETTINGS | {"temp_directory": str(path.parent)}) as database:

        def add(mart: Mart, batches: Batches) -> tuple[int, str]:
            table = quoted(mart.name)
            columns = ", ".join(
                f"{quoted(column.name)} {duckdb_type(column)}{' not null' if column.is_required else ''}"
                for column in mart.columns
            )
            database.execute(f"create table {table} ({columns})")
            rows = _count(database.register("batches", batches).execute(f"insert into {table} from batches"))
            for what, description in (
                (f"table {table}", mart.description),
                *((f"column {table}.{quoted(column.name)}", column.description) for column in mart.columns),
            ):
                if description:
                    database.execute(f"comment on {what} is {literal(description)}")
            return rows, ""

        yield add


@contextmanager
def parquet(path: Path, _name: str) -> Iterator[Add]:
    """A mart as Parquet, with its types."""

    def columns(mart: Mart) -> str:
        return ", ".join(f"{_typed(column)} as {quoted(column.name)}" for column in mart.columns)

    with _copying(path, columns, f"format parquet, compression zstd, row_group_size {ROW_GROUP}") as add:
        yield add


@contextmanager
def csv(path: Path, _name: str) -> Iterator[Add]:
    """A mart as CSV: UTF-8, a header, times in ISO 8601 and UTC, nothing for NULL; no cell that a spreadsheet runs."""

    def columns(mart: Mart) -> str:
        return ", ".join(f"{_as_cell(column)} as {quoted(column.name)}" for column in mart.columns)

    with _copying(path, columns, "format csv, header true") as add:
        yield add


@contextmanager
def workbook(path: Path, name: str) -> Iterator[Add]:
    """A mart as an Excel workbook: times in UTC, as Excel knows no zones, and texts that are never run."""
    # In constant memory: every row goes to disk when the next one begins.
    book = xlsxwriter.Workbook(path, {"constant_memory": True})
    heading = book.add_format({"bold": True})
    formats = {
        "DATE": book.add_format({"num_format": "yyyy-mm-dd"}),
        "TIMESTAMP": book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
    }
    formats["TIMESTAMPTZ"] = formats["TIMESTAMP"]

    def add(mart: Mart, batches: Batches) -> tuple[int, str]:
        sheet = book.add_worksheet(mart.name[:31])
        sheet.freeze_panes(1, 0)
        for place, column in enumerate(mart.columns):
            sheet.write_string(0, place, column.name, heading)
        kinds = [formats.get(duckdb_type(column)) for column in mart.columns]
        selected = ", ".join(_in_workbook(column) for column in mart.columns)
        row, cut = 0, 0
        with duckdb.connect(config=SETTINGS) as database:
            reader = database.register("batches", batches).execute(f"select {selected} from batches")
            while chunk := reader.fetchmany(WORKBOOK_BATCH):
                if row + len(chunk) > WORKBOOK_ROWS:
                    raise ExportError(
                        f"{mart.name} has more rows than the {WORKBOOK_ROWS:,} that a worksheet holds; export it as "
                        f".csv or .parquet. {name} is as it was before."
                    )
                for values in chunk:
                    row += 1
                    for place, value in enumerate(values):
                        if isinstance(value, str):
                            cut += len(value) > WORKBOOK_CELL
                            sheet.write_string(row, place, value[:WORKBOOK_CELL])
                        elif value is not None:
                            sheet.write(row, place, value, kinds[place])
        return row, f"{cut:,} texts were cut to the {WORKBOOK_CELL:,} characters of a cell" if cut else ""

    yield add
    book.close()


WRITERS: Mapping[str, Writer] = {".duckdb": duckdb_file, ".parquet": parquet, ".csv": csv, ".xlsx": workbook}


@contextmanager
def _copying(path: Path, columns: Callable[[Mart], str], options: str) -> Iterator[Add]:
    with duckdb.connect(config=SETTINGS | {"temp_directory": str(path.parent)}) as database:

        def add(mart: Mart, batches: Batches) -> tuple[int, str]:
            copy = f"copy (select {columns(mart)} from batches) to {literal(str(path))} ({options})"
            return _count(database.register("batches", batches).execute(copy)), ""

        yield add


def _count(done: duckdb.DuckDBPyConnection) -> int:
    row = done.fetchone()
    assert row is not None  # noqa: S101
    return int(row[0])


def _typed(column: Column) -> str:
    return f"{quoted(column.name)}::{duckdb_type(column)}"


def _as_cell(column: Column) -> str:
    """Return a column as it is written into a CSV file."""
    name, stored = quoted(column.name), duckdb_type(column)
    if stored == "TIMESTAMPTZ":
        return f"strftime({name} at time zone 'UTC', '%Y-%m-%dT%H:%M:%S.%f+00:00')"
    if stored == "TIMESTAMP":
        return f"strftime({name}, '%Y-%m-%dT%H:%M:%S.%f')"
    if stored in {"VARCHAR", "JSON", "VARCHAR[]"}:
        return f"regexp_replace({name}::VARCHAR, {literal(f'({RUNS})')}, '''\\1')"
    return name


def _in_workbook(column: Column) -> str:
    name, stored = quoted(column.name), duckdb_type(column)
    if stored == "TIMESTAMPTZ":
        return f"{name} at time zone 'UTC'"
    return f"{name}::VARCHAR" if stored in {"JSON", "UUID", "VARCHAR[]"} else f"{name}::{stored}"
