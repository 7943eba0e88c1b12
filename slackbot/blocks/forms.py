"""The modals that write, and what is said of what was written, with the buttons that lead on from there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from slackbot.blocks.actions import (
    ALSO,
    CONFIRM,
    FIND_VIEW,
    LEAD,
    NOTE_TEXT,
    NOTE_TYPE,
    PROGRESS,
    REASON,
    RECORD,
    RESULTS,
    STATUS,
    STOP,
    UNDO,
    WRITE_VIEW,
    Writing,
    write_id,
)
from slackbot.blocks.elements import Block, actions, button, context, lead_picker, plain, section
from slackbot.blocks.fit import MOST_LABEL, MOST_VIEW_TITLE, clipped
from slackbot.blocks.message import Message, clipped_text
from slackbot.blocks.text import NOTHING, clean
from slackbot.blocks.views import View
from uysp.actions.model import Kind, State
from uysp.actions.notes import TYPES
from uysp.actions.removal import MOST_REASON, SamePhone
from uysp.actions.requests import Receipt
from uysp.actions.status import STATUSES
from uysp.actions.undo import UNDOABLE

MOST_INPUT = 3000  # characters of Slack's input
MOST_ALSO = 10  # of Slack's checkboxes
_SHOWN_DRAFT = 1500
TITLES = {
    "note": "Add note",
    "remove": "Remove from campaign",
    "mark": "Mark lead",
    "claim": "Claim lead",
    "unclaim": "Unclaim lead",
    "undo": "Undo",
    "lead": "Find a lead",
}


@dataclass(frozen=True)
class Filled:
    """What a submitted form holds.

    Attributes:
        also: record ids of the leads with the same phone that are chosen.
    """

    lead: str = ""
    note_type: str = ""
    text: str = ""
    reason: str = ""
    also: tuple[str, ...] = ()
    status: str = ""
    confirm: str = ""


def filled(view: dict[str, Any]) -> Filled:
    """Read what was filled into a submitted modal."""
    states = {action_id: state for block in view["state"]["values"].values() for action_id, state in block.items()}

    def value(name: str) -> str:
        state = states.get(name) or {}
        option = state.get("selected_option") or {}
        return str(state.get("value") or option.get("value") or "")

    also = tuple(str(each["value"]) for each in (states.get(ALSO) or {}).get("selected_options") or ())
    return Filled(value(LEAD), value(NOTE_TYPE), value(NOTE_TEXT), value(REASON), also, value(STATUS), value(CONFIRM))


def error_block(writing: Writing) -> str:
    """Return the block under which it is said what is wrong with a form."""
    if writing.kind == "note":
        return NOTE_TYPE if writing.draft else NOTE_TEXT
    return REASON


def choose_view(writing: Writing, sentence: str) -> View:
    """Return the modal in which a lead is looked for, with what is said above the search.

    To show a lead, it is submitted; to write, what is chosen leads to the form.
    """
    picker = lead_picker(LEAD)
    label = "Name, email, company or phone"
    if writing.kind == "lead":
        return _modal(writing, [_input(LEAD, label, picker)], "Show") | {"callback_id": FIND_VIEW}
    told = [section(clean(sentence))] if sentence else []
    return _modal(writing, [*told, {"type": "actions", "elements": [picker]}], "")


def note_view(writing: Writing, present: str, text: str) -> View:
    """Return the form of a note.

    Args:
        writing: to which lead; its `draft` names a text that is too long for the form.
        present: how the lead stands.
        text: what it says so far.
    """
    options = [_option(each, each) for each in TYPES]
    types = {"type": "static_select", "action_id": NOTE_TYPE, "options": options, "initial_option": options[4]}
    blocks = [section(clean(present)), _input(NOTE_TYPE, "Type", types)]
    if writing.draft:
        shortened = f"{clean(text[:_SHOWN_DRAFT])}…"
        blocks += [section(shortened), *context([f"Shown shortened; all {len(text):,} characters are added."])]
    else:
        typed: Block = {
            "type": "plain_text_input",
            "action_id": NOTE_TEXT,
            "multiline": True,
            "max_length": MOST_INPUT,
        }
        blocks.append(_input(NOTE_TEXT, "Note", typed | ({"initial_value": text} if text else {})))
    return _modal(writing, blocks, "Add note")


def removal_view(writing: Writing, present: str, others: Sequence[SamePhone]) -> View:
    """Return the form of a removal: how the lead stands, why, and which records of the same phone go too."""
    blocks = [section(clean(present)), _reason()]
    if others:
        options = [_option(_described(other), other.lead_id) for other in others[:MOST_ALSO]]
        boxes: Block = {"type": "checkboxes", "action_id": ALSO, "options": options}
        chosen = [option for option, other in zip(options, others, strict=False) if other.chosen]
        boxes |= {"initial_options": chosen} if chosen else {}
        blocks.append(_input(ALSO, "Remove too: they have the same phone", boxes, optional=True))
    if len(others) > MOST_ALSO:
        blocks += context([f"{len(others) - MOST_ALSO:,} more have this phone; ask for each."])
    blocks += context(["Stops the lead in Airtable, so that no message follows. It can be undone for 15 minutes."])
    return _modal(writing, blocks, "Remove")


def mark_view(writing: Writing, present: str) -> View:
    """Return the form of a status."""
    options = [_option(each, each) for each in STATUSES]
    select: Block = {"type": "static_select", "action_id": STATUS, "options": options}
    initial = [option for option in options if option["value"] == writing.status]
    blocks = [
        section(clean(present)),
        _input(STATUS, "Status", select | ({"initial_option": initial[0]} if initial else {})),
        _reason(optional=True),
        *context(["Manual Process stops the messages too."]),
    ]
    return _modal(writing, blocks, "Mark")


def bulk_view(writing: Writing, said: str, word: str, sentence: str = "") -> View:
    """Return the form of a bulk removal.

    Args:
        writing: with the line that says which leads.
        said: how many leads, and some of them.
        word: what has to be typed.
        sentence: what was wrong with what was filled in before.
    """
    typed: Block = {"type": "plain_text_input", "action_id": CONFIRM, "max_length": 100}
    told = [section(clean(sentence))] if sentence else []
    blocks = [*told, section(clean(said)), _reason(), _input(CONFIRM, f"Type {word}", typed)]
    return _modal(writing, blocks, "Remove all")


def receipt_view(title: str, receipt: Receipt, url: str = "") -> View:
    """Return the modal that says how an action stands."""
    made: View = {"type": "modal", "title": _title(title), "close": plain("Close")}
    return made | {"blocks": list(_receipt_blocks(receipt, url))}


def receipt_message(receipt: Receipt, url: str = "") -> Message:
    """Return the message that says how an action stands."""
    return {"text": clipped_text(clean(receipt.said)), "blocks": list(_receipt_blocks(receipt, url))}


def _receipt_blocks(receipt: Receipt, url: str) -> Iterator[Block]:
    yield section(clean(receipt.said))
    buttons: list[Block | None] = []
    if receipt.is_bulk:
        if receipt.is_pending:
            stop = button("Stop", receipt.reference, STOP)
            buttons += [button("How far?", receipt.reference, PROGRESS), stop and stop | {"style": "danger"}]
        buttons.append(button("Send results as CSV", receipt.reference, RESULTS))
    elif receipt.kind in UNDOABLE and any(result.state is State.DONE for result in receipt.results):
        buttons += [] if receipt.is_pending else [button("Undo", receipt.reference, UNDO)]
    if url and receipt.is_pending and receipt.kind is Kind.REMOVE:
        buttons.append({"type": "button", "action_id": RECORD, "text": plain("Open in Airtable"), "url": url})
    yield from actions([each for each in buttons if each is not None])


def _reason(*, optional: bool = False) -> Block:
    typed: Block = {"type": "plain_text_input", "action_id": REASON, "max_length": MOST_REASON}
    return _input(REASON, "Reason", typed, optional=optional)


def _described(other: SamePhone) -> str:
    """Tell a record from others of the same name: by its id."""
    named = f"{other.name} ({other.lead_id})"
    return " — ".join([named, other.processing_status or "no status", *([other.campaign] if other.campaign else [])])


def _option(label: str, value: str) -> Block:
    return {"text": plain(clipped(clean(label), MOST_LABEL) or NOTHING), "value": value}


def _input(block_id: str, label: str, element: Block, *, optional: bool = False) -> Block:
    made: Block = {"type": "input", "block_id": block_id, "label": plain(label), "element": element}
    return made | ({"optional": True} if optional else {})


def _title(title: str) -> Block:
    return plain(clipped(clean(title), MOST_VIEW_TITLE) or NOTHING)


def _modal(writing: Writing, blocks: Sequence[Block], submit: str) -> View:
    view: View = {
        "type": "modal",
        "callback_id": WRITE_VIEW,
        "title": _title(TITLES[writing.kind]),
        "close": plain("Cancel"),
        "private_metadata": writing.packed(),
        "blocks": list(blocks),
    }
    return view | ({"submit": plain(submit)} if submit else {})


def offer_message(title: str, line: str) -> Message:
    """Return the message whose button opens the form for a line."""
    sentence = "Press the button to go on; nothing is written before you submit."
    pressed = button(f"{title}…", line, write_id(1))
    return {"text": sentence, "blocks": [section(sentence), *actions([pressed] if pressed else [])]}
