"""Webhooks and their payload lists (research/airtable.md section 2).

Payloads are rendered when something happens, for each hook by its own specification, and kept as JSON for seven days.
Nothing is posted to notification URLs: whoever gives one reads the payload list all the same.
"""

import base64
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from playground.airtable import errors
from playground.airtable.behaviour import Behaviour
from playground.airtable.schema import Base, Field, Record, Table
from playground.airtable.store import Commit, Edit, Store

MOST_HOOKS = 10
PAGE = 50
LIFE = timedelta(days=7)
_LINKED_FIELDS = ("watchDataInFieldIds", "watchSchemasOfFieldIds")
Changed = dict[str, dict[str, Any]]


@dataclass
class Payload:
    """One payload of a hook, as it is answered."""

    number: int
    at: datetime
    body: bytes


@dataclass
class Hook:
    """A webhook.

    Attributes:
        next_number: of the payload that comes next; numbers start with 1 and never begin anew.
        is_enabled: whether payloads are still made.
    """

    id: str
    notification_url: str | None
    specification: dict[str, Any]
    expires_at: datetime
    next_number: int = 1
    is_enabled: bool = True
    notifies: bool = False
    payloads: list[Payload] = field(default_factory=list)

    @property
    def filters(self) -> dict[str, Any]:
        """What the hook is about."""
        filters: dict[str, Any] = self.specification["options"]["filters"]
        return filters

    @property
    def includes(self) -> dict[str, Any]:
        """What payloads hold besides."""
        includes: dict[str, Any] = self.specification["options"].get("includes") or {}
        return includes

    def described(self) -> dict[str, Any]:
        """Return the hook as a list of hooks answers it."""
        return {
            "id": self.id,
            "type": "client",
            "notificationUrl": self.notification_url,
            "cursorForNextPayload": self.next_number,
            "areNotificationsEnabled": self.notifies,
            "isHookEnabled": self.is_enabled,
            "lastSuccessfulNotificationTime": None,
            "lastNotificationResult": None,
            "expirationTime": _wire(self.expires_at),
            "specification": self.specification,
        }


