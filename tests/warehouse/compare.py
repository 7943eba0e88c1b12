"""Compares the marts of a database with what its own raw schema and activity log say they must hold."""

from collections import Counter
from datetime import datetime, timedelta
from decimal import Decimal
from math import isclose

from sqlalchemy import Connection, Engine, text

from tests.warehouse.expected import expected_marts
from tests.warehouse.expected.base import Base, Json, json_text, read_bases

Row = dict[str, Json]
Key = tuple[Json, ...]

GRAINS = {
    "leads": ("client", "lead_id"),
    "messages": ("client", "message_id"),
    "campaign_performance": ("client", "campaign"),
    "variant_performance": ("client", "campaign", "variant"),
    "sequence_steps": ("client", "campaign", "step"),
    "step_visits": ("client", "lead_id", "entered_at"),
    "click_tracking": ("client", "campaign", "reached_step"),
    "daily_activity": ("client", "campaign", "day"),
    "dashboard": ("client", "period"),
    "lead_timeline": ("client", "lead_id", "at", "kind", "source", "number"),
    "data_quality_issues": ("client", "source_table", "record_id", "field", "rule"),
    "sync_status": ("client", "source_table"),
}
TOLERANCE = 1e-12  # of rates and means, which may be added up in another order
MEAN_TOLERANCE = timedelta(microseconds=5)
MEANS = ("avg_last_sent_at",)


def compare_marts(engine: Engine) -> list[str]:
    """Return a line for each cell, row or column of the marts that is not as metrics.md has it; empty: all agree."""
    with engine.connect() as connection:
        bases = read_bases(connection)
        actual = {mart: _rows(connection, mart) for mart in GRAINS}
    moments = {row["as_of"] for row in actual["dashboard"]}
    if len(moments) != 1:
        return [f"marts.dashboard.as_of [all rows] is not one moment: {moments}"]
    (as_of,) = moments
    expected: dict[str, list[Row]] = {mart: [] for mart in GRAINS}
    for base in bases:
        for mart, rows in expected_marts(base, as_of).items():
            expected[mart] += rows
    differences = _unusable_events(actual["lead_timeline"])
    for rows in (actual["lead_timeline"], expected["lead_timeline"]):
        _number_events(rows)
    by_client = {base.client: base for base in bases}
    for mart, rows in expected.items():
        differences += _compare(mart, actual[mart], rows, by_client)
    return differences


def _rows(connection: Connection, mart: str) -> list[Row]:
    return [dict(row) for row in connection.execute(text(f"select * from marts.{mart}")).mappings()]


def _unusable_events(events: list[Row]) -> list[str]:
    """Return what is wrong with event ids: metrics.md says only that client and event_id are the grain."""
    ids = Counter((event["client"], event["event_id"]) for event in events)
    repeated = [f"marts.lead_timeline has an event_id twice [{_shown(key)}]" for key, count in ids.items() if count > 1]
    return repeated + ["marts.lead_timeline.event_id is NULL [some row]"] * any(key[1] is None for key in ids)


def _number_events(events: list[Row]) -> None:
    """Tell apart events that are the same to the contract, such as two messages sent at one moment."""
    seen: Counter[Key] = Counter()
    for event in sorted(events, key=lambda event: (str(event["actor"]), str(event["detail"]))):
        key = tuple(event[column] for column in GRAINS["lead_timeline"] if column != "number")
        event["number"] = seen[key]
        seen[key] += 1


def summary(differences: list[str], shown: int = 40) -> str:
    """Return differences for a person: how many by mart and column, then the first of each, then more."""
    kinds = Counter(_kind(difference) for difference in differences)
    first_of_each = {_kind(difference): difference for difference in reversed(differences)}
    lines = [f"{count:6} × {kind}" for kind, count in kinds.most_common()]
    examples_of_kinds = set(first_of_each.values())
    rest = [difference for difference in differences if difference not in examples_of_kinds]
    examples = [*first_of_each.values(), *rest][:shown]
    return "\n".join([f"{len(differences)} differences", *lines, *examples])


