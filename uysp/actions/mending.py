"""Text of the Notes that a note of ours and an edit by hand took from each other is put back, and nothing else.

What happened is told by the payloads of the base's webhook (app.lead_edits), in their order; research/airtable.md
section 7 says what can be lost. Whatever a person took out on purpose stays out.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, text

from uysp.actions.messages import About
from uysp.actions.model import NOTES, Kind, State, same
from uysp.actions.notes import REPAIRS, entry, holds_edit, without
from uysp.actions.own import store_own, tell

log = logging.getLogger(__name__)

EDITS_AT_ONCE: Final = 500  # an import may edit the Notes of every lead
SAME_TIME: Final = timedelta(seconds=10)  # an edit that takes a note away so soon had been begun before it


def mend_notes(connection: Connection, now: datetime) -> None:
    """Have text put back that a note of ours and an edit by hand took from each other."""
    waiting = connection.execute(
        text("select * from app.lead_edits where not handled order by id limit :most"), {"most": EDITS_AT_ONCE}
    ).all()
    for edit in waiting:
        ours = _write_of(connection, edit)
        if ours is not None:
            _mend_overwritten(connection, edit, ours, now)
        else:
            _mend_lost(connection, edit, now)
        connection.execute(text("update app.lead_edits set handled = true where id = :id"), {"id": edit.id})


def _write_of(connection: Connection, edit: Any) -> Any:
    """Return the request that made this edit, None where it was somebody else.

    The text alone does not tell: who takes an edit back leaves what we had written, and two undoings may write the
    same. Ours come through the API, and each of our writes is one edit: the first of such a text is that of the first
    write of it, and so on.
    """
    if edit.source != "publicApi":
        return None
    writes = connection.execute(
        text("""
            select distinct on (sent_at, intent, case when kind = :note then 0 else id end) *
            from app.write_requests
            where client = :client and lead_id = :lead_id and intent -> 'cells' ? 'Notes'
              and rtrim(coalesce(intent -> 'cells' ->> 'Notes', ''), E'\n') = :after
            order by sent_at, intent, case when kind = :note then 0 else id end, id
        """),  # notes that were written together are one write
        {"client": edit.client, "lead_id": edit.lead_id, "after": _left(edit), "note": Kind.NOTE},
    ).all()
    for each in writes:
        if same(_text(edit.before), _text(each.intent["before"].get(NOTES))):
            return each
    earlier = [
        each for each in _edits(connection, edit, "<") if each.source == "publicApi" and _left(each) == _left(edit)
    ]
    in_order = sorted(writes, key=lambda each: (each.sent_at, each.id))
    return in_order[len(earlier)] if len(earlier) < len(writes) else None


def _left(edit: Any) -> str:
    """Return the text that an edit left; rich text may get a newline at its end."""
    return _text(edit.after).rstrip("\n")


def _edits(connection: Connection, edit: Any, side: str) -> Sequence[Any]:
    """Return the edits of the same Notes before (<) or after (>) this one, in their order."""
    return connection.execute(
        text(f"""
            select * from app.lead_edits
            where client = :client and lead_id = :lead_id and field = 'Notes' and id {side} :id
            order by id
        """),
        {"client": edit.client, "lead_id": edit.lead_id, "id": edit.id},
    ).all()


def _mend_overwritten(connection: Connection, edit: Any, ours: Any, now: datetime) -> None:
    """Put back what a write of ours undid: what it replaced was not what had been read before it."""
    read, theirs = _text(ours.intent["before"].get(NOTES)), _text(edit.before)
    if same(theirs, read) or _is_settled(connection, edit, read, theirs):
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
        tell(connection, About.REPAIR, said, ours, now, author, None)
        return
    log.warning("an edit of the Notes of a lead of client %s was written over; it is put back", edit.client)
    content = {"base": read, "theirs": theirs, "depth": depth, "repairs": note}
    store_own(connection, Kind.REPAIR, ours, content, f"repair {edit.id}", now)


def _is_settled(connection: Connection, edit: Any, read: str, theirs: str) -> bool:
    """Return whether a person has dealt with an edit since that a write of ours undid.

    They did if they emptied the cell, or restored what had stood there before it (then it is withdrawn), or made it
    once more: whatever became of it afterwards was their wish.
    """
    for later in _edits(connection, edit, ">"):
        left = _text(later.after)
        is_meant = not left.strip() or same(left, read) or holds_edit(read, theirs, left)
        if is_meant and _write_of(connection, later) is None:
            return True
    return False


def _mend_lost(connection: Connection, edit: Any, now: datetime) -> None:
    """Put back notes of ours that an edit by hand undid which had been begun before them.

    Whoever takes out notes and does nothing else means to. If a note was there again later, its fate is that edit's.
    """
    notes = connection.execute(
        text("""
            select * from app.write_requests
            where client = :client and lead_id = :lead_id and kind = :note and state = :done and undone_by is null
              and intent is not null
            order by id
        """),
        {"client": edit.client, "lead_id": edit.lead_id, "note": Kind.NOTE, "done": State.DONE},
    ).all()
    before, after = _text(edit.before), _text(edit.after)
    taken = [note for note in notes if note.content["first_line"] in before and note.content["first_line"] not in after]
    rest = before
    for note in taken:
        rest = without(rest, entry(note.content))
    if not taken or same(rest, after):
        return
    earlier, later = _edits(connection, edit, "<"), _edits(connection, edit, ">")
    for note in taken:
        is_soon = edit.at - _written_at(connection, note, earlier) <= SAME_TIME
        is_meant = same(after, _text(note.intent["before"].get(NOTES))) or _was_known(note, edit, earlier)
        came_back = any(note.content["first_line"] in _text(each.after) for each in later)
        if is_soon and not is_meant and not came_back and entry(note.content) not in after:
            content = dict(note.content) | {"repairs": note.reference}
            store_own(connection, Kind.REPAIR, note, content, f"repair {edit.id} {note.id}", now)


def _written_at(connection: Connection, note: Any, edits: Sequence[Any]) -> datetime:
    """Return when a note was written, by Airtable's clock if one of these edits is our write."""
    for each in edits:
        if _left(each) == _text(note.intent["cells"].get(NOTES)).rstrip("\n"):
            write = _write_of(connection, each)
            if write is not None and write.sent_at == note.sent_at:
                moment: datetime = each.at
                return moment
    finished_at: datetime = note.finished_at
    return finished_at


def _was_known(note: Any, edit: Any, edits: Sequence[Any]) -> bool:
    """Return whether who made an edit had edited the Notes before with this note in them, so that it was seen."""
    line = note.content["first_line"]
    return any(
        (each.source, each.author) == (edit.source, edit.author)
        and line in _text(each.before)
        and line in _text(each.after)
        for each in edits
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
