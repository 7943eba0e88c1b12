"""An answer as others may see it: what is personal is taken out before it is turned into blocks or text.

Columns say of themselves whether they are personal. Free text (a title that repeats what was typed, a lead without a
name that is called by its address) is looked through for email addresses and phone numbers besides.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from slackbot.answers.model import Answer, Chart, Choice, Column, Findings, Link, Page, Section

# Lengths as RFC 5321 limits them, so that a long text costs no more than its length.
_EMAIL = re.compile(r"""[^\s@<>()\[\]"“”,;:]{1,64}@[^\s@<>()\[\]"“”,;:]{1,250}\.[^\W\d_]{2,}""")
_PHONE = re.compile(
    r"""(?<![\w.,])(?:
        \+\d(?:[ ().-]{0,2}\d){6,14}              # with a country's code
        | \(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}         # the American way
        | 0\d(?:[ .-]?\d){7,9}                      # with an area's code
        | \d{9,15}                                 # digits alone
    )(?![\w])""",
    re.VERBOSE,
)


def shared(answer: Answer) -> Answer:
    """Return an answer without personal data; lines that name somebody by it lead nowhere any more."""
    found = answer.findings
    public = Findings(
        title=masked(found.title),
        summary=masked(found.summary),
        sections={name: _section(each) for name, each in found.sections.items()},
        notes=tuple(map(masked, found.notes)),
        charts=tuple(map(_chart, found.charts)),
        links=tuple(_links(found.links)),
        choices=tuple(_choice(choice) for choice in found.choices),
        line=_line(found.line) or "",
    )
    return replace(answer, findings=public)


def left_out(answer: Answer) -> tuple[str, ...]:
    """Return the labels of the columns that `shared` leaves out of what is shown, each once."""
    columns = [column for each in answer.sections.values() if each.rows for column in each.columns]
    return tuple(dict.fromkeys(column.label for column in columns if column.is_personal))


def masked(text: str) -> str:
    """Return a text without email addresses and phone numbers."""
    without_email = _EMAIL.sub("[email]", text) if "@" in text else text
    return _PHONE.sub("[phone]", without_email)


def _line(line: str | None) -> str | None:
    """Return a line, if it names nobody by personal data."""
    return line if line is not None and masked(line) == line else None


def _links(links: Iterable[Link]) -> Iterable[Link]:
    return (Link(masked(link.label), link.line) for link in links if _line(link.line) is not None)


def _choice(choice: Choice) -> Choice:
    return replace(choice, label=masked(choice.label), options=tuple(_links(choice.options)))


def _chart(chart: Chart) -> Chart:
    return replace(
        chart,
        title=masked(chart.title),
        categories=tuple(map(masked, chart.categories)),
        series={masked(name): values for name, values in chart.series.items()},
        summary=masked(chart.summary),
    )


def _section(each: Section) -> Section:
    return replace(
        each,
        columns=tuple(_column(column) for column in each.columns if not column.is_personal),
        heading=masked(each.heading),
        empty=masked(each.empty),
        link=_link_of(each.link) if each.link is not None else None,
        page=_page(each.page) if each.page is not None else None,
    )


def _column(column: Column) -> Column:
    def value(row: Any) -> object:
        found = column.value(row)
        return masked(found) if isinstance(found, str) else found

    return replace(column, value=value)


def _link_of(link: Callable[[Any], Link]) -> Callable[[Any], Link]:
    def public(row: Any) -> Link:
        found = link(row)
        return Link(masked(found.label), _line(found.line) or "")

    return public


def _page(page: Page) -> Page:
    return replace(page, before=_line(page.before), after=_line(page.after))
