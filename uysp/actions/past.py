"""What is known of a lead's past, for plans and for what people read: from raw history, our log, and the webhook."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, ScalarResult, text

from uysp.actions.model import Cells, Kind, State, Target, said_time, same

_SOURCES = {
    "client": "somebody in Airtable",
    "publicApi": "another program, through the API",
    "automation": "an automation in Airtable",
    "formSubmission": "a form",
    "formPageSubmission": "a form",
    "sync": "a sync in Airtable",
}


@dataclass(frozen=True)
class LeadPast:
    """The past of one lead, read over one connection."""

    connection: Connection
    client: str
    lead_id: str

    def stopped_since(self) -> str | None:
        """Return when SMS Stop was first seen checked in the present run of versions; None: never loaded.

        What the first load found is of an unknown time before it (spec/metrics.md).
        """
        row = self.connection.execute(
            text("""
                with seen as (
                    select min(observed_at) as since from raw.leads_history
                    where client = :client and record_id = :lead_id and version > coalesce((
                        select max(version) from raw.leads_history
                        where client = :client and record_id = :lead_id
                          and operation <> 'deleted' and not coalesce(fields -> 'SMS Stop' = 'true', false)
                    ), 0)
                )
                select since, exists (
                    select from raw.loads
                    where client = :client and source_table = 'leads' and is_first and observed_at >= since
                ) as is_first
                from seen where since is not null
            """),
            self._key,
        ).first()
        if row is None:
            return None
        return f"before {said_time(row.since)}" if row.is_first else said_time(row.since)

    def author(self, names: Mapping[str, Any], since: datetime) -> str:
        """Return who or what last changed one of these cells since then, as far as is known: "by … at …"."""
        ours = self.connection.execute(
            text("""
                select actor_name, finished_at from app.write_requests
                where client = :client and lead_id = :lead_id and state = :done and after ?| :names
                  and finished_at > :since
                order by finished_at desc limit 1
            """),
            self._key | {"done": State.DONE, "names": list(names), "since": since},
        ).first()
        if ours is not None:
            return f"by {ours.actor_name} at {said_time(ours.finished_at)}"
        edit = self.connection.execute(
            text("""
                select source, author, at from app.lead_edits
                where client = :client and lead_id = :lead_id and field = any(:names)
                  and at > cast(:since as timestamptz) - interval '2 seconds'
                order by id desc limit 1
            """),
            self._key | {"names": list(names), "since": since},
        ).first()
        if edit is not None:
            who = _SOURCES.get(edit.source, "somebody or something in Airtable")
            return f"by {edit.author or who} at {said_time(edit.at)}"
        seen: datetime | None = self.connection.execute(
            text("""
                select max(observed_at) from raw.leads_history
                where client = :client and record_id = :lead_id and observed_at > :since
            """),
            self._key | {"since": since},
        ).scalar_one()
        unread = "in Airtable since it was last read; by whom is not known yet"
        return f"in Airtable, seen at {said_time(seen)}" if seen else unread

    def meddled(self, names: Mapping[str, Any], version: int | None, since: datetime) -> list[str]:
        """Return the cells that have another value in a version after ours, or in an edit that Airtable told of.

        Args:
            names: values that we wrote, by field.
            version: of the history with our write in it; None: the table was never loaded.
            since: when it was done.
        """
        rows: ScalarResult[dict[str, Any]] = self.connection.execute(
            text("""
                select fields from raw.leads_history
                where client = :client and record_id = :lead_id and version > :version
                order by version
            """),
            self._key | {"version": version},
        ).scalars()
        changed = {name for fields in rows for name, value in names.items() if not same(fields.get(name), value)}
        edits = self.connection.execute(
            text("""
                select field, after from app.lead_edits
                where client = :client and lead_id = :lead_id and field = any(:names) and at > :since
            """),
            self._key | {"names": list(names), "since": since},
        )
        changed |= {edit.field for edit in edits if not same(edit.after, names[edit.field])}
        return [name for name in names if name in changed]

    def fields_of(self, version: int | None) -> dict[str, Any]:
        """Return the cells of a version of the lead; nothing where there is none."""
        fields: dict[str, Any] | None = self.connection.execute(
            text("""
                select fields from raw.leads_history
                where client = :client and record_id = :lead_id and version = :version
            """),
            self._key | {"version": version},
        ).scalar_one_or_none()
        return fields or {}

    def target(self, request_id: int) -> Target:
        """Return the finished request that is to be undone."""
        row = self.connection.execute(
            text("""
                select kind, content, before, after, version, finished_at from app.write_requests where id = :id
            """),
            {"id": request_id},
        ).one()
        before: Cells = row.before or {}
        return Target(Kind(row.kind), row.content, before, row.after or {}, row.version, row.finished_at)

    @property
    def _key(self) -> dict[str, object]:
        return {"client": self.client, "lead_id": self.lead_id}