class Webhooks:
    """The hooks of all bases, and what makes their payloads."""

    def __init__(self, store: Store, behaviour: Behaviour) -> None:
        self.store = store
        self.behaviour = behaviour
        self.hooks: dict[str, dict[str, Hook]] = {}
        self._transactions: dict[str, int] = {}
        self._schemas: dict[str, dict[str, Any]] = {}

    # What the API does

    def described(self, base: Base) -> list[dict[str, Any]]:
        """Return the hooks of a base."""
        return [hook.described() for hook in self._present(base).values()]

    def create(self, base: Base, body: Mapping[str, Any]) -> dict[str, Any]:
        """Make a hook.

        Raises:
            Refusal: the base has ten, or the body is none that Airtable takes.
        """
        if "notificationUrl" in body and body["notificationUrl"] is None and self.behaviour.refuse_null_url:
            raise errors.invalid_request()
        specification = body.get("specification")
        if not isinstance(specification, dict) or not _is_specification(specification):
            raise errors.invalid_request()
        if len(self._present(base)) >= MOST_HOOKS:
            raise errors.refusal(422, "TOO_MANY_WEBHOOKS_IN_BASE", f"A base may have {MOST_HOOKS} webhooks")
        url = body.get("notificationUrl")
        hook = Hook(self.store.new_id("ach"), url, dict(specification), self._now() + LIFE, notifies=url is not None)
        self._schemas.setdefault(base.id, _schema(base))
        self.hooks.setdefault(base.id, {})[hook.id] = hook
        secret = base64.b64encode(secrets.token_bytes(32)).decode()
        return {"id": hook.id, "macSecretBase64": secret, "expirationTime": _wire(hook.expires_at)}

    def find(self, base: Base, hook_id: str) -> Hook:
        """Return a hook that exists.

        Raises:
            Refusal: there is none.
        """
        hook = self._present(base).get(hook_id)
        if hook is None:
            raise errors.refusal(404, "NOT_FOUND")
        return hook

    def delete(self, base: Base, hook_id: str) -> None:
        """End a hook."""
        self.find(base, hook_id)
        del self.hooks[base.id][hook_id]

    def refresh(self, base: Base, hook_id: str) -> dict[str, Any]:
        """Prolong a hook that has not expired."""
        hook = self.find(base, hook_id)
        if hook.expires_at <= self._now():
            raise errors.refusal(404, "NOT_FOUND")
        hook.expires_at = self._now() + LIFE
        return {"expirationTime": _wire(hook.expires_at)}

    def list_payloads(self, base: Base, hook_id: str, cursor: int, limit: int) -> bytes:
        """Return a page of payloads as JSON; reading prolongs the hook."""
        hook = self.find(base, hook_id)
        now = self._now()
        hook.payloads = [payload for payload in hook.payloads if payload.at > now - LIFE]
        waiting = [payload for payload in hook.payloads if payload.number >= cursor]
        page = waiting[: min(limit, PAGE)]
        if hook.expires_at > now and hook.is_enabled:
            hook.expires_at = now + LIFE
        following = page[-1].number + 1 if page else hook.next_number
        more = b"true" if len(waiting) > len(page) else b"false"
        bodies = b",".join(payload.body for payload in page)
        return b'{"payloads":[' + bodies + b'],"cursor":%d,"mightHaveMore":%b}' % (following, more)

    # What happens to hooks from outside

    def expire(self, hook: Hook) -> None:
        """Let a hook's life end now."""
        hook.expires_at = self._now()

    def invalidate(self, hook: Hook) -> None:
        """End a hook for good, as deleting a field that it names does: one last payload, then silence."""
        if hook.is_enabled:
            body = {"timestamp": _wire(self._now()), "payloadFormat": "v0", "error": True, "code": "INVALID_HOOK"}
            self._append(hook, body)
            hook.is_enabled = False

    def purge(self, hook: Hook) -> None:
        """Forget its payloads, as time does."""
        hook.payloads.clear()

    # What happens to bases

    def note_commit(self, commit: Commit) -> None:
        """Make the payloads of a write."""
        hooks = self._listening(commit.base)
        if not hooks or not commit.edits:
            return
        transaction = self._next_transaction(commit.base)
        rendered = [part for part in map(self._rendered(commit.base), commit.edits) if part is not None]
        for hook in hooks:
            if commit.source not in hook.filters.get("fromSources", [commit.source]):
                continue
            if "tableData" not in hook.filters["dataTypes"]:
                continue
            for changed in self._payloads(hook, rendered):
                self._write(hook, transaction, commit.source, {"changedTablesById": changed})

    def note_schema(self, base: Base) -> None:
        """Make the payloads of an edit of the schema, by comparing it with what was."""
        before, after = self._schemas.get(base.id), _schema(base)
        if before is None:
            return
        self._schemas[base.id] = after
        content = _schema_content(before, after, option_edits=self.behaviour.option_edits_in_payloads)
        gone = {*before, *(f for t in before.values() for f in t["fields"])} - {
            *after,
            *(f for t in after.values() for f in t["fields"]),
        }
        transaction = self._next_transaction(base)
        for hook in self._listening(base):
            if gone & set(_named(hook)):
                self.invalidate(hook)
            elif content and {"tableFields", "tableMetadata"} & set(hook.filters["dataTypes"]):
                self._write(hook, transaction, "client", content)

    def _payloads(self, hook: Hook, parts: list["_Part"]) -> Iterator[Changed]:
        """Yield `changedTablesById` of each payload of one transaction."""
        wanted = [part for part in parts if _wants(hook, part)]
        size = self.behaviour.payload_records or max(1, len(wanted))
        for start in range(0, len(wanted), size):
            some = wanted[start : start + size]
            if self.behaviour.half_filled_creates:
                yield from _merged(hook, ((part.half_filled() for part in some), (part.filling() for part in some)))
            else:
                yield from _merged(hook, (some, (part.computed_part() for part in some)))

    def _rendered(self, base: Base) -> "Callable[[Edit], _Part | None]":
        def render(edit: Edit) -> _Part | None:
            renderer = self.store.renderer(base, edit.table)
            before = renderer.cells(edit.before) if edit.before else {}
            after = renderer.cells(edit.after) if edit.after else {}
            record = edit.after or edit.before
            if record is None or (edit.restored and not self.behaviour.restores_in_payloads):
                return None
            changed = {f for f in before.keys() | after.keys() if before.get(f) != after.get(f)}
            return _Part(base, edit.table, record, edit.before is None, edit.after is None, changed, before, after)

        return render

    def _write(self, hook: Hook, transaction: int, source: str, content: Mapping[str, Any]) -> None:
        body = {
            "timestamp": _wire(self._now()),
            "baseTransactionNumber": transaction,
            "payloadFormat": "v0",
            "actionMetadata": {"source": source, "sourceMetadata": _source_metadata(source)},
            **content,
        }
        self._append(hook, body)

    def _append(self, hook: Hook, body: Mapping[str, Any]) -> None:
        hook.payloads.append(Payload(hook.next_number, self._now(), orjson.dumps(body)))
        hook.next_number += 1

    def _next_transaction(self, base: Base) -> int:
        self._transactions[base.id] = self._transactions.get(base.id, 0) + 1
        return self._transactions[base.id]

    def _listening(self, base: Base) -> list[Hook]:
        now = self._now()
        return [hook for hook in self._present(base).values() if hook.is_enabled and hook.expires_at > now]

    def _present(self, base: Base) -> dict[str, Hook]:
        """Return the hooks of a base; an expired one can be read for another seven days."""
        hooks = self.hooks.get(base.id)
        if not hooks:
            return {}
        now = self._now()
        self.hooks[base.id] = {hook.id: hook for hook in hooks.values() if hook.expires_at + LIFE > now}
        return self.hooks[base.id]

    def _now(self) -> datetime:
        return self.store.clock.now()


