"""`versions LEAD`: a record's past, from its raw history: every version, and what changed from one to the next."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, text

from slackbot.answers.model import Column, Findings, Kind, Section, Topic
from slackbot.answers.search import named_record, the_lead
from slackbot.grammar import Question, Verb
from uysp.settings import Settings

SHOWN_CHARACTERS = 80  # of a value, to people; JSON has all
COMMON_CHARACTERS = 20  # of a longer beginning that both values of a change have


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
_ANY = text("""
    select client, record_id from raw.leads where client = any(:clients) and record_id = :record_id order by client
""")
_ATTACHMENTS = text("""
    select canonical_name from raw.airtable_fields
    where client = :client and source_table = 'leads' and type = 'multipleAttachments'
""")
# The names that options no longer have, as dbt's base_uysp__renamed_options has them: a name counts from when another
# option last had it, because records can show it before the schema is read.
_RENAMED = text("""
    with options as (
        select canonical_name as field, options.*
        from raw.airtable_options as options
        join raw.airtable_fields as fields using (client, source_table, field_id)
        where options.client = :client and options.source_table = 'leads'
    ),
    present as (
        select distinct on (field_id, option_id) field_id, option_id, name as present_name
        from options order by field_id, option_id, seen_to desc nulls first, seen_from desc
    ),
    named as (
        select field, name, present_name, seen_to,
               lag(seen_to) over (partition by field, name order by seen_from) as seen_from
        from options join present using (field_id, option_id)
    )
    select field, name, present_name, seen_from, seen_to from named
    where name <> present_name
    order by present_name collate "C"
""")


def answer(question: Question, connection: Connection, clients: tuple[str, ...], _settings: Settings) -> Findings:
    """Return the versions of the lead that the text means, newest first; deleted leads are known by their record id.

    Raises:
        AmbiguousLeadError: the text may mean several leads.
    """
    match = the_lead(connection, clients, question.argument)
    key = (match.client, match.lead_id) if match else _gone(connection, clients, question.argument)
    if key is None:
        summary = f"No lead found for “{question.argument}”. A deleted one is found by its record id."
        return Findings("Versions", summary, {"versions": Section([]), "changes": Section([])})
    stored = _history(connection, *key)
    if not stored:  # erased since the marts were built
        summary = f"Nothing is kept of {'/'.join(key)} any more."
        return Findings("Versions", summary, {"versions": Section([]), "changes": Section([])})
    # A deletion is no version of the fields (spec/metrics.md): it has those last seen, under the names of that time.
    seen = [each for each in stored if each.version.operation != "deleted"]
    changes = [change for before, after in pairwise(seen) for change in _differences(before, after)]
    changes.sort(key=lambda change: -change.version)
    versions = [each.version for each in reversed(stored)]
    until = "before it was deleted" if versions[0].operation == "deleted" else "since"
    since = f"{versions[-1].observed_at:%Y-%m-%d %H:%M} UTC"
    summary = f"{len(versions):,} version{'' if len(versions) == 1 else 's'} of {'/'.join(key)} since {since}."
    sections = {
        "versions": Section(versions, _VERSION_COLUMNS, "Versions"),
        "changes": Section(changes, _CHANGE_COLUMNS, "Changes", empty=f"No field changed {until}."),
    }
    return Findings("Versions", summary, sections)


def _gone(connection: Connection, clients: tuple[str, ...], typed: str) -> tuple[str, str] | None:
    """Return the client and record id of a lead that is in no mart, because it was deleted."""
    named = named_record(typed)
    if named is None:
        return None
    client, record_id = named
    among = [each for each in clients if client is None or each.casefold() == client.casefold()]
    found = connection.execute(_ANY, {"clients": among, "record_id": record_id}).first()
    return (found.client, found.record_id) if found else None


def _history(connection: Connection, client: str, record_id: str) -> list[_Stored]:
    """Return the versions, oldest first."""
    renamed = connection.execute(_RENAMED, {"client": client}).all()
    attachments: set[str] = set(connection.execute(_ATTACHMENTS, {"client": client}).scalars())
    rows = connection.execute(_HISTORY, {"client": client, "record_id": record_id})
    return [
        _Stored(
            Version(row.client, row.record_id, row.version, row.observed_at, row.operation),
            {
                field: _lasting(value) if field in attachments else value
                for field, value in _under_present_names(row.fields, row.observed_at, renamed).items()
            },
        )
        for row in rows
    ]


def _under_present_names(fields: dict[str, Any], at: datetime, renamed: Sequence[Any]) -> dict[str, Any]:
    """Return a version's fields with select options as they are called now."""
    named = dict(fields)
    then = [
        option
        for option in renamed
        if option.field in fields
        and (option.seen_from is None or option.seen_from <= at)
        and (option.seen_to is None or at < option.seen_to)
    ]
    for field in {option.field for option in then}:
        # The first in the order of the alphabet, as in the models, should two options have had one name.
        present = {option.name: option.present_name for option in reversed(then) if option.field == field}
        value = fields[field]
        if isinstance(value, list):
            named[field] = [present.get(item, item) if isinstance(item, str) else item for item in value]
        elif isinstance(value, str):
            named[field] = present.get(value, value)
    return named


def _lasting(attachments: Any) -> Any:
    """Return attachments without their addresses, which expire within hours and differ in every version."""
    if not isinstance(attachments, list):
        return attachments
    passing = ("url", "thumbnails")
    return [{name: part for name, part in each.items() if name not in passing} for each in attachments]


def _differences(before: _Stored, after: _Stored) -> Iterable[VersionChange]:
    for field in sorted(before.fields.keys() | after.fields.keys()):
        old, new = before.fields.get(field), after.fields.get(field)
        if old != new:
            yield VersionChange(after.version.version, after.version.observed_at, field, old, new)


def _shown(change: VersionChange) -> tuple[str | None, str | None]:
    """Return what a field was and is, long values from shortly before the place where they begin to differ."""
    before, after = _said(change.before), _said(change.after)
    if before is None or after is None or max(len(before), len(after)) <= SHOWN_CHARACTERS:
        return _cut(before), _cut(after)
    pairs = enumerate(zip(before, after, strict=False))
    common = next((place for place, (old, new) in pairs if old != new), min(len(before), len(after)))
    if common <= 2 * COMMON_CHARACTERS:
        return _cut(before), _cut(after)
    start = common - COMMON_CHARACTERS
    return _cut(f"…{before[start:]}"), _cut(f"…{after[start:]}")


def _said(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cut(said: str | None) -> str | None:
    return said if said is None or len(said) <= SHOWN_CHARACTERS else f"{said[: SHOWN_CHARACTERS - 1]}…"


_VERSION_COLUMNS = (
    Column("Version", Kind.COUNT, lambda row: row.version),
    Column("Seen", Kind.TIME, lambda row: row.observed_at),
    Column("What", Kind.TEXT, lambda row: row.operation),
)
_CHANGE_COLUMNS = (
    Column("Version", Kind.COUNT, lambda row: row.version),
    Column("Field", Kind.TEXT, lambda row: row.field),
    # Any field of the record may stand here, also notes and fields that no model knows.
    Column("Before", Kind.TEXT, lambda row: _shown(row)[0], is_personal=True),
    Column("After", Kind.TEXT, lambda row: _shown(row)[1], is_personal=True),
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
