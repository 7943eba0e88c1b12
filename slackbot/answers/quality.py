"""`quality`: what is wrong in Airtable (spec/metrics.md sections 1 and 10)."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from slackbot.answers.leads import cut, lead_line, of_several, only, with_client
from slackbot.answers.model import Column, Findings, Kind, Link, Section, Topic, column_list, read_row
from slackbot.grammar import Question, Verb, line
from uysp.settings import Settings

_MOST_RULES = 6  # in the sentence; the rest are summed


@dataclass(frozen=True)
class Issue:
    """A row of marts.data_quality_issues."""

    client: str
    source_table: str
    record_id: str
    field: str
    value: str | None
    rule: str
    seen_at: datetime


_COUNTS = text("""
    select rule, count(*) as issues from marts.data_quality_issues where client = any(:clients)
    group by rule order by issues desc, rule collate "C"
""")
_ISSUES = text(f"""
    select {column_list(Issue)} from marts.data_quality_issues where client = any(:clients)
    order by seen_at desc, source_table collate "C", record_id collate "C", field collate "C", rule collate "C",
        client collate "C"
    limit :limit offset :offset
""")


def answer(question: Question, connection: Connection, clients: tuple[str, ...], _settings: Settings) -> Findings:
    """Return the issues, the one seen last first."""
    counts = [(row.rule, row.issues) for row in connection.execute(_COUNTS, {"clients": list(clients)})]
    total = sum(count for _, count in counts)
    part = cut(question, total)
    values = {"clients": list(clients), "limit": part.limit, "offset": part.offset}
    rows = [read_row(Issue, row) for row in connection.execute(_ISSUES, values).mappings()]
    section = Section(
        rows,
        with_client(_COLUMNS, clients),
        "Issues",
        empty="Nothing is wrong that we look for.",
        link=lambda issue: _record_link(issue, clients),
        page=part.page,
    )
    said = [f"{count:,} {rule.replace('_', ' ')}" for rule, count in counts[:_MOST_RULES]]
    rest = sum(count for _, count in counts[_MOST_RULES:])
    listed = ", ".join([*said, *([f"{rest:,} others"] if rest else [])])
    client = only(question.filters, "client")
    return Findings(
        "Data quality",
        f"{total:,} issue{'' if total == 1 else 's'}{': ' if listed else ''}{listed}.",
        {"issues": section},
        notes=("A value that cannot be read counts as empty, until somebody mends it in Airtable.",) if total else (),
        links=(
            Link("Dashboard", line("dashboard", filters=client)),
            Link("Status", line("status", filters=client)),
        ),
    )


def _record_link(issue: Issue, clients: tuple[str, ...]) -> Link:
    """Return where an issue leads: a lead's card; what other tables hold has no answer of its own."""
    if issue.source_table == "leads":
        label = of_several(issue.record_id, issue.client, clients)
        return Link(label, lead_line("lead", issue.client, issue.record_id))
    return Link(of_several("Status", issue.client, clients), line("status", filters={"client": issue.client}))


_COLUMNS = (
    Column("Table", Kind.TEXT, lambda row: row.source_table, definition="data_quality_issues.source_table"),
    Column("Record id", Kind.TEXT, lambda row: row.record_id, definition="data_quality_issues.record_id"),
    Column("Field", Kind.TEXT, lambda row: row.field, definition="data_quality_issues.field"),
    # What a cell holds may be somebody's phone number or address.
    Column("Value", Kind.TEXT, lambda row: row.value, definition="data_quality_issues.value", is_personal=True),
    Column("What is wrong", Kind.TEXT, lambda row: row.rule.replace("_", " "), definition="data_quality_issues.rule"),
    Column("Seen", Kind.TIME, lambda row: row.seen_at, definition="data_quality_issues.seen_at"),
)

TOPIC = Topic(
    Verb(
        "quality",
        usage="quality [page:N]",
        summary="what is wrong in Airtable: cells that cannot be read, leads that need a look",
        examples=("quality",),
        filters=("page", "client"),
    ),
    answer,
    sources=("leads", "campaigns", "sms_templates", "sms_audit"),
    marts=("data_quality_issues", "sync_status"),
    section_names=("issues",),
)
