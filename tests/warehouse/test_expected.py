"""The independent computation itself, at the places where metrics.md is easily misread."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.warehouse.awkward import iso
from tests.warehouse.expected import expected_marts
from tests.warehouse.expected.base import Base, Fields, Json, Version
from tests.warehouse.expected.campaigns import name_key
from tests.warehouse.expected.values import (
    MAX_POSITION,
    clean_count,
    clean_date,
    clean_number,
    clean_text,
    ten_digits,
    two_years_after,
)

SEEN = datetime(2024, 2, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("\u00a0\u2003 x\u3000\x85", "x"),
        ("\x1cx\u200b", "\x1cx\u200b"),
        ("e\u0301", "\u00e9"),
        (" \u2028", None),
        (Decimal("4.50"), "4.50"),
        (Decimal("1e3"), "1000"),
        (["a", 2, None, {"b": 1}], "a, 2"),
        ([" a\u00a0", "", "b "], "a, b"),
        ({"error": "#ERROR!"}, None),
    ],
)
def test_text_is_trimmed_of_unicode_white_space_and_composed(value: Json, text: str | None) -> None:
    assert clean_text(value) == text


@pytest.mark.parametrize(
    ("value", "count", "good"),
    [
        *((None, 0, True), ({"error": "x"}, 0, True), (" 4.0\u00a0", 4, True), ("1e2", 100, True)),
        *((Decimal("2.9"), 2, False), (-1, 0, False), ("-0.5", 0, False), (101, 0, False), ("1e400", 0, False)),
        *((True, 0, False), ([4], 0, False), ("NaN", 0, False), ("1_0", 0, False), ("\u0663", 0, False)),
    ],
)
def test_counts_are_whole_and_bounded(value: Json, count: int, good: bool) -> None:
    assert clean_count(value, MAX_POSITION) == (count, good)


def test_numbers_beyond_double_precision_are_unreadable() -> None:
    assert clean_number("1e308") == (Decimal("1e308"), True)
    assert clean_number("1e400") == clean_number(Decimal("-1e400")) == (None, False)
    assert clean_number("1e-400") == (Decimal(0), True)


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("2024-02-28", datetime(2024, 2, 28, tzinfo=UTC)),
        (" 2024-02-28 10:30 ", datetime(2024, 2, 28, 10, 30, tzinfo=UTC)),
        ("2024-02-28T10:30:05.5+05:30", datetime(2024, 2, 28, 5, 0, 5, 500_000, tzinfo=UTC)),
        ("2026-02-28T12:00Z", datetime(2026, 2, 28, 12, tzinfo=UTC)),
        ("1999-12-31T23:59-00:01", datetime(2000, 1, 1, tzinfo=UTC)),
        *((bad, None) for bad in ("2026-02-28T12:00:00.000001Z", "1999-12-31T23:59:59.999999Z", "2023-02-29")),
        *((bad, None) for bad in ("2024-02-28t10:30", "2024-02-28T10:30z", "2024-02-28T10", "2024-02-28  10:30")),
        *((bad, None) for bad in ("2024-02-28T10:30+0100", "20240228", "now", 5, {"error": "#ERROR!"})),
    ],
)
def test_dates_are_extended_iso_8601_between_2000_and_two_years_ahead(value: Json, instant: datetime | None) -> None:
    assert clean_date(value, SEEN) == (instant, instant is not None)


def test_two_years_after_29_february_is_28_february() -> None:
    assert two_years_after(SEEN) == datetime(2026, 2, 28, 12, tzinfo=UTC)


def test_names_meet_by_letters_and_digits() -> None:
    assert name_key("ChatGPT Use-Cases!") == name_key("chatgpt_use_cases") == "chatgptusecases"
    assert name_key("!?") != name_key("🤖")


def test_extensions_are_no_part_of_the_ten_digits() -> None:
    assert {ten_digits(f"+1 (555) 123-0001{end}") for end in ("", " x12", " ext. 9", "#45")} == {"5551230001"}
    assert ten_digits("123-0001 x999") is None


def _messages(*records: Fields, leads: dict[str, Fields] | None = None) -> dict[str, dict[str, Json]]:
    audit = {f"rec{number}": [Version(1, fields, SEEN, "created")] for number, fields in enumerate(records)}
    people = {lead_id: [Version(1, fields, SEEN, "created")] for lead_id, fields in (leads or {}).items()}
    created = {"leads": dict.fromkeys(people, SEEN), "sms_audit": dict.fromkeys(audit, SEEN)}
    base = Base("acme", histories={"leads": people, "sms_audit": audit}, created_times=created)
    return {row["message_id"]: row for row in expected_marts(base, SEEN)["messages"]}


def _sent(minutes: float, event: str = "Sent", **fields: Json) -> Fields:
    return {"Event": event, "Phone": "5551230001", "Sent At": iso(SEEN + timedelta(minutes=minutes))} | fields


def _delivery(minutes: float, status: str = "Delivered") -> Fields:
    at = iso(SEEN + timedelta(minutes=minutes))
    return {"Event": "Delivery", "Phone": "+1 555 123 0001", "Delivery At": at, "Status": status}


@pytest.mark.parametrize(("minutes", "kept"), [(0, False), (10, False), (10 + 1 / 60, True), (-1, True)])
def test_an_attempt_gives_way_to_a_result_within_ten_minutes(minutes: float, kept: bool) -> None:
    messages = _messages(_sent(0, "Send Attempt"), _sent(minutes, "SMS Sent"))
    assert ("rec0" in messages) is kept
    assert "rec1" in messages


def test_each_receipt_goes_to_the_latest_message_that_has_none() -> None:
    messages = _messages(_delivery(9), _sent(0), _sent(5), _delivery(7, "Undelivered"), _sent(8, "Send Failed"))
    assert messages["rec2"]["failed"]
    assert messages["rec2"]["delivered_at"] is None
    assert messages["rec1"]["delivered_at"] == SEEN + timedelta(minutes=9)
    assert messages["rec4"]["delivered_at"] is None


def test_messages_of_test_leads_draw_no_receipt() -> None:
    leads: dict[str, Fields] = {"recTest": {"SMS Status": "Test"}}
    messages = _messages(_sent(0), _sent(5, **{"Lead Record ID": "recTest"}), _delivery(6), leads=leads)
    assert list(messages) == ["rec0"]
    assert messages["rec0"]["delivered_at"] == SEEN + timedelta(minutes=6)
