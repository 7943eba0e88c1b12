"""Notes: one text field of a lead, to which several people append, and which people edit by hand.

Airtable has no conditional write, so a note is added to a fresh reading of the field, and recognised on a retry by its
first line, which holds the request's time. Source: research/airtable.md section 7; the format: issue 6.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from difflib import SequenceMatcher
from typing import Any, Final

from uysp.actions.model import NOTES, Asked, Kind, Lead, Plan, Request, State, same, wire_time
from uysp.actions.text import TextError, sanitised, several_lines

TYPES: Final = ("Call", "Email", "Text", "Meeting", "General", "Issue", "Success")
MOST_CHARACTERS: Final = 5000
MOST_IN_FIELD: Final = 100_000  # what an Airtable long text holds
REPAIRS: Final = 3  # so often one lost edit is put back by itself; then a person has to look
NO_FIELD: Final = (
    "The base has no field “Notes” in Leads, so the note was not added; `uysp doctor --fix` offers to create it."
)


def note(client: str, lead_id: str, text: str, note_type: str = "General") -> Asked:
    """Return a note to be added to a lead.

    Args:
        client: key of the client.
        lead_id: record id.
        text: as people read it; Slack's messages go through `uysp.actions.text.from_slack` first.
        note_type: one of TYPES, in any case.

    Raises:
        TextError: no such type, or a text that cannot be taken.
    """
    known = next((each for each in TYPES if each.casefold() == note_type.strip().casefold()), None)
    if known is None:
        raise TextError(f"There is no note type {note_type[:40]!r}; use {', '.join(TYPES)}. Nothing was stored.")
    body = several_lines(text, MOST_CHARACTERS, "The note")
    return Asked(Kind.NOTE, client, (lead_id,), {"type": known, "text": body})


def first_line(note_type: str, moment: datetime, person: str) -> str:
    """Return the line by which a note is recognised."""
    name = " ".join(sanitised(person).split()) or "somebody"
    return f"[{note_type}] {wire_time(moment)} - {name}:"


def entry(content: dict[str, Any]) -> str:
    """Return what is added to the field, without the blank line before it."""
    return f"{content['first_line']}\n{content['text']}"


def appended(field: str, addition: str) -> str:
    """Return the field's text with an addition behind it; what is there stays as it is, to the byte."""
    # A rich text that was emptied reads as a newline (research/airtable.md section 1.6).
    return field + ("\n\n" if field.strip("\n") else "") + addition


def plan_notes(requests: Sequence[Request], lead: Lead) -> list[Plan]:
    """Return what becomes of several notes for one lead, in their order; those to be written share one new text."""
    if NOTES not in lead.names:
        return [Plan(State.FAILED, NO_FIELD) for _ in requests]
    before = text_of(lead)
    after = before
    states: list[State | None] = []  # None: to be written
    for request in requests:
        if request.content["first_line"] in after:
            states.append(State.DONE)
            continue
        longer = appended(after, entry(request.content))
        states.append(State.FAILED if _units(longer) > MOST_IN_FIELD else None)
        after = after if states[-1] else longer
    plans: list[Plan] = []
    for request, state in zip(requests, states, strict=True):
        said = f"Note added to {request.lead_name}."
        if state is State.FAILED:
            said = (
                f"The Notes of {request.lead_name} would pass {MOST_IN_FIELD:,} characters, so the note was not added; "
                "shorten them in Airtable."
            )
            plans.append(Plan(state, said))
        else:
            cells = {} if state else {NOTES: after}
            plans.append(Plan(State.DONE, said, cells, {NOTES: before}, {NOTES: entry(request.content)}))
    return plans


def plan_note_undo(request: Request, lead: Lead, content: dict[str, Any]) -> Plan | None:
    """Return how a note is taken out again; None: somebody changed it."""
    before, own = text_of(lead), entry(content)
    said = f"The note on {request.lead_name} is taken out again."
    if request.maybe_applied and content["first_line"] not in before:
        return Plan(State.DONE, said, after={NOTES: None}, taken_out=own)
    if before.count(own) != 1:
        return None
    if before.split(own)[1][:1] not in {"", "\n"}:
        return None  # somebody wrote on in its last line
    return Plan(State.DONE, said, {NOTES: without(before, own)}, {NOTES: before}, {NOTES: None}, own)


