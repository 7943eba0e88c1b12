"""Answers of any shape and size with anything in them, for tests that hold whatever the data is."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from slackbot.answers.model import (
    Answer,
    Chart,
    Choice,
    Column,
    Findings,
    Kind,
    Layout,
    Link,
    Page,
    Section,
    Shape,
)

HOSTILE = [
    "<!channel>",
    "<@U0ADA00001>",
    "<https://evil.example|click>",
    "<!date^1^{date}|x>",
    "*bold* _it_ ~x~ `code`",
    "&lt;!here&gt; & <b>",
    "@everyone",
    "[red]rich[/red] [bold",
    "=HYPERLINK(1)",
    "x;=1+1",
    "\u202eevil\u202c",
    "שלום עולם",
    "\x1b[31mred\x1b[0m",
    "line\nbreak\ttab\r",
    "\u200b\u2060",
    "x" * 3000,
    "\N{PILE OF POO}" * 3000,
    "🇳🇱👩‍👩‍👧",
    "",
]
UNSTORABLE = ["\ud800 half a letter \udfff", "\0"]  # no database has it; a program may still come by it
AS_OF = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
EMAIL, PHONE = "anna.de-vries+1@mail.example.co", "+1 (555) 010-9999"

texts = st.sampled_from([*HOSTILE, *UNSTORABLE]) | st.text(st.characters(), max_size=200)
numbers = st.integers(-(10**20), 10**20) | st.floats(allow_nan=True, allow_infinity=True)
values: Mapping[Kind, st.SearchStrategy[Any]] = {
    Kind.TEXT: texts,
    Kind.COUNT: st.integers(-(10**15), 10**15) | st.just(10**400),
    Kind.NUMBER: numbers,
    Kind.RATE: st.floats(0, 1) | st.just(math.nan),
    Kind.TIME: st.datetimes(timezones=st.just(UTC)) | st.datetimes() | st.just(AS_OF),
    Kind.FLAG: st.booleans(),
}


def storable(value: object) -> bool:
    """Return whether a database can have handed out a value: text in UTF-8, numbers of 64 bits."""
    if isinstance(value, str):
        return not any("\ud800" <= each <= "\udfff" for each in value)
    return not isinstance(value, int) or abs(value) < 2**63


lines = st.builds("lead {}".format, texts) | st.sampled_from(["hot", 'campaign "ChatGPT" step:2', "x" * 2001, ""])
links = st.builds(Link, texts, lines)


def column(number: int, kind: Kind, main: bool = True, **more: Any) -> Column:
    """Return a column that shows the value at this place of a row."""
    return Column(f"Column {number}", kind, lambda row: row[number], main, **more)


@st.composite
def pages(draw: st.DrawFn) -> Page:
    """Draw a part of a longer list."""
    first = draw(st.integers(1, 10**6))
    return Page(first, first + draw(st.integers(0, 10**6)), draw(st.none() | lines), draw(st.none() | lines))


@st.composite
def sections(draw: st.DrawFn, most: int, stored: bool) -> Section:
    """Draw a section of any size and shape."""
    kinds = draw(st.lists(st.sampled_from(list(Kind)), min_size=1, max_size=24))
    columns = [
        column(
            number,
            kind,
            draw(st.booleans()) or number == 0,
            definition=draw(st.none() | st.just("leads.booked")),
            is_personal=draw(st.booleans()),
        )
        for number, kind in enumerate(kinds)
    ]
    found = [values[kind].filter(storable) if stored else values[kind] for kind in kinds]
    some = draw(st.lists(st.tuples(*(st.none() | each for each in found)), max_size=4))
    rows = some * draw(st.sampled_from([1, 3, most]))
    layout = Layout.CARD if len(rows) == 1 and draw(st.booleans()) else Layout.TABLE
    link = draw(st.none() | st.lists(links, min_size=1, max_size=5))
    return Section(
        rows,
        columns,
        draw(texts),
        layout,
        empty=draw(texts),
        link=None if link is None else lambda row: link[hash(row) % len(link)],
        page=draw(st.none() | pages()),
    )


@st.composite
def charts(draw: st.DrawFn) -> Chart:
    """Draw a chart, also one with nothing to draw."""
    points = draw(st.integers(0, 40))
    some = draw(st.lists(st.none() | numbers, min_size=1, max_size=6))
    series = {
        draw(texts): [some[(place + shift) % len(some)] for place in range(points)]
        for shift in range(draw(st.integers(0, 9)))
    }
    names = draw(st.lists(texts, min_size=1, max_size=5))
    categories = [names[place % len(names)] for place in range(points)]
    kind = draw(st.sampled_from([Kind.COUNT, Kind.NUMBER, Kind.RATE]))
    return Chart(draw(texts), draw(st.sampled_from(list(Shape))), categories, series, kind, draw(texts))


@st.composite
def choices(draw: st.DrawFn) -> Choice:
    """Draw a choice; none of its options may hold."""
    options = draw(st.lists(links, max_size=4)) * draw(st.sampled_from([1, 40]))
    return Choice(draw(texts), tuple(options), draw(st.sampled_from([each.line for each in options] or [""]) | texts))


@st.composite
def answers(draw: st.DrawFn, most: int = 200, stored: bool = False) -> Answer:
    """Draw an answer; a section has up to four times `most` rows, with what a database can hold if it is `stored`."""
    findings = Findings(
        title=f"Title {draw(texts)}",
        summary=f"Summary {draw(texts)}",
        sections={name: draw(sections(most, stored)) for name in draw(st.sets(st.sampled_from("abcd"), max_size=4))},
        notes=tuple(draw(st.lists(texts, max_size=12))),
        charts=tuple(draw(st.lists(charts(), max_size=3))),
        links=tuple(draw(st.lists(links, max_size=3)) * draw(st.sampled_from([1, 20]))),
        choices=tuple(draw(st.lists(choices(), max_size=3))),
        line=draw(lines),
    )
    seen = draw(st.none() | st.just(AS_OF - timedelta(minutes=draw(st.integers(-5, 10**6)))))
    return Answer(
        "campaigns", {"client": draw(texts.filter(storable))}, AS_OF, seen, draw(st.booleans()), ("uysp",), findings
    )


def answer_of(*given: Section, **more: Any) -> Answer:
    """Return an answer with these sections, named a, b, c, and what else findings have."""
    named = dict(zip("abcdefgh", given, strict=False))
    return Answer("campaigns", {}, AS_OF, AS_OF, True, ("uysp",), Findings("T", "S", named, **more))


def strings(thing: object) -> list[str]:
    """Return every text that a block shows or carries."""
    if isinstance(thing, dict):
        return [text for key, value in thing.items() if key != "type" for text in strings(value)]
    if isinstance(thing, list):
        return [text for value in thing for text in strings(value)]
    return [thing] if isinstance(thing, str) else []


def parts(thing: object, kind: str) -> list[dict[str, Any]]:
    """Return every block, element or text object of this type, in reading order."""
    if isinstance(thing, dict):
        own = [thing] if thing.get("type") == kind else []
        return own + [part for value in thing.values() for part in parts(value, kind)]
    return [part for value in thing for part in parts(value, kind)] if isinstance(thing, list) else []


def markup(blocks: list[Any]) -> list[str]:
    """Return what Slack would read as mark-up, besides a time with words of ours before it."""
    ours = re.compile(
        r"[\w .:-]+ <!date\^\d+\^\{date_short_pretty\} at \{time\}\|\d{4}-\d\d-\d\d \d\d:\d\d [A-Z0-9+-]+>"
    )
    return [part["text"] for part in parts(blocks, "mrkdwn") if not ours.fullmatch(part["text"])]