@dataclass(frozen=True)
class _Part:
    """What a transaction did to one record; cells as the API reads them, by field id."""

    base: Base
    table: Table
    record: Record
    is_created: bool
    is_destroyed: bool
    changed: set[str]
    before: Mapping[str, Any]
    after: Mapping[str, Any]

    def half_filled(self) -> "_Part | None":
        """Return a creation without its cells, or whatever else this is."""
        if self.is_created:
            return _Part(self.base, self.table, self.record, True, False, set(), {}, {})
        return self

    def filling(self) -> "_Part | None":
        """Return the cells that a creation came without."""
        if self.is_created:
            return _Part(self.base, self.table, self.record, False, False, self.changed, {}, self.after)
        return None

    def computed_part(self) -> "_Part | None":
        """Return what was computed anew because of this change: Airtable tells of it in a payload of its own."""
        computed = self.changed & {item.id for item in self.table.fields if item.is_computed}
        if self.is_created or self.is_destroyed or not computed or computed == self.changed:
            return None
        return _Part(self.base, self.table, self.record, False, False, computed, self.before, self.after)


def _merged(hook: Hook, payloads: Iterable[Iterable[_Part | None]]) -> Iterator[Changed]:
    for parts in payloads:
        changed: Changed = {}
        for part in parts:
            if part is not None:
                _merge(changed.setdefault(part.table.id, {}), hook, part)
        if changed:
            yield changed


def _merge(table: dict[str, Any], hook: Hook, part: _Part) -> None:
    record_id = part.record.id
    if part.is_destroyed:
        table.setdefault("destroyedRecordIds", []).append(record_id)
    elif part.is_created:
        cells = _cells(part, part.after.keys(), part.after)
        created = {"createdTime": part.record.created, "cellValuesByFieldId": cells}
        table.setdefault("createdRecordsById", {})[record_id] = created
    else:
        change = {"current": {"cellValuesByFieldId": _cells(part, part.changed, part.after)}}
        if hook.includes.get("includePreviousCellValues"):
            change["previous"] = {"cellValuesByFieldId": _cells(part, part.changed, part.before)}
        included = hook.includes.get("includeCellValuesInFieldIds", ())
        unchanged = part.after.keys() if included == "all" else included
        if unchanged:
            change["unchanged"] = {"cellValuesByFieldId": _cells(part, set(unchanged) - part.changed, part.after)}
        table.setdefault("changedRecordsById", {})[record_id] = change


def _cells(part: _Part, wanted: Iterable[str], cells: Mapping[str, Any]) -> dict[str, Any]:
    fields = {item.id: item for item in part.table.fields}
    return {name: _second_format(part.base, fields[name], cells.get(name)) for name in wanted if name in fields}