def plan_repair(request: Request, lead: Lead) -> Plan:
    """Return how text that two writers took from each other comes back (research/airtable.md section 7).

    `base` is what was read before a write of ours, `theirs` what stood there when it was applied: the write undid the
    edit from one to the other. Without them, `text` is a note of ours that an edit by hand undid.
    """
    now, content = text_of(lead), request.content
    said = f"An edit of the Notes of {request.lead_name} that was lost for a moment is there again."
    if "text" in content:
        after = now if content["first_line"] in now else appended(now, entry(content))
    else:
        after = merged(str(content["base"]), str(content["theirs"]), now)
    if same(after, now):
        return Plan(State.DONE, said)
    if _units(after) > MOST_IN_FIELD:
        return Plan(State.FAILED, f"The Notes of {request.lead_name} are too long for a lost edit to be put back.")
    return Plan(State.DONE, said, {NOTES: after}, {NOTES: now}, after={})


def merged(base: str, theirs: str, now: str) -> str:
    """Return the text of `now` with the edit from `base` to `theirs` in it, once.

    As long as what we had read still stands at the beginning, the edit takes its place, whatever it was. Otherwise it
    is made again line by line, and lines whose place is gone are put behind.
    """
    if holds_edit(base, theirs, now) or (now.startswith(theirs) and not base.startswith(theirs)):
        return now
    rest = now.removeprefix(base)
    is_in_front = now.startswith(base) and (not rest or not base or rest.startswith("\n") or base.endswith("\n"))
    if is_in_front and not (_lines(theirs) - _lines(base)) & _lines(rest):
        if not theirs.strip("\n"):
            return rest.lstrip("\n")
        return appended(theirs, rest) if not base and rest else theirs + rest
    return _merged_lines(base.split("\n"), theirs.split("\n"), now)


def _merged_lines(base: list[str], theirs: list[str], now: str) -> str:
    lines, known = now.split("\n"), {line.strip() for line in now.split("\n")}
    behind: list[str] = []
    for _, begin, end, their_begin, their_end in SequenceMatcher(None, base, theirs, autojunk=False).get_opcodes():
        old, new = base[begin:end], theirs[their_begin:their_end]
        if old == new:
            continue
        new = [line for line in new if line.strip() not in known]  # also blank ones, where there are any
        places = [place for place in range(len(lines)) if old and lines[place : place + len(old)] == old]
        if places:
            lines[places[0] : places[0] + len(old)] = new
        else:
            behind += [line for line in new if line.strip()]
    text = "\n".join(lines)
    return appended(text, "\n".join(behind)) if behind else text


def holds_edit(base: str, theirs: str, now: str) -> bool:
    """Return whether a text has the lines that the edit from `base` to `theirs` brought, and not what it took out."""
    wanted, there = _lines(theirs), _lines(now)
    brought, gone = wanted - _lines(base), _lines(base) - wanted
    return (
        bool(brought or gone)
        and all(there[line] >= wanted[line] for line in brought)
        and all(there[line] <= wanted[line] for line in gone)
    )


def without(text: str, own: str) -> str:
    """Return a text without an entry of ours, and without the blank line before it; as it is where it has none."""
    start = text.find(own)
    if start < 0:
        return text
    kept = text[:start]
    return (kept.removesuffix("\n\n") if kept.strip("\n") else kept) + text[start + len(own) :]


def _lines(text: str) -> Counter[str]:
    return Counter(line.strip() for line in text.splitlines() if line.strip())


def text_of(lead: Lead) -> str:
    """Return the Notes as they stand, to the byte."""
    value = lead.fields.get(NOTES)
    return value if isinstance(value, str) else ""


def _units(text: str) -> int:
    """Return a text's length as JavaScript counts it, which Airtable is written in."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
