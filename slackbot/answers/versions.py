"""`versions LEAD`: a record's past, from its raw history: every version, and what changed from one to the next."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, text

from slackbot.answers.model import Column, Findings, Kind, Section, Topic
from slackbot.answers.search import Match, find_leads, named_record
from slackbot.grammar import Question, Verb
from uysp.settings import Settings

SHOWN_CHARACTERS = 80  # of a value, to people; JSON has all


@dataclass(frozen=True)
class Version:
    """A version of a record; `operation` is created, updated, deleted or restored."""

    client: str
    lead_id: str
    version: int
    observed_at: datetime
    operation: str


@dataclass(frozen=True)
class VersionChange:
    """A field that differs from the version before; None: empty."""

    version: int
    observed_at: datetime
    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class _Stored:
    version: Version
    fields: dict[str, Any]


_HISTORY = text("""
    select client, record_id, version, observed_at, operation, fields from raw.leads_history
    where client = :client and record_id = :record_id order by version
""")
_DELETED = text("""
    select client, record_id from raw.leads where client = any(:clients) and record_id = :record_id order by client
""")
# The names that options no longer have, as dbt's base_uysp__renamed_options has them.
_RENAMED = text("""
    with options as (select * from raw.airtable_options where client = :client and source_table = 'leads'),
    present as (
        select distinct on (field_id, option_id) field_id, option_id, name
        from options order by field_id, option_id, seen_to desc nulls first, seen_from desc
    )
    select canonical_name as field, options.name, seen_from, coalesce(seen_to, 'infinity') as seen_to,
           present.name as present_name
    from options
    join present using (field_id, option_id)
    join raw.airtable_fields as fields using (client, source_table, field_id)
    where options.name <> present.name
""")


def answer(question: Question, connection: Connection, clients: tuple[str, ...], _settings: Settings) -> Findings:
    """Return the versions of the lead that the text means, newest first; deleted leads are known by their record id."""
    matches = find_leads(connection, clients, question.argument) or _deleted(connection, clients, question.argument)
    nothing: dict[str, Section] = {"versions": Section([]), "changes": Section([])}
    if not matches:
        summary = f"No lead found for “{question.argument}”. A deleted one is found by its record id."
        return Findings("Versions", summary, nothing)
    if len(matches) > 1:
        ids = ", ".join(f"{match.client}/{match.lead_id}" for match in matches[:5])
        more = " and more" if matches[0].total > 5 else ""
        summary = f"{matches[0].total:,} leads match “{question.argument}”: {ids}{more}. Ask for one by its record id."
        return Findings("Versions", summary, nothing)
    stored = _history(connection, matches[0])
    changes = [change for before, after in pairwise(stored) for change in _differences(before, after)]
    versions = [each.version for each in reversed(stored)]
    since = f"{versions[-1].observed_at:%Y-%m-%d %H:%M} UTC"
    summary = f"{len(versions):,} version{'' if len(versions) == 1 else 's'} of {matches[0].lead_id} since {since}."
    sections = {
        "versions": Section(versions, _VERSION_COLUMNS, "Versions"),
        "changes": Section(list(reversed(changes)), _CHANGE_COLUMNS, "Changes", empty="Nothing changed since."),
    }
    return Findings("Versions", summary, sections)


def _deleted(connection: Connection, clients: tuple[str, ...], typed: str) -> list[Match]:
    record_id = named_record(typed)
    if record_id is None:
        return []
    found = connection.execute(_DELETED, {"clients": list(clients), "record_id": record_id}).all()
    return [Match(row.client, row.record_id, len(found)) for row in found]


def _history(connection: Connection, match: Match) -> list[_Stored]:
    renamed = connection.execute(_RENAMED, {"client": match.client}).all()
    rows = connection.execute(_HISTORY, {"client": match.client, "record_id": match.lead_id})
    return [
        _Stored(
            Version(row.client, row.record_id, row.version, row.observed_at, row.operation),
            _under_present_names(row.fields, row.observed_at, renamed),
        )
        for row in rows
    ]


def _under_present_names(fields: dict[str, Any], at: datetime, renamed: Sequence[Any]) -> dict[str, Any]:
    """Return a version's fields with select options as they are called now."""
    named = dict(fields)
    for option in renamed:
        value = named.get(option.field)
        if value is None or not option.seen_from <= at < option.seen_to:
            continue
        if value == option.name:
            named[option.field] = option.present_name
        elif isinstance(value, list):
            named[option.field] = [option.present_name if item == option.name else item for item in value]
    return named


def _differences(before: _Stored, after: _Stored) -> Iterable[VersionChange]:
    for field in sorted(before.fields.keys() | after.fields.keys()):
        old, new = before.fields.get(field), after.fields.get(field)
        if old != new:
            yield VersionChange(after.version.version, after.version.observed_at, field, old, new)


def _shown(value: Any) -> str | None:
    if value is None:
        return None
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return said if len(said) <= SHOWN_CHARACTERS else f"{said[: SHOWN_CHARACTERS - 1]}…"


_VERSION_COLUMNS = (
    Column("Version", Kind.COUNT, lambda row: row.version),
    Column("Seen", Kind.TIME, lambda row: row.observed_at),
    Column("What", Kind.TEXT, lambda row: row.operation),
)
_CHANGE_COLUMNS = (
    Column("Version", Kind.COUNT, lambda row: row.version),
    Column("Field", Kind.TEXT, lambda row: row.field),
    Column("Before", Kind.TEXT, lambda row: _shown(row.before)),
    Column("After", Kind.TEXT, lambda row: _shown(row.after)),
)

TOPIC = Topic(
    Verb(
        "versions",
        usage="versions LEAD [client:KEY]",
        summary="a lead's past: every version of its record, and what changed",
        examples=("versions jane@example.com",),
        text="a name, email, phone number or record id",
        text_required=True,
        filters=("client",),
    ),
    answer,
    sources=("leads",),
    marts=("leads", "sync_status"),
    section_names=("versions", "changes"),
)
