"""What a webhook's payloads say: which records changed, and whether tables or fields did.

Payloads are hints: what a record holds is read from Airtable afterwards. So a change that is split into several
payloads, a record that is filled only after its creation, and payloads that come twice need no care here
(research/airtable.md section 2, gotchas 1, 5 and 6).
"""

from collections.abc import Iterable, Mapping
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
