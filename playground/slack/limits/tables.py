"""Rules of tables and charts: `table`, `data_table`, `data_visualization`.

Shapes and figures: docs.slack.dev, table, data table and data visualization blocks, September 2026.
"""

from typing import Any

from playground.slack.limits.values import (
    BlockFault,
    Faults,
    Json,
    count,
    is_number,
    items,
    optional,
    rich_text,
    string,
)

LONGEST_CELL = 20_000


def table(block: Json, at: str) -> Faults:
    """Check a `table` block."""
    yield from _rows(block, at, fewest=1, most=100, header=False)
    if "column_settings" in block:
        yield from count(block["column_settings"], f"{at}/column_settings", 0, 20)


def data_table(block: Json, at: str) -> Faults:
    """Check a `data_table` block."""
    yield from string(block.get("caption"), f"{at}/caption", 2000)
    page_size = block.get("page_size", 5)
    if type(page_size) is not int or not 1 <= page_size <= 100:
        yield BlockFault(f"{at}/page_size", "must be an integer from 1 to 100")
    yield from _rows(block, at, fewest=2, most=201, header=True)


def _rows(block: Json, at: str, *, fewest: int, most: int, header: bool) -> Faults:
    rows, faults = items(block, "rows", at, fewest, most)
    yield from faults
    for number, row in enumerate(rows):
        here = f"{at}/rows/{number}"
        yield from count(row, here, 1, 20)
        cells = row if isinstance(row, list) else []
        if header and isinstance(rows[0], list) and len(cells) != len(rows[0]):
            yield BlockFault(here, f"all rows must have the same number of cells, expected {len(rows[0])}")
        for column, cell in enumerate(cells):
            yield from _cell(cell, f"{here}/{column}", may_be_rich=not (header and number == 0))


def _cell(cell: object, at: str, *, may_be_rich: bool) -> Faults:
    kind = cell.get("type") if isinstance(cell, dict) else None
    if not isinstance(cell, dict) or kind not in {"raw_text", "raw_number", "rich_text"}:
        yield BlockFault(at, f"unsupported cell type: {kind}", "unsupported_type")
    elif kind == "rich_text":
        if not may_be_rich:
            yield BlockFault(at, "rich_text is not allowed in the header row")
        yield from rich_text(cell, at)
    else:
        yield from string(cell.get("text"), f"{at}/text", LONGEST_CELL)
        if kind == "raw_number" and not is_number(cell.get("value")):
            yield BlockFault(f"{at}/value", "must provide a number")


def data_visualization(block: Json, at: str) -> Faults:
    """Check a chart."""
    yield from string(block.get("title"), f"{at}/title", 50)
    chart = block.get("chart")
    kind = chart.get("type") if isinstance(chart, dict) else None
    if not isinstance(chart, dict) or kind not in {"pie", "bar", "line", "area"}:
        yield BlockFault(f"{at}/chart", f"unsupported chart type: {kind}", "unsupported_type")
    elif kind == "pie":
        segments, faults = items(chart, "segments", f"{at}/chart", 1, 12)
        yield from faults
        yield from _points(segments, f"{at}/chart/segments", above_zero=True)
    else:
        yield from _series(chart, f"{at}/chart")


def _series(chart: Json, at: str) -> Faults:
    axis = chart.get("axis_config")
    categories = axis.get("categories") if isinstance(axis, dict) else None
    if not isinstance(axis, dict) or not isinstance(categories, list):
        yield BlockFault(f"{at}/axis_config/categories", "must provide an array")
        return
    yield from count(categories, f"{at}/axis_config/categories", 1, 20)
    for name in ("x_label", "y_label"):
        yield from optional(axis, name, f"{at}/axis_config", 50)
    for position, category in enumerate(categories):
        yield from string(category, f"{at}/axis_config/categories/{position}", 20)
    yield from _unique(categories, f"{at}/axis_config/categories")
    all_series, faults = items(chart, "series", at, 1, 12)
    yield from faults
    names = [one.get("name") for one in all_series if isinstance(one, dict)]
    yield from _unique(names, f"{at}/series")
    for position, one in enumerate(all_series):
        here = f"{at}/series/{position}"
        if not isinstance(one, dict):
            yield BlockFault(here, "must provide an object")
            continue
        yield from string(one.get("name"), f"{here}/name", 20)
        points, faults = items(one, "data", here, 1, 20)
        yield from faults
        yield from _points(points, f"{here}/data", above_zero=False)
        if sorted(str(point.get("label")) for point in points if isinstance(point, dict)) != sorted(
            map(str, categories)
        ):
            yield BlockFault(f"{here}/data", "must have one value for every category")


def _unique(labels: list[Any], at: str) -> Faults:
    if len(set(map(str, labels))) < len(labels):
        yield BlockFault(at, "must be unique")


def _points(points: list[Any], at: str, *, above_zero: bool) -> Faults:
    for position, point in enumerate(points):
        here = f"{at}/{position}"
        if not isinstance(point, dict):
            yield BlockFault(here, "must provide an object")
            continue
        yield from string(point.get("label"), f"{here}/label", 20)
        value = point.get("value")
        if not isinstance(value, int | float) or isinstance(value, bool) or (above_zero and value <= 0):
            yield BlockFault(f"{here}/value", "must provide a number" + (" above 0" if above_zero else ""))
