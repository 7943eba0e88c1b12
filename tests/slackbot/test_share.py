"""What others may see of an answer, and files of it."""

import csv
import io
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slackbot.answers.model import Answer, Chart, Choice, Column, Findings, Kind, Link, Page, Section, Shape
from slackbot.blocks.csv_file import csv_file, csv_name
from slackbot.blocks.message import Form, shared_message
from slackbot.blocks.share import left_out, masked, shared
from tests.slackbot.drawn import AS_OF, EMAIL, PHONE, answer_of, column, parts, sections, strings
from uysp.spreadsheets import defused

SECRETS = (EMAIL, "mail.example", "010-9999")
CONTACTS = (
    Column("Lead", Kind.TEXT, lambda row: row[0]),
    Column("Email", Kind.TEXT, lambda row: row[1], is_personal=True),
    Column("Phone", Kind.TEXT, lambda row: row[2], is_personal=True),
    Column("Score", Kind.COUNT, lambda row: row[3]),
)


def everywhere(text: str) -> Answer:
    """Return an answer that has a text in every place that has room for one."""
    line = f"lead {text}"
    link = Link(text, line)
    section = Section([(text, text, text, 7)] * 2, CONTACTS, text, link=lambda _row: link, page=Page(1, 9, line, line))
    empty = Section([], CONTACTS, text, empty=f"Nothing for {text}.")
    chart = Chart(f"T {text}", Shape.BAR, [text, "b"], {text: [1, 2]}, summary=text)
    choice = Choice(text, (link, Link("all", "leads all")), line)
    findings = Findings(
        text, f"Found {text}.", {"a": section, "b": empty}, (text,), (chart,), (link,), (choice,), f"lead {text}"
    )
    return Answer("lead", {"q": text}, AS_OF, AS_OF, True, ("uysp",), findings)


@pytest.mark.parametrize("form", Form)
@pytest.mark.parametrize("secret", [EMAIL, PHONE, "+31612345678", "(555) 010-9999", "06 12 34 56 78", "15550109999"])
def test_a_shared_copy_has_no_address_or_number_anywhere(secret: str, form: Form) -> None:
    message = shared_message(everywhere(secret), "Ada", form)
    assert not [text for text in strings([message]) if secret in text]
    told = strings(message["blocks"])
    assert "Email" not in told
    assert any("Shared by Ada" in text for text in told)


def test_what_is_not_personal_stays_as_it_is() -> None:
    kept = (
        "Anna de Vries, step 2 of “ChatGPT 4”, 1,234,567 messages (12.5%) since 2026-05-04 12:00 UTC, rec0Abc123456789"
    )
    assert masked(kept) == kept
    answer = shared(everywhere("Anna"))
    assert answer.findings.line == "lead Anna"
    assert [column.label for column in answer.sections["a"].columns] == ["Lead", "Score"]
    assert left_out(everywhere("Anna")) == ("Email", "Phone")
    assert left_out(answer) == ()


def test_a_shared_copy_says_as_of_when_and_not_how_old() -> None:
    message = shared_message(answer_of(Section([("a",)], [column(0, Kind.TEXT)]), line="hot"), "Ada")
    assert "Data as of 2026-05-04 12:00 UTC" in message["text"]
    assert not [text for text in strings([message]) if " old" in text]
    assert any(text.startswith("Data as of <!date^") for text in strings(message["blocks"]))
    assert parts(message["blocks"], "button") == []  # neither “Share…” nor what needs one's own rights at once


def test_a_long_text_without_an_address_costs_no_time() -> None:
    assert masked("a" * 200_000 + "@") == "a" * 200_000 + "@"
    assert masked("1 " * 100_000).startswith("1 1")


# Files


def read(data: bytes) -> list[list[str]]:
    """Return the cells of a file as a program reads them."""
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_a_file_has_every_row_with_numbers_and_times_for_programs() -> None:
    columns = (
        Column("Name", Kind.TEXT, lambda row: row[0]),
        Column("Rate", Kind.RATE, lambda row: row[1]),
        Column("Sent", Kind.TIME, lambda row: row[2]),
        Column("Booked", Kind.FLAG, lambda row: row[3]),
    )
    rows: list[tuple[str, float | None, datetime | None, bool]] = [('Zoë, "Z"', 0.125, AS_OF, True)] * 5000
    section = Section([*rows, ("", None, None, False), ("x", float("nan"), AS_OF, False)], columns)
    found = read(csv_file(section, zone=ZoneInfo("Europe/Amsterdam")))
    assert found[0] == ["Name", "Rate", "Sent (Europe/Amsterdam)", "Booked"]
    assert found[1:5001] == [['Zoë, "Z"', "0.125", "2026-05-04 14:00:00", "yes"]] * 5000
    assert found[5001:] == [["", "", "", "no"], ["x", "", "2026-05-04 14:00:00", "no"]]


def test_a_file_has_personal_columns_only_if_told() -> None:
    section = Section([("Anna", EMAIL, PHONE, -5)], CONTACTS)
    assert read(csv_file(section)) == [["Lead", "Score"], ["Anna", "-5"]]
    assert read(csv_file(section, personal=True))[1] == ["Anna", EMAIL, f"'{PHONE}", "-5"]


@pytest.mark.parametrize(
    "formula",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1+1",
        "\r=1",
        "\n@x",
        " =1",
        "＝1+1",
        "－1",
        '"=1+1',
        "\u200b=1",
        "\0=1",
        "'=1",
    ],
)
def test_a_text_that_a_spreadsheet_would_run_gets_an_apostrophe(formula: str) -> None:
    ((cell,),) = read(csv_file(Section([(formula,)], [column(0, Kind.TEXT)])))[1:]
    assert cell.lstrip(" \"'")[:1] in "=+-@＝－"
    assert "'" in cell[: -len(cell.lstrip(" \"'"))]
    ((second,),) = read(csv_file(Section([(f"x;{formula}",)], [column(0, Kind.TEXT)])))[1:]
    assert ";'" in second.replace(" ", "").replace('"', "")


def test_a_text_that_nothing_runs_is_left_alone() -> None:
    for text in ("Anna-Maria", "a=b", "1 + 1", "anna@example.com", "x; y", "- "[1:], "5-3", ""):
        assert defused(text) == text


@settings(max_examples=60, deadline=None)
@given(sections(5, stored=False), st.booleans())
def test_any_section_is_a_file_that_reads_back_row_by_row(section: Section, personal: bool) -> None:
    columns = [each for each in section.columns if personal or not each.is_personal]
    found = read(csv_file(section, personal=personal))
    assert len(found) == len(section.rows) + 1
    if columns:
        assert {len(row) for row in found} == {len(columns)}
    for row in found[1:]:
        for each, cell in zip(columns, row, strict=True):
            if each.kind is Kind.TEXT:
                assert cell.lstrip(' "')[:1] not in {*"=+-@＝＋－＠"}
            assert not set(cell) & set("\r\n\t\0\u202e\ud800")


def test_a_file_is_named_after_what_it_is() -> None:
    assert csv_name(everywhere("Anna"), "leads") == "uysp-lead-leads-2026-05-04.csv"
