"""What a webhook's payloads say: which records changed, and whether tables or fields did.

Payloads are hints: what a record holds is read from Airtable afterwards. So a change that is split into several
payloads, a record that is filled only after its creation, and payloads that come twice need no care here
(research/airtable.md section 2, gotchas 1, 5 and 6).
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

# Parts of a changed table that are about its records; everything else is about its schema.
_RECORD_PARTS = {"createdRecordsById", "changedRecordsById", "destroyedRecordIds", "changedViewsById"}


class HookInvalidError(Exception):
    """Airtable ended the hook; nothing that happens from now on is written to it."""


@dataclass(frozen=True)
class Mark:
    """A record that has to be read again.

    Attributes:
        changed_at: on Airtable's clock.
        is_destroyed: whether the last that was said of it is that it is gone.
    """

    table_id: str
    record_id: str
    changed_at: datetime | None
    is_destroyed: bool


@dataclass
class Changes:
    """What some payloads say together.

    Attributes:
        marks: by table id and record id, the last that was said of each.
        schema: whether tables, fields or options changed.
        last_change: time of the newest payload, on Airtable's clock.
    """

    marks: dict[tuple[str, str], Mark] = field(default_factory=dict)
    schema: bool = False
    last_change: datetime | None = None


def read_payloads(payloads: Iterable[Mapping[str, Any]]) -> Changes:
    """Return what payloads say, in their order.

    Raises:
        HookInvalidError: one of them says that the hook has ended.
    """
    changes = Changes()
    for payload in payloads:
        if payload.get("error"):
            raise HookInvalidError(str(payload.get("code")))
        at = _time(payload.get("timestamp"))
        if at is not None:
            changes.last_change = max(at, changes.last_change or at)
        changes.schema |= bool(payload.get("createdTablesById") or payload.get("destroyedTableIds"))
        for table_id, changed in (payload.get("changedTablesById") or {}).items():
            _read_table(changes, table_id, changed, at)
        for table_id, created in (payload.get("createdTablesById") or {}).items():
            for record_id in created.get("recordsById") or {}:
                changes.marks[table_id, record_id] = Mark(table_id, record_id, at, is_destroyed=False)
    return changes


@dataclass(frozen=True)
class Edit:
    """A cell that was edited, as a payload tells it.

    Attributes:
        source: where the edit came from: client, publicApi, automation and so on.
        author: name or email of the user, where one is told.
        before: what the cell held; None: nothing.
        after: what it holds since.
    """

    record_id: str
    field_id: str
    at: datetime | None
    source: str
    author: str | None
    before: Any
    after: Any


def edits(payloads: Iterable[Mapping[str, Any]], table_id: str, field_ids: Collection[str]) -> list[Edit]:
    """Return the edits of some fields of one table, in their order; needs a hook with previous values."""
    found: list[Edit] = []
    for payload in payloads:
        metadata = payload.get("actionMetadata") or {}
        user = (metadata.get("sourceMetadata") or {}).get("user") or {}
        author = user.get("name") or user.get("email")
        at, source = _time(payload.get("timestamp")), str(metadata.get("source"))
        changed = ((payload.get("changedTablesById") or {}).get(table_id) or {}).get("changedRecordsById") or {}
        for record_id, change in changed.items():
            current = (change.get("current") or {}).get("cellValuesByFieldId") or {}
            previous = (change.get("previous") or {}).get("cellValuesByFieldId") or {}
            found += [
                Edit(record_id, each, at, source, author, _plain(previous.get(each)), _plain(current[each]))
                for each in current
                if each in field_ids
            ]
    return found


def _plain(value: Any) -> Any:
    """Return a cell as records have it: a select's option by its name."""
    return value["name"] if isinstance(value, dict) and "name" in value else value


def _read_table(changes: Changes, table_id: str, changed: Mapping[str, Any], at: datetime | None) -> None:
    changes.schema |= bool(changed.keys() - _RECORD_PARTS)
    destroyed = list(changed.get("destroyedRecordIds") or ())
    for record_id in [*(changed.get("createdRecordsById") or ()), *(changed.get("changedRecordsById") or ())]:
        changes.marks[table_id, record_id] = Mark(table_id, record_id, at, is_destroyed=False)
    for record_id in destroyed:
        changes.marks[table_id, record_id] = Mark(table_id, record_id, at, is_destroyed=True)


def _time(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
