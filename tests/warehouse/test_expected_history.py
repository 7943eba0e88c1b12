"""The independent computation of what rests on history, at the places where metrics.md is easily misread."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from tests.warehouse.awkward import iso
from tests.warehouse.expected import expected_marts
from tests.warehouse.expected.base import Action, Base, Fields, Json, Version

CREATED = datetime(2025, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
Row = dict[str, Json]


def _at(days: float) -> datetime:
    """Return a moment by days since the first load, which is a day after creation."""
    return CREATED + DAY + days * DAY


def _versions(*states: tuple[float, Fields | None]) -> list[Version]:
    """Return a history of (days since the first load, fields); None for fields: deleted."""
    rows: list[Version] = []
    for days, fields in states:
        gone = bool(rows) and rows[-1].operation == "deleted"
        operation = "deleted" if fields is None else "created" if not rows else "restored" if gone else "updated"
        rows.append(Version(len(rows) + 1, rows[-1].fields if fields is None else fields, _at(days), operation))
    return rows


def _marts(
    *leads: Sequence[tuple[float, Fields | None]],
    audit: Sequence[Fields] = (),
    templates: Sequence[Fields] = (),
    actions: Sequence[Action] = (),
    as_of: datetime | None = None,
    **base: Any,
) -> dict[str, list[Row]]:
    histories = {
        "leads": {f"rec{number}": _versions(*states) for number, states in enumerate(leads)},
        "sms_audit": {f"aud{number}": _versions((0, fields)) for number, fields in enumerate(audit)},
        "sms_templates": {f"tpl{number}": _versions((0, fields)) for number, fields in enumerate(templates)},
    }
    created = {table: dict.fromkeys(records, CREATED) for table, records in histories.items()}
    made = Base("acme", histories=histories, created_times=created, first_load_at={"leads": _at(0)}, **base)
    made.actions.extend(actions)
    return expected_marts(made, as_of or _at(100))


def _step(position: int, campaign: str = "A", **more: Json) -> Fields:
    return {"SMS Sequence Position": position, "Campaign (CORRECTED)": campaign} | more


def _visits(*states: tuple[float, Fields | None]) -> list[tuple[str, int, datetime, datetime | None]]:
    rows = _marts(states)["step_visits"]
    return [(row["campaign"], row["step"], row["entered_at"], row["left_at"]) for row in rows]


def test_a_visit_begins_with_the_send_if_that_lies_between_the_two_versions() -> None:
    sent = {"SMS Last Sent At": iso(_at(0.5))}
    late = {"SMS Last Sent At": iso(_at(1))}
    assert _visits((0, _step(0)), (1, _step(1) | sent), (2, _step(2) | late)) == [
        ("A", 0, CREATED, _at(0.5)),
        ("A", 1, _at(0.5), _at(2)),
        ("A", 2, _at(2), None),
    ]


def test_a_first_visit_above_0_begins_with_a_send_that_is_not_before_creation() -> None:
    assert _visits((0, _step(3, **{"SMS Last Sent At": iso(CREATED)})))[0][2] == CREATED
    assert _visits((0, _step(3, **{"SMS Last Sent At": iso(CREATED - DAY)})))[0][2] == _at(0)


def test_a_fall_to_0_ends_a_visit_and_begins_none_unless_the_campaign_changes_too() -> None:
    assert _visits((0, _step(2)), (1, _step(0)), (2, _step(1)), (3, _step(0, "B"))) == [
        ("A", 2, _at(0), _at(1)),
        ("A", 1, _at(2), _at(3)),
        ("B", 0, _at(3), None),
    ]


def test_neither_deletion_nor_another_spelling_ends_a_visit() -> None:
    assert _visits((0, _step(2, "a b")), (1, None), (2, _step(2, "A_B"))) == [("A_B", 2, _at(0), None)]


def test_steps_count_leads_by_what_they_reached() -> None:
    booked = {"Booked": True, "Click Count": 2}
    marts = _marts([(0, _step(2)), (1, _step(0) | booked)], [(0, _step(1))], [(0, _step(0))])
    rows = {row["step"]: row for row in marts["sequence_steps"]}
    assert [rows[step]["leads_reached"] for step in (0, 1, 2)] == [3, 2, 1]
    assert [rows[step]["leads_at_step"] for step in (0, 1, 2)] == [2, 1, 0]
    assert [rows[step]["conversion_rate"] for step in (0, 1, 2)] == [2 / 3, 1 / 2, None]
    assert (rows[2]["booking_rate"], rows[2]["clicks"], rows[2]["avg_days_at_step"]) == (1, 2, 1)
    assert rows[0]["completed_visits"] == 0


def test_a_rise_of_clicks_is_counted_once_though_the_cell_falls_and_rises_again() -> None:
    history = [(0.0, {"Click Count": 5}), (1, {"Click Count": 7}), (2, {"Click Count": 0}), (3, {"Click Count": 8})]
    new = [(3.0, {"Click Count": 4})]
    rows = {row["day"]: row for row in _marts(history, new)["daily_activity"]}
    assert {day: row["clicks"] for day, row in rows.items()} == {
        date(2025, 3, 1): None,
        date(2025, 3, 3): 2,
        date(2025, 3, 5): 5,
    }
    assert rows[date(2025, 3, 1)]["new_leads"] == 2


def test_a_day_is_a_day_of_the_client() -> None:
    days = {zone: _marts([(0.0, {})], timezone=zone)["daily_activity"][0]["day"] for zone in ("UTC", "Etc/GMT-14")}
    assert days == {"UTC": date(2025, 3, 1), "Etc/GMT-14": date(2025, 3, 2)}


@pytest.mark.parametrize(
    ("days_later", "now", "before"), [(0, 1, 0), (1 - 1e-6, 1, 0), (1, 0, 1), (2 - 1e-6, 0, 1), (2, 0, 0)]
)
def test_a_window_has_its_end_and_not_its_start(days_later: float, now: int, before: int) -> None:
    booking = [(0.0, {}), (1, {"Booked": True})]
    rows = {row["period"]: row for row in _marts(booking, as_of=_at(1 + days_later))["dashboard"]}
    assert rows["24h"]["bookings_in_period"] == now
    assert rows["24h"]["previous_bookings_in_period"] == before
    assert rows["all"]["previous_bookings_in_period"] is None


def _events(marts: dict[str, list[Row]], *without: str) -> list[tuple[str, datetime, str]]:
    rows = sorted(marts["lead_timeline"], key=lambda row: (row["at"], row["kind"]))
    return [(row["kind"], row["at"], row["source"]) for row in rows if row["kind"] not in {"created", *without}]


def test_a_booking_that_stops_is_both() -> None:
    booked = {"Booked": True, "SMS Stop": True}
    marts = _marts([(0.0, {}), (1, booked), (2, {})])
    assert [kind for kind, _, _ in _events(marts)] == ["booked", "stopped", "resumed", "unbooked"]


def test_a_rise_of_clicks_is_an_event_only_where_no_message_was_clicked_meanwhile() -> None:
    message = {"Event": "Sent", "Lead Record ID": "rec0", "Sent At": iso(_at(0)), "Clicked At": iso(_at(1))}
    history = [(0.0, {}), (1, {"Click Count": 1}), (2, {"Click Count": 2})]
    assert _events(_marts(history, audit=[message]), "message_sent") == [
        ("clicked", _at(1), "audit"),
        ("clicked", _at(2), "airtable"),
    ]


def test_what_the_bot_did_and_the_version_it_caused_are_one_event_but_not_what_else_happened() -> None:
    removal = Action(_at(1), "U1", None, "LEAD_REMOVED_FROM_CAMPAIGN", "rec0", {}, "done")
    refused = Action(_at(3), "U1", None, "LEAD_CLAIMED", "rec0", {}, "denied")
    stopped = {"SMS Stop": True, "Processing Status": "Stopped", "Booked": True}
    history = [(0.0, {}), (1.0001, stopped), (2, stopped | {"Processing Status": "In Sequence"})]
    marts = _marts(history, actions=[removal, refused])
    assert _events(marts) == [
        ("removed", _at(1), "bot"),
        ("booked", _at(1.0001), "airtable"),
        ("status", _at(2), "airtable"),
    ]


def test_a_deletion_is_told_once_the_lead_is_back() -> None:
    assert _events(_marts([(0.0, {}), (1, None)])) == []
    assert [kind for kind, _, _ in _events(_marts([(0.0, {}), (1, None), (2, {})]))] == ["deleted", "restored"]


def _rules(marts: dict[str, list[Row]]) -> list[tuple[str, str]]:
    return [(row["record_id"], row["rule"]) for row in marts["data_quality_issues"]]


def test_only_a_lead_that_goes_on_is_told_of_a_stopped_one_with_its_phone() -> None:
    goes_on, stopped = {"Phone": "5551230001"}, {"Phone": "+1 (555) 123-0001", "SMS Stop": True}
    told = {
        reason: _rules(_marts([(0.0, goes_on)], [(0.0, stopped | {"SMS Stop Reason": reason})]))
        for reason in ("STOP", "BOOKED")
    }
    assert told == {"STOP": [("rec0", "same_phone_as_stopped")], "BOOKED": []}


@pytest.mark.parametrize(("days", "is_late"), [(2, True), (2 - 1e-6, False)])
def test_a_ready_lead_waits_from_its_creation_where_the_first_load_found_it_so(days: float, is_late: bool) -> None:
    ready = [(0.0, {"Processing Status": "Ready for SMS"})]
    assert _rules(_marts(ready, as_of=_at(days))) == [("rec0", "ready_but_not_sent_3d")] * is_late


@pytest.mark.parametrize(("event", "is_late"), [("Sent", False), ("Send Failed", True)])
def test_a_ready_lead_that_got_a_message_is_no_issue(event: str, is_late: bool) -> None:
    message = {"Event": event, "Lead Record ID": "rec0", "Sent At": iso(_at(1))}
    ready = [(0.0, {}), (1, {"Processing Status": "Ready for SMS"})]
    assert _rules(_marts(ready, audit=[message])) == [("rec0", "ready_but_not_sent_3d")] * is_late


@pytest.mark.parametrize(
    ("variant", "step", "is_missing"), [("A", 1, False), ("B", 1, True), (None, 1, False), ("B", 2, False)]
)
def test_a_template_is_missing_where_the_next_step_has_one_for_others(
    variant: str | None, step: int, is_missing: bool
) -> None:
    lead = _step(step, "pricing_rules", **{"Processing Status": "In Sequence", "SMS Variant": variant})
    template = {"Campaign": "Pricing Rules", "Variant": "A", "Step": 2}
    assert _rules(_marts([(0.0, lead)], templates=[template])) == [("rec0", "template_missing")] * is_missing
