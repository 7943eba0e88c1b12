"""Who edited the cells of leads that people write to, from the payloads of the base's webhook (app.lead_edits).

For undoing ("changed by …"), and for notes that an edit by hand overwrote, or that overwrote one.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import JSONB

from uysp.actions.model import NOTES, WRITTEN_FIELDS
from uysp.airtable.changes import edits
from uysp.airtable.fields import SourceTable
from uysp.storable import storable


def remember_edits(
    connection: Connection, sources: Iterable[SourceTable], payloads: Sequence[Mapping[str, Any]]
) -> None:
    """Keep who edited the cells of leads that people write to: for undoing, and for notes that were written over."""
    for source in sources:
        if source.source_table != "leads":
            continue
        names = {field_id: name for field_id, name in source.names.items() if name in WRITTEN_FIELDS}
        rows = [
            {
                "client": source.client,
                "lead_id": edit.record_id,
                "field": names[edit.field_id],
                "at": edit.at or datetime.now(UTC),
                "source": edit.source,
                "author": edit.author,
                "before": storable(edit.before),
                "after": storable(edit.after),
                "handled": names[edit.field_id] != NOTES,
            }
            for edit in edits(payloads, source.table.id, names.keys())
        ]
        if rows:
            connection.execute(_INSERT_EDITS, rows)


_INSERT_EDITS = text("""
    insert into app.lead_edits (client, lead_id, field, at, source, author, before, after, handled)
    values (:client, :lead_id, :field, :at, :source, :author, :before, :after, :handled)
""").bindparams(bindparam("before", type_=JSONB(none_as_null=True)), bindparam("after", type_=JSONB(none_as_null=True)))
