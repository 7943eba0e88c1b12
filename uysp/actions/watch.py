"""What is looked after once a request is stored: that a removal is heard of, that it stays, that no edit is lost.

Looked at every few seconds by one worker at a time, from the database alone: new versions come with every sync, edits
with the payloads of the base's webhook.
"""

from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, text

from uysp.actions import messages
from uysp.actions.mending import mend_notes
from uysp.actions.messages import About
from uysp.actions.model import PROCESSING, STOP, Kind, State, said_time
from uysp.actions.own import of_terminal, store_own, tell
from uysp.actions.past import LeadPast
from uysp.actions.removal import STOPPED_STATUSES
from uysp.actions.requests import read_receipt
from uysp.actions.text import ended
from uysp.settings import Settings

REMIND_AFTER: Final = timedelta(minutes=2)
RESTORED: Final = 5  # times that a removed lead's status is written once more; then a person has to look
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
            store_own(
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
            tell(connection, About.WATCH, said, request, now, request.actor_id, None)
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


def _tell_lifted(connection: Connection, request: Any, now: datetime) -> None:
    by = LeadPast(connection, request.client, request.lead_id).author({STOP: None}, request.finished_at)
    said = (
        f"{request.lead_name}, whom you removed at {said_time(request.finished_at)}, can be written to again: SMS Stop "
        f"was lifted {by}. Nothing was written against it; remove the lead again if that is not right. "
        f"Reference {request.reference}."
    )
    tell(connection, About.WATCH, said, request, now, request.actor_id, *of_terminal(request))
