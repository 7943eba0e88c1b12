"""Values as they come from a base that people and automations have worked on for years, by how a mart reads them."""

from datetime import datetime, timedelta
from decimal import Decimal

from tests.warehouse.expected.base import Json
from tests.warehouse.expected.values import two_years_after

HUGE = Decimal("1e400")  # as a JSON number: beyond double precision

TEXTS: list[Json] = [
    "  padded\t\r\n",
    "\u00a0no-break\u00a0",
    "\u2003em\u3000",
    "\u200bzero width stays\ufeff",
    "\x1cseparator stays\x1f",
    "Zoe\u0308 Be\u0301",
    "Zo\u00eb B\u00e9",
    "\u2126 is omega",
    "",
    " \u2028 ",
    "was NUL \ufffd here",
    "\ufffd",
    42,
    Decimal("4.50"),
    Decimal("-0.0"),
    Decimal("1e21"),
    ["one", "two"],
    ["one", 2, Decimal("2.50")],
    ["one", None, {"nested": 1}, "four"],
    [" one\u00a0", "", " ", "two "],
    [],
    {"nested": {"deep": [1, "two"]}},
    {"error": "#ERROR!"},
    {"state": "generated", "value": "text", "isStale": False},
    "two\nlines",
    'O\'Brien "x" \\ %s :y {{ z }} $$',
    "emoji 🤖 é",
    "long " * 500,
    None,
]

NUMBERS: list[Json] = [
    *(0, 7, -3, Decimal("87.25"), Decimal("100.0"), HUGE, Decimal("0.1")),
    *("4.0", "-3", "1e3", " 12 ", "\u00a055\u3000", "1e400", "1e308", "1e-7", "1e-400", "007"),
    *("NaN", "Infinity", "inf", "0x10", "1_000", "1,000", "12 or so", "--3", "1e", "\u0663", "5\ufffd", "1e999999"),
    *("", "  ", True, False, [4], [], {"specialValue": "NaN"}, {"error": "#DIV/0!"}, {"other": 1}, None),
]

COUNTS: list[Json] = [
    *NUMBERS,
    *(1, 2, 3, 5, 12, 99, 100, 101, 1_000_000, 1_000_001, 2_147_483_648, 9_223_372_036_854_775_808),
    *(Decimal("2.5"), Decimal("0.9"), Decimal("-0.5"), Decimal("100.5"), Decimal("2.0"), Decimal("1000000.5")),
    *("2.9", "-1", "1e2", "99.99", "1e6", "-1e400", Decimal("1e-30")),
]

CHECKBOXES: list[Json] = [True, False, None, "true", "checked", 1, 0, [True], {"error": "#ERROR!"}, "\ufffd"]

PROCESSING_STATUSES: list[Json] = [
    *("Complete", "Completed", " Complete ", "complete", "Booked", "Archived", "\u00a0In Sequence", "ready for sms"),
    *(["Queued"], 1, {"error": "#ERROR!"}, "", "Queued\ufffd", None),
]

STOP_REASONS: list[Json] = [
    *("STOP", "stop", " S.T.O.P! ", "STOP ALL", "StopAll", "Opt-Out", "opt out 2", "UNSUBSCRIBE", "unsub.", "END"),
    *("quit", "Cancel", "BOOKED", "Booked ", "booked!", "BOOKED - meeting", "Removed by Ann", "stopped", "STO\u0308P"),
    *("please STOP", "S T O P", "", "  ", None, ["STOP"], {"text": "STOP"}, 5, "STOP\ufffd", "END\u00e9"),
]

PHONES_AROUND = [
    *("{}", "+1{}", "1-{}", "({0:.3}) {0:.7}", " {} ", "{} x12", "{} ext. 9", "{}EXT 123", "{}#45"),
    *("{} Extension 7", "{} x 1234567890", "tel:{}", "+1 ({}) ", "{}\u00a0", "{}\ufffd"),
]
"""Formats for ten digits; `{0:.7}` leaves seven, too few to match anything."""

EVENTS: list[Json] = [
    *("Send Attempt", "Sent", "SMS Sent", "Send Failed", "send attempt", " SENT ", "SEND FAILED", "sms sent"),
    *("Inbound", "", None, "Sent\ufffd", 3, ["Sent"], {"error": "#ERROR!"}),
]
AUDIT_STATUSES: list[Json] = [
    *("Sent", "Delivered", "Undelivered", "Failed", "Clicked", "failed", "UNDELIVERED ", " Failed", None, "odd"),
    *("Failed\ufffd", ["Failed"], {"error": "#ERROR!"}),
]


def awkward_dates(observed_at: datetime) -> list[Json]:
    """Return dates good and bad for a version observed then, the latest good one to the microsecond."""
    latest = two_years_after(observed_at)
    day, before = f"{observed_at:%Y-%m-%d}", f"{observed_at - timedelta(days=40):%Y-%m-%d}"
    return [
        *(iso(latest), iso(latest + timedelta(microseconds=1)), iso(latest - timedelta(microseconds=1))),
        *("1999-12-31T23:59:59.999999Z", "2000-01-01T00:00:00.000Z", "2000-01-01T00:00+00:01"),
        *("1999-12-31T23:59-00:01", "1999-12-31", "2000-01-01", "0001-01-01", "0000-01-01", "9999-12-31T23:59-12:00"),
        *(before, f"{before}T10:00", f"{before} 10:00:30", f"{before}T10:00:00.5Z", f"{before}T10:00:00.123456+05:30"),
        *(f"{before}T10:00-07:00", f"{before} 10:00Z", f"\u00a0{before}T10:00Z\u3000", f"{before}T23:30+14:00"),
        *(f"{before}t10:00Z", f"{before}T10:00z", f"{before}T10", f"{before}  10:00", f"{before}T10:00 Z"),
        *(f"{before}T10:00+0200", f"{before}T10:00+02", f"{before}T10:00+24:00", f"{before}T10:00+05:60"),
        *(f"{before}T24:00", f"{before}T24:00:00Z", f"{before}T24:01Z", f"{before}T25:00Z", f"{before}T10:60Z"),
        *(f"{before}T23:59:60Z", f"{before}T10:00:61Z", f"{before}T10:00:00.Z", f"{before}Z", f"{before}T"),
        *(before.replace("-", ""), f"{before}T100000Z", "2023-02-29", "2024-02-29T12:00Z", "2023-02-30", "2023-13-01"),
        *("2023-04-31T10:00Z", "2023-00-10", "12023-01-01", "-0044-03-15", "2023-1-5", "05/01/2023", "5 May 2023"),
        *("now", "today", "infinity", "-infinity", "epoch", "yesterday", "allballs", f"{before} BC", "\u0662023-01-01"),
        *(f"{day}T00:00:00Z", f"{before}T10:00:00\ufffd", f"{before}T10:00 America/New_York", f"{before}T10:00 EST"),
        *("", "  ", 1_700_000_000, True, [before], {"error": "#ERROR!"}, {"specialValue": "NaN"}, None),
    ]


def iso(instant: datetime) -> str:
    """Return an instant as Airtable writes it, with all the digits it has."""
    precision = "microseconds" if instant.microsecond % 1000 else "milliseconds"
    return instant.isoformat(timespec=precision).replace("+00:00", "Z")