def _kind(difference: str) -> str:
    return difference.split(" [", 1)[0]


def _compare(mart: str, actual: list[Row], expected: list[Row], bases: dict[str, Base]) -> list[str]:
    grain = GRAINS[mart]
    actual_by_key, repeated = _by_key(actual, grain)
    expected_by_key, _ = _by_key(expected, grain)
    differences = [f"marts.{mart} has a row twice [{_shown(key)}]" for key in repeated]
    for key in expected_by_key.keys() - actual_by_key.keys():
        row = expected_by_key[key]
        differences.append(f"marts.{mart} lacks a row [{_shown(key)}]: {row}{_origin(mart, row, bases)}")
    for key in actual_by_key.keys() - expected_by_key.keys():
        row = actual_by_key[key]
        differences.append(f"marts.{mart} has a row too many [{_shown(key)}]: {row}{_origin(mart, row, bases)}")
    for key in expected_by_key.keys() & actual_by_key.keys():
        row = actual_by_key[key]
        for column, value in expected_by_key[key].items():
            if column not in row:
                differences.append(f"marts.{mart}.{column} does not exist [{_shown(key)}]")
            elif not _agrees(column, row[column], value, is_event=mart == "lead_timeline"):
                differences.append(
                    f"marts.{mart}.{column} [{_shown(key)}] is {_shown_value(row[column])},"
                    f" expected {_shown_value(value)}{_origin(mart, row, bases)}"
                )
    return sorted(differences)


def _by_key(rows: list[Row], grain: tuple[str, ...]) -> tuple[dict[Key, Row], list[Key]]:
    keys = Counter(tuple(row[column] for column in grain) for row in rows)
    by_key = {tuple(row[column] for column in grain): row for row in rows}
    return by_key, [key for key, count in keys.items() if count > 1]


def _agrees(column: str, actual: Json, expected: Json, *, is_event: bool) -> bool:
    if is_event and column == "detail":  # worded by the mart; what must be in it is expected
        return expected is None or (isinstance(actual, str) and expected in actual)
    if column in MEANS and isinstance(actual, datetime) and isinstance(expected, datetime):
        return abs(actual - expected) <= MEAN_TOLERANCE
    return _same(actual, expected)


def _same(actual: Json, expected: Json) -> bool:
    if isinstance(expected, float):
        return isinstance(actual, float | Decimal) and isclose(actual, expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    if isinstance(expected, int | Decimal) and not isinstance(expected, bool):
        is_number = isinstance(actual, int | float | Decimal) and not isinstance(actual, bool)
        return is_number and Decimal(repr(actual) if isinstance(actual, float) else actual) == expected
    return type(actual) is type(expected) and bool(actual == expected)


def _shown(key: Key) -> str:
    return ", ".join(map(str, key))


def _shown_value(value: Json) -> str:
    return value.isoformat() if isinstance(value, datetime) else repr(value)


def _origin(mart: str, row: Row, bases: dict[str, Base]) -> str:
    """Return the history that a row comes from, a line for each version."""
    sources: dict[str, tuple[str, str]] = {
        "leads": ("leads", row.get("lead_id", "")),
        "messages": ("sms_audit", row.get("message_id", "")),
        "step_visits": ("leads", row.get("lead_id", "")),
        "lead_timeline": ("leads", row.get("lead_id", "")),
    }
    if mart == "data_quality_issues":
        sources[mart] = (row["source_table"], row["record_id"])
    if mart not in sources or row["client"] not in bases:
        return ""
    table, record_id = sources[mart]
    versions = bases[row["client"]].history(table).get(record_id, [])
    lines = [
        f"\n        {row.version} {row.operation} {row.observed_at.isoformat()} {json_text(row.fields)[:2000]}"
        for row in versions
    ]
    return "".join(lines)
