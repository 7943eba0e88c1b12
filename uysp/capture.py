"""Change capture: the hook of a base, the payloads read so far, and the records that have to be read again.

What a look learns is stored in one transaction: the number of the next payload, the records named, whether the schema
changed. A process that dies before it reads the same payloads again; one that dies later finds the records marked.
Tables: migration r0002.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, text

from uysp.airtable.changes import Changes, HookInvalidError, Mark, read_payloads
from uysp.airtable.client import Gateway
from uysp.airtable.fields import SourceTable
from uysp.airtable.hooks import (
    REFRESH_BEFORE,
    Hook,
    PayloadPage,
    create_hook,
    delete_hook,
    own_hooks,
    payload_pages,
    refresh_hook,
)
from uysp.edits import remember_edits
from uysp.errors import AirtableError

log = logging.getLogger(__name__)

HEALTH_INTERVAL = timedelta(hours=1)  # also how long until a hook that could not be made is tried again
PAYLOAD_LIFE = timedelta(days=7)
PAGES_AT_ONCE = 20  # payload pages between two commits: a thousand changes
LOSSES_A_DAY = 3  # more than so many, and the base is read by modification time for the rest of the day
REFUSALS = {403, 404}  # no right, or no such hook: Airtable tells them apart unreliably


@dataclass(frozen=True)
class Look:
    """What a look at a base's change list brought.

    Attributes:
        by_hook: whether the payload list was read; else changes have to be found by modification time.
        schema_due: whether the schema has to be read.
        seen_until: Airtable's time up to which every change was seen before this look; None: nobody knows.
        last_change: Airtable's time of the newest change named.
        more: whether payloads are left that `most_pages` did not allow to read.
        notes: what a person should know, a sentence each.
    """

    by_hook: bool
    schema_due: bool
    seen_until: datetime | None
    last_change: datetime | None = None
    more: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _State:
    """A row of app.airtable_hooks, with what follows from the time that it is."""

    hook_id: str | None
    cursor: int | None
    unavailable: str | None
    losses: int
    seen_until: datetime | None
    is_outdated: bool
    is_check_due: bool
    schema_due: bool


def look(engine: Engine, gateway: Gateway, tables: Mapping[str, SourceTable], most_pages: int | None = None) -> Look:
    """Read what happened to a base since the last look, and remember which records have to be read again.

    Args:
        engine: as the role that owns raw.
        gateway: to the base.
        tables: those that are followed, by source table, as the registry has them.
        most_pages: stop after so many pages of payloads; the next look goes on there.

    Raises:
        AirtableError: the base cannot be read.
    """
    client = gateway.client.key
    with engine.begin() as connection:
        connection.execute(
            text("insert into app.airtable_hooks (client) values (:client) on conflict do nothing"), {"client": client}
        )
        state = _state(connection, client)
    if state.hook_id is not None and state.is_outdated:
        state = _lose(engine, gateway, state, "nobody looked for a week, and payloads are kept no longer")
    elif state.hook_id is not None and state.is_check_due:
        state = _check(engine, gateway, state)
    if state.hook_id is None and state.is_check_due:
        state = _find_or_make(engine, gateway, state)
    polled = _Polled()
    if state.hook_id is not None:
        polled = _poll(engine, gateway, tables, state, most_pages)
        state = _read_state(engine, client)
    notes = (state.unavailable,) if state.unavailable else ()
    by_hook = state.hook_id is not None
    return Look(by_hook, state.schema_due, state.seen_until, polled.last_change, polled.more, notes)


def remember_look(connection: Connection, client: str, seen_until: datetime) -> None:
    """Note that everything that happened to the base before then (Airtable's time) is loaded or marked."""
    connection.execute(
        text("""
            update app.airtable_hooks set seen_until = :seen_until, looked_at = clock_timestamp() where client = :client
        """),
        {"client": client, "seen_until": seen_until},
    )


def remember_schema(connection: Connection, client: str) -> None:
    """Note that the schema was read."""
    connection.execute(
        text("""
            update app.airtable_hooks set schema_due = false, schema_read_at = clock_timestamp() where client = :client
        """),
        {"client": client},
    )


def mark(connection: Connection, client: str, source_table: str, record_ids: Collection[str]) -> None:
    """Have records read again, for a reason of our own."""
    if record_ids:
        connection.execute(
            text("""
                insert into app.airtable_dirty (client, source_table, record_id, marked_at)
                select :client, :source_table, record_id, clock_timestamp()
                from unnest(cast(:record_ids as text[])) as given (record_id)
                on conflict (client, source_table, record_id) do update set marked_at = excluded.marked_at
            """),
            {"client": client, "source_table": source_table, "record_ids": sorted(record_ids)},
        )


def mark_whole(connection: Connection, client: str, source_tables: Iterable[str], reason: str) -> None:
    """Have whole tables read again."""
    rows = [{"client": client, "source_table": each, "reason": reason} for each in source_tables]
    if not rows:
        return
    connection.execute(
        text("""
            insert into app.airtable_tables (client, source_table, whole_read_due)
            values (:client, :source_table, :reason)
            on conflict (client, source_table) do update set whole_read_due = excluded.whole_read_due
        """),
        rows,
    )


def mark_all(connection: Connection, client: str, reason: str) -> None:
    """Have every table that the base has read whole again."""
    tables = connection.execute(
        text("select source_table from raw.airtable_tables where client = :client and deleted_at is null"),
        {"client": client},
    )
    mark_whole(connection, client, list(tables.scalars()), reason)


def remove_hook(engine: Engine, gateway: Gateway) -> None:
    """End our hook, for good; a base that is no longer followed needs none.

    Raises:
        AirtableError: Airtable cannot be reached.
    """
    with engine.begin() as connection:
        hook_id: str | None = connection.execute(
            text("delete from app.airtable_hooks where client = :client returning hook_id"),
            {"client": gateway.client.key},
        ).scalar_one_or_none()
        if hook_id is not None:
            _delete_if_there(gateway, hook_id)


def _state(connection: Connection, client: str) -> _State:
    row = connection.execute(
        text("""
            select hook_id, cursor, unavailable, seen_until,
                   (select count(*) from unnest(losses) as loss where loss > now() - interval '1 day') as losses,
                   coalesce(looked_at < now() - cast(:life as interval), false) as is_outdated,
                   coalesce(checked_at < now() - cast(:health as interval), true) as is_check_due,
                   schema_due or coalesce(schema_read_at < now() - cast(:health as interval), true) as schema_due
            from app.airtable_hooks where client = :client
        """),
        {"client": client, "life": PAYLOAD_LIFE, "health": HEALTH_INTERVAL},
    ).one()
    return _State(**row._mapping)


def _read_state(engine: Engine, client: str) -> _State:
    with engine.connect() as connection:
        return _state(connection, client)


def _check(engine: Engine, gateway: Gateway, state: _State) -> _State:
    """See that our hook is still there, enabled, and does not end."""
    try:
        hooks = {hook.id: hook for hook in own_hooks(gateway)}
    except AirtableError as error:
        if error.status not in REFUSALS:
            raise
        return _give_up(engine, gateway, _refusal(gateway))
    hook = hooks.get(state.hook_id or "")
    if hook is None:
        return _lose(engine, gateway, state, "our webhook is gone")
    if not hook.is_enabled:
        return _lose(engine, gateway, state, "Airtable has disabled our webhook")
    if hook.expires_at is not None and hook.expires_at - gateway.server_time < REFRESH_BEFORE:
        try:
            refresh_hook(gateway, hook.id)
        except AirtableError as error:
            if error.status is None or error.status >= 500 or error.status == 429:
                raise
            return _lose(engine, gateway, state, "our webhook has ended")
    _update(engine, gateway, "checked_at = clock_timestamp()", {})
    return _read_state(engine, gateway.client.key)


def _find_or_make(engine: Engine, gateway: Gateway, state: _State) -> _State:
    """Take a hook of ours that is there already, or make one; from then on every table is read whole once."""
    if state.losses > LOSSES_A_DAY:
        return _give_up(
            engine,
            gateway,
            f"The webhook of client {gateway.client.key} was lost {state.losses} times within a day, so changes are "
            "looked for by modification time; see in Airtable which integration removes it.",
        )
    try:
        hook = _usable(own_hooks(gateway), gateway.server_time)
        hook_id, cursor = (hook.id, hook.cursor) if hook else (create_hook(gateway), 1)
    except AirtableError as error:
        if error.status not in {*REFUSALS, 422}:
            raise
        return _give_up(engine, gateway, _refusal(gateway, error))
    with engine.begin() as connection:
        connection.execute(
            text("""
                update app.airtable_hooks set
                    hook_id = :hook_id, cursor = :cursor, unavailable = null, schema_due = true,
                    checked_at = clock_timestamp(), looked_at = clock_timestamp()
                where client = :client
            """),
            {"client": gateway.client.key, "hook_id": hook_id, "cursor": cursor},
        )
        mark_all(connection, gateway.client.key, "changes are followed from here on")
        return _state(connection, gateway.client.key)


def _usable(hooks: list[Hook], now: datetime) -> Hook | None:
    return next(
        (hook for hook in hooks if hook.is_enabled and (hook.expires_at is None or hook.expires_at > now)), None
    )


def _lose(engine: Engine, gateway: Gateway, state: _State, why: str) -> _State:
    """Give up a hook that no longer tells everything, and take another at once."""
    log.warning("Client %s: %s; making another one and reading everything", gateway.client.key, why)
    if state.hook_id is not None:
        _delete_if_there(gateway, state.hook_id)
    _update(
        engine,
        gateway,
        "hook_id = null, cursor = null, losses = losses[1:20] || clock_timestamp(), checked_at = null",
        {},
    )
    return _find_or_make(engine, gateway, _read_state(engine, gateway.client.key))


def _give_up(engine: Engine, gateway: Gateway, why: str) -> _State:
    """Do without a hook until it is tried again."""
    _update(
        engine,
        gateway,
        "hook_id = null, cursor = null, unavailable = :why, checked_at = clock_timestamp()",
        {"why": why},
    )
    return _read_state(engine, gateway.client.key)


def _refusal(gateway: Gateway, error: AirtableError | None = None) -> str:
    consequence = (
        "so small tables are read whole at each look, and the others by modification time, their deletions by the "
        "nightly sweep"
    )
    if error is not None and error.error_type == "TOO_MANY_WEBHOOKS_IN_BASE":
        return (
            f"The base of client {gateway.client.key} has all the webhooks that it may have, {consequence}; "
            "remove one in Airtable."
        )
    return (
        f"The token of client {gateway.client.key} may not follow the base's changes, {consequence}; give it the scope "
        "webhook:manage, and its owner the role of a creator."
    )


def _delete_if_there(gateway: Gateway, hook_id: str) -> None:
    try:
        delete_hook(gateway, hook_id)
    except AirtableError as error:
        if error.status not in {*REFUSALS, 422}:
            raise


@dataclass
class _Polled:
    last_change: datetime | None = None
    more: bool = False


def _poll(
    engine: Engine, gateway: Gateway, tables: Mapping[str, SourceTable], state: _State, most_pages: int | None
) -> _Polled:
    """Read payloads and store what they say, some pages at a time."""
    by_id = {source.table.id: source for source in tables.values()}
    polled = _Polled()
    cursor = state.cursor or 1
    waiting: list[PayloadPage] = []
    try:
        for number, page in enumerate(payload_pages(gateway, state.hook_id or "", cursor), start=1):
            waiting.append(page)
            is_last = not page.more or number == most_pages
            if is_last or len(waiting) == PAGES_AT_ONCE:
                changes = _store(engine, gateway, by_id, waiting, cursor)
                polled.last_change = max(filter(None, (polled.last_change, changes.last_change)), default=None)
                cursor, waiting = page.cursor, []
            if is_last:
                polled.more = page.more
                break
    except HookInvalidError:
        _lose(engine, gateway, state, "Airtable has ended our webhook")
    except AirtableError as error:
        if error.status not in REFUSALS or _check(engine, gateway, state).hook_id == state.hook_id:
            raise  # it is there, so the refusal is about something else
    return polled


def _store(
    engine: Engine, gateway: Gateway, by_id: Mapping[str, SourceTable], pages: Sequence[PayloadPage], begin: int
) -> Changes:
    """Store in one transaction what some pages say and where they end."""
    changes = read_payloads(payload for page in pages for payload in page.payloads)
    client, cursor = gateway.client.key, pages[-1].cursor
    # Payloads are numbered without gaps, so what lies between those that came is no longer kept.
    is_whole = cursor - sum(len(page.payloads) for page in pages) == begin
    marks: dict[str, list[Mark]] = {}
    for each in changes.marks.values():
        if each.table_id in by_id:
            marks.setdefault(by_id[each.table_id].source_table, []).append(each)
    with engine.begin() as connection:
        for source_table, of_table in marks.items():
            _mark_changed(connection, client, source_table, of_table)
        remember_edits(connection, by_id.values(), [payload for page in pages for payload in page.payloads])
        if not is_whole:
            log.warning("Client %s: some changes are no longer kept by Airtable; reading everything", client)
            mark_all(connection, client, "changes were no longer kept by Airtable")
        connection.execute(
            text("""
                update app.airtable_hooks set
                    cursor = :cursor, looked_at = clock_timestamp(), schema_due = schema_due or :schema
                where client = :client
            """),
            {"client": client, "cursor": cursor, "schema": changes.schema or not is_whole},
        )
    return changes


def _mark_changed(connection: Connection, client: str, source_table: str, marks: Sequence[Mark]) -> None:
    connection.execute(
        text("""
            insert into app.airtable_dirty (client, source_table, record_id, marked_at, changed_at, is_destroyed)
            select :client, :source_table, record_id, clock_timestamp(), changed_at, is_destroyed
            from unnest(
                cast(:record_ids as text[]), cast(:changed_at as timestamptz[]), cast(:is_destroyed as boolean[])
            ) as mark (record_id, changed_at, is_destroyed)
            on conflict (client, source_table, record_id) do update set
                marked_at = excluded.marked_at, changed_at = excluded.changed_at,
                is_destroyed = excluded.is_destroyed, misses = 0
        """),
        {
            "client": client,
            "source_table": source_table,
            "record_ids": [each.record_id for each in marks],
            "changed_at": [each.changed_at for each in marks],
            "is_destroyed": [each.is_destroyed for each in marks],
        },
    )


def _update(engine: Engine, gateway: Gateway, assignments: str, values: dict[str, object]) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(f"update app.airtable_hooks set {assignments} where client = :client"),
            values | {"client": gateway.client.key},
        )
