"""What is looked after once a request is stored: that a removal is heard of, that it stays, that no edit is lost.

Looked at every few seconds by one worker at a time, from the database alone: new versions come with every sync, edits
with the payloads of the base's webhook.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Engine, text

from uysp.actions import messages
from uysp.actions.messages import About
from uysp.actions.model import NOTES, PROCESSING, STOP, Kind, State, said_time, same
from uysp.actions.notes import REPAIRS, entry
from uysp.actions.past import LeadPast
from uysp.actions.removal import STOPPED_STATUSES
from uysp.actions.requests import read_receipt
from uysp.actions.text import ended
from uysp.activity import OURSELVES
from uysp.errors import reference_id
from uysp.settings import Settings

log = logging.getLogger(__name__)

REMIND_AFTER: Final = timedelta(minutes=2)
RESTORED: Final = 5  # times that a removed lead's status is written once more; then a person has to look
EDITS_AT_ONCE: Final = 500  # an import may edit the Notes of every lead
SAME_TIME: Final = timedelta(seconds=10)  # an edit that takes a note away so soon had been begun before it
_KEPT_DRAFTS: Final = timedelta(days=1)
_KEPT_EDITS: Final = timedelta(days=2)
_KEPT_MESSAGES: Final = timedelta(days=30)
_KEPT_REQUESTS: Final = timedelta(days=90)


def look(engine: Engine, settings: Settings, now: datetime) -> bool:
    """Look after everything once; returns False where another process is at it.

    Args:
        engine: under a role that may read raw and write schema `app`.
        settings: for addresses.
        now: the present moment.
    """
    with engine.begin() as connection:
        is_ours: bool = connection.execute(
            text("select pg_try_advisory_xact_lock(hashtext('uysp watch'))")
        ).scalar_one()
        if is_ours:
            remind(connection, settings, now)
            keep_stopped(connection, now)
            mend_notes(connection, now)
        return is_ours


def remind(connection: Connection, settings: Settings, now: datetime) -> None:
    """Tell of removals that Airtable has not confirmed for two minutes: the person, and who administers, once."""
    rows = connection.execute(
        text("""
            update app.write_requests set reminded_at = :now
            where state = :pending and kind = :remove and reminded_at is null and requested_at <= :before
              and (not is_bulk or problem is not null) and client = any(:clients)
            returning reference, client, actor_id, actor_name, content ->> 'reason' as reason
        """),
        {
            "now": now,
            "pending": State.PENDING,
            "remove": Kind.REMOVE,
            "before": now - REMIND_AFTER,
            "clients": [client.key for client in settings.clients],
        },
    ).all()
    for reference, row in sorted({row.reference: row for row in rows}.items()):
        receipt = read_receipt(connection, settings, reference)
        if receipt is None:
            continue
        asked_by = f" Asked for by {row.actor_name}; the reason: {ended(row.reason)}"
        for recipient, said in ((row.actor_id, receipt.said), (None, receipt.said + asked_by)):
            messages.put(
                connection, About.REMINDER, said, client=row.client, reference=reference, recipient=recipient, at=now
            )


def keep_stopped(connection: Connection, now: datetime) -> None:
    """Look at every new version of leads that were removed within a day.

    A status that was written over while SMS Stop stands (by a scheduler that had read the lead before) is written once
    more. SMS Stop that somebody lifted is not fought: who removed the lead is told.
    """
    watched = connection.execute(
        text("""
            select request.id, request.client, request.lead_id, request.lead_name, request.reference, request.actor_id,
                   request.origin, request.restored, request.finished_at,
                   coalesce(request.watched_version, 0) as watched_version, leads.version
            from app.write_requests as request
            join raw.leads on leads.client = request.client and leads.record_id = request.lead_id
            where request.watch_until > :now and leads.version > coalesce(request.watched_version, 0)
            order by request.id
        """),
        {"now": now},
    ).all()
    for request in watched:
        versions = connection.execute(
            text("""
                select version, fields, observed_at from raw.leads_history
                where client = :client and record_id = :lead_id and version > :seen and version <= :latest
                  and operation <> 'deleted'
                order by version
            """),
            {
                "client": request.client,
                "lead_id": request.lead_id,
                "seen": request.watched_version,
                "latest": request.version,
            },
        ).all()
        lifted = next((each for each in versions if each.fields.get(STOP) is not True), None)
        written_over = bool(versions) and str(versions[-1].fields.get(PROCESSING)).strip() not in STOPPED_STATUSES
        if lifted is not None:
            _tell_lifted(connection, request, now)
        elif written_over and request.restored < RESTORED:
            _store(
                connection,
                Kind.RESTOP,
                request,
                {"watch": request.reference},
                f"watch {request.client} {request.lead_id} {versions[-1].version}",
                now,
            )
        elif written_over and request.restored == RESTORED:
            said = (
                f"The status of {request.lead_name}, who is removed, keeps being written over in Airtable; SMS Stop is "
                f"checked. Somebody should look at what does it. Reference {request.reference}."
            )
            _tell(connection, About.WATCH, said, request, now, request.actor_id, None)
        connection.execute(
            text("""
                update app.write_requests set
                    watched_version = :version, restored = restored + :more,
                    watch_until = case when :lifted then null else watch_until end
                where id = :id
            """),
            {
                "id": request.id,
                "version": request.version,
                "more": int(written_over and lifted is None),
                "lifted": lifted is not None,
            },
        )


def mend_notes(connection: Connection, now: datetime) -> None:
    """Have text put back that a note of ours and an edit by hand took from each other (research/airtable.md 7)."""
    waiting = connection.execute(
        text("""
            select id, client, lead_id, at, before, after from app.lead_edits where not handled order by id limit :most
        """),
        {"most": EDITS_AT_ONCE},
    ).all()
    for edit in waiting:
        ours = connection.execute(
            text("""
                select * from app.write_requests
                where client = :client and lead_id = :lead_id and intent -> 'cells' ? 'Notes'
                  and rtrim(coalesce(intent -> 'cells' ->> 'Notes', ''), E'\n') = :after
                order by id limit 1
            """),
            {"client": edit.client, "lead_id": edit.lead_id, "after": _text(edit.after).rstrip("\n")},
        ).first()
        if ours is not None:
            _mend_overwritten(connection, edit, ours, now)
        else:
            _mend_lost(connection, edit, now)
        connection.execute(text("update app.lead_edits set handled = true where id = :id"), {"id": edit.id})


def prune(engine: Engine, now: datetime) -> None:
    """Forget what nobody asks for any more; the activity log stays."""
    with engine.begin() as connection:
        for statement, before in (
            ("delete from app.write_drafts where at < :before", now - _KEPT_DRAFTS),
            ("delete from app.lead_edits where at < :before", now - _KEPT_EDITS),
            (
                "update app.write_requests set intent = null "
                "where intent is not null and state <> 'pending' and finished_at < :before",
                now - _KEPT_EDITS,
            ),
            ("delete from app.write_messages where at < :before", now - _KEPT_MESSAGES),
            ("delete from app.write_requests where state <> 'pending' and finished_at < :before", now - _KEPT_REQUESTS),
        ):
            connection.execute(text(statement), {"before": before})


def _mend_overwritten(connection: Connection, edit: Any, ours: Any, now: datetime) -> None:
    """Put back what a write of ours undid: what it replaced was not what had been read before it."""
    read = _text(ours.intent["before"].get(NOTES))
    if same(_text(edit.before), read):
        return
    depth = int(ours.content.get("depth", 0)) + 1
    note = ours.content.get("repairs", ours.reference)  # of the person's note, also where a repair was written over
    if depth > REPAIRS:
        said = (
            f"The Notes of {ours.lead_name} are edited in Airtable again and again while we write to them; see whether "
            f"anything is missing there (uysp versions has it). Reference {note}."
        )
        author: str | None = connection.execute(
            text("select actor_id from app.write_requests where reference = :note limit 1"), {"note": note}
        ).scalar_one_or_none()
        _tell(connection, About.REPAIR, said, ours, now, author, None)
        return
    log.warning("an edit of the Notes of a lead of client %s was written over; it is put back", edit.client)
    content = {"base": read, "theirs": _text(edit.before), "depth": depth, "repairs": note}
    _store(connection, Kind.REPAIR, ours, content, f"repair {edit.id}", now)


def _mend_lost(connection: Connection, edit: Any, now: datetime) -> None:
    """Put back notes of ours that an edit by hand undid which had been begun before them.

    Whoever only takes the note out again means to: then the text is what it was before the note.
    """
    notes = connection.execute(
        text("""
            select request.*, written.at as written_at from app.write_requests as request
            left join lateral (
                select at from app.lead_edits as written
                where written.client = request.client and written.lead_id = request.lead_id and written.id < :id
                  and written.field = 'Notes' and written.after #>> '{}' = request.intent -> 'cells' ->> 'Notes'
                order by id desc limit 1
            ) as written on true
            where client = :client and lead_id = :lead_id and kind = :note and state = :done and undone_by is null
              and intent is not null
            order by id
        """),
        {
            "id": edit.id,
            "client": edit.client,
            "lead_id": edit.lead_id,
            "note": Kind.NOTE,
            "done": State.DONE,
        },
    ).all()
    for note in notes:
        line = str(note.content["first_line"])
        was_taken = line in _text(edit.before) and line not in _text(edit.after)
        is_meant = same(_text(edit.after), _text(note.intent["before"].get(NOTES)))
        is_soon = edit.at - (note.written_at or note.finished_at) <= SAME_TIME
        if was_taken and is_soon and not is_meant and entry(note.content) not in _text(edit.after):
            content = dict(note.content) | {"repairs": note.reference}
            _store(connection, Kind.REPAIR, note, content, f"repair {edit.id} {note.id}", now)


def _tell_lifted(connection: Connection, request: Any, now: datetime) -> None:
    by = LeadPast(connection, request.client, request.lead_id).author({STOP: None}, request.finished_at)
    said = (
        f"{request.lead_name}, whom you removed at {said_time(request.finished_at)}, can be written to again: SMS Stop "
        f"was lifted {by}. Nothing was written against it; remove the lead again if that is not right. "
        f"Reference {request.reference}."
    )
    # Who works in the terminal need not be known to Slack, and then nobody would hear of it.
    admins = (None,) if request.origin == "terminal" else ()
    _tell(connection, About.WATCH, said, request, now, request.actor_id, *admins)


def _tell(
    connection: Connection, about: About, said: str, request: Any, now: datetime, *recipients: str | None
) -> None:
    for recipient in dict.fromkeys(recipients):
        messages.put(
            connection,
            about,
            said,
            client=request.client,
            reference=request.reference,
            recipient=recipient,
            at=now,
            lead_id=request.lead_id,
        )


def _store(connection: Connection, kind: Kind, about: Any, content: Mapping[str, Any], key: str, now: datetime) -> None:
    """Store a request of our own on a lead, once."""
    connection.execute(
        text("""
            insert into app.write_requests (
                reference, key, client, lead_id, lead_name, kind, content, origin, actor_id, actor_name,
                requested_at, answer_until, next_attempt_at
            ) values (
                :reference, :key, :client, :lead_id, :lead_name, :kind, cast(:content as jsonb), 'watch', :ourselves,
                :ourselves, :now, :now, :now
            ) on conflict (key, lead_id) do nothing
        """),
        {
            "reference": reference_id(),
            "key": key,
            "client": about.client,
            "lead_id": about.lead_id,
            "lead_name": about.lead_name,
            "kind": kind,
            "content": orjson.dumps(dict(content)).decode(),
            "ourselves": OURSELVES,
            "now": now,
        },
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