def _second_format(base: Base, item: Field, value: Any) -> Any:
    """Return a cell as payloads write it: objects for options, links and lookups (section 1.6)."""
    if value is None:
        return None
    if item.type == "singleSelect":
        return _option(item, value)
    if item.type == "multipleSelects":
        return [_option(item, name) for name in value]
    if item.type == "multipleRecordLinks":
        linked = base.table_named(item.options.get("linkedTableId", ""))
        return [{"id": record_id, "name": _primary(linked, record_id)} for record_id in value]
    if item.type == "multipleLookupValues":
        return {"valuesByLinkedRecordId": {}, "linkedRecordIds": []}
    return value


def _option(item: Field, name: Any) -> dict[str, Any]:
    return next(
        (choice for choice in item.choices if choice["name"] == name), {"id": "selUnknown0000000", "name": name}
    )


def _primary(table: Table | None, record_id: str) -> str:
    record = table.records.get(record_id) if table else None
    return "" if table is None or record is None else str(record.cells().get(table.primary_field_id, ""))


def _wants(hook: Hook, part: _Part) -> bool:
    kind = "add" if part.is_created else "remove" if part.is_destroyed else "update"
    watched = hook.filters.get("watchDataInFieldIds")
    return (
        hook.filters.get("recordChangeScope") in (None, part.table.id)
        and kind in hook.filters.get("changeTypes", [kind])
        and (watched is None or kind != "update" or not part.changed.isdisjoint(watched))
        and (kind != "update" or bool(part.changed))
    )


def _named(hook: Hook) -> Iterator[str]:
    """Yield the ids of fields and tables that the hook cannot live without."""
    if scope := hook.filters.get("recordChangeScope"):
        yield scope
    for name in _LINKED_FIELDS:
        yield from hook.filters.get(name) or ()
    included = hook.includes.get("includeCellValuesInFieldIds") or ()
    if included != "all":
        yield from included


def _schema(base: Base) -> dict[str, Any]:
    return {
        table.id: {
            "name": table.name,
            "fields": {
                item.id: {"name": item.name, "type": item.type, "options": orjson.dumps(item.options)}
                for item in table.fields
            },
        }
        for table in base.tables
    }


def _schema_content(before: Mapping[str, Any], after: Mapping[str, Any], *, option_edits: bool) -> dict[str, Any]:
    changed: Changed = {}
    for table_id in before.keys() & after.keys():
        table = _table_content(before[table_id], after[table_id], option_edits=option_edits)
        if table:
            changed[table_id] = table
    created = {
        table_id: {
            "metadata": {"name": after[table_id]["name"]},
            "fieldsById": {name: _shown(item) for name, item in after[table_id]["fields"].items()},
            "recordsById": {},
        }
        for table_id in after.keys() - before.keys()
    }
    destroyed = sorted(before.keys() - after.keys())
    content = {"changedTablesById": changed, "createdTablesById": created, "destroyedTableIds": destroyed}
    return {name: value for name, value in content.items() if value}


def _table_content(before: Mapping[str, Any], after: Mapping[str, Any], *, option_edits: bool) -> dict[str, Any]:
    old, new = before["fields"], after["fields"]
    renamed = before["name"] != after["name"]
    created = {name: _shown(new[name]) for name in new.keys() - old.keys()}
    changed = {
        name: {"current": _shown(new[name]), "previous": _shown(old[name])}
        for name in new.keys() & old.keys()
        if _shown(new[name]) != _shown(old[name]) or (option_edits and new[name] != old[name])
    }
    destroyed = sorted(old.keys() - new.keys())
    content = {
        "changedMetadata": renamed and {"current": {"name": after["name"]}, "previous": {"name": before["name"]}},
        "createdFieldsById": created,
        "changedFieldsById": changed,
        "destroyedFieldIds": destroyed,
    }
    return {name: value for name, value in content.items() if value}


def _shown(item: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": item["name"], "type": item["type"]}


def _source_metadata(source: str) -> dict[str, Any]:
    if source in ("client", "publicApi"):
        return {"user": {"id": "usrPlayground0001", "email": "somebody@example.com", "permissionLevel": "create"}}
    return {"automationId": "wflPlayground0001"} if source == "automation" else {}


def _is_specification(value: Any) -> bool:
    try:
        kinds = value["options"]["filters"]["dataTypes"]
    except (KeyError, TypeError):
        return False
    return bool(kinds) and set(kinds) <= {"tableData", "tableFields", "tableMetadata"}


def _wire(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
