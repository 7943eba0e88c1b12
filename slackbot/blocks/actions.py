"""What people press, choose and send, by the ids that blocks carry and listeners go by; nothing else holds them.

Every button and select that leads to an answer carries the line that would be typed for it, and nothing else: whoever
presses it is asked for their own rights again (slackbot/access.py), as if they had typed the line. Lines are no
secret and no permission.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields, replace
from typing import Any

LONGEST_BUTTON_VALUE = 2000
LONGEST_OPTION_VALUE = 150
LONGEST_METADATA = 3000
LONGEST_CHANNEL_ID = 30
LONGEST_FINGERPRINT = 64

ASK = re.compile(r"ask:\d+")
"""Buttons that ask another line: `chosen_line` has it. From a message the answer replaces nothing and goes to the
person who pressed (a button in a channel can be pressed by anyone); from App Home it goes to their direct messages."""

CHOOSE = re.compile(r"choose:\d+")
"""Selects that ask the same question differently (a period): the answer takes the place of the one chosen from, where
only the person sees that; `chosen_line` has the line."""

OPEN = re.compile(r"open:\d+")
"""Selects of rows that lead on: as ASK."""

FIND_LEAD = "find_lead"
"""Select of leads that are looked up while somebody types; its options carry the line that asks for the lead, so that a
choice is as ASK."""

LEAD = "lead"
"""The same in a modal: its options carry `client/record id`."""

WRITE = re.compile(r"write:\d+")
"""Buttons that begin to write, such as “Add note…”: `chosen_line` has the line that would be typed for it. What needs
words opens a window; nothing is written before that is submitted."""

UNDO = "undo"
"""Button “Undo”: its value is the reference of what was written."""

PROGRESS = "progress"
"""Button “How far?” of a bulk removal: its value is the reference."""

STOP = "stop"
"""Button “Stop” of a bulk removal: its value is the reference."""

RESULTS = "results"
"""Button “Send results as CSV” of a bulk removal: its value is the reference."""

RECORD = "record"
"""Button that opens a record in Airtable; nothing is asked of us."""

WRITE_VIEW = "write_view"
"""`callback_id` of the modals that write: submitted, they mean to; their `private_metadata` is a `Writing`."""

FIND_VIEW = "find_view"
"""`callback_id` of the modal in which a lead is looked for to be shown; its `private_metadata` is a `Writing`."""

NOTE_SHORTCUT = "note_from_message"
"""`callback_id` of the message shortcut “Add note to a lead”."""

NOTE_TYPE, NOTE_TEXT, REASON, ALSO, STATUS, CONFIRM = "note_type", "note_text", "reason", "also", "status", "confirm"
"""What is filled in there; each stands in a block of the same id."""

EXPLAIN = "explain"
"""Button “What is this?”: opens `views.loading_view`, then `views.explain_view`; its value is the line."""

SHARE = "share"
"""Button “Share…”: opens `views.loading_view`, then `views.share_view`; posts nothing; its value is the line."""

CSV = re.compile(r"csv:(?P<section>[a-z_]+)")
"""Buttons “Send as CSV”: a section (`csv_section` names it) of the line's answer as a file by direct message."""

EXPLAIN_VIEW = "explain_view"
"""`callback_id` of the modal behind EXPLAIN; it has nothing to submit."""

SHARE_VIEW = "share_view"
"""`callback_id` of the modal behind SHARE: submitted, it means to post; its `private_metadata` is a `Sharing`."""

SHARE_CHANNEL = "share_channel"
"""The conversation select in SHARE_VIEW (a block action): the view is built anew for the conversation chosen, so that
what was shown before the submit is what gets posted."""


@dataclass(frozen=True)
class Sharing:
    """What is to be shared, and where; carried by the modal, hence checked again when it comes back.

    Attributes:
        line: what would be typed for the answer.
        channel_id: where it is to be posted; '' until that is chosen.
        origin: where the answer was seen: of which clients it is depends on it; '' in App Home.
        shown: the fingerprint of what the modal shows (`slackbot.previews`); '' while nothing can be posted.
    """

    line: str
    channel_id: str = ""
    origin: str = ""
    shown: str = ""

    def packed(self) -> str:
        """Return it as `private_metadata`."""
        return json.dumps(astuple(self), ensure_ascii=False)

    def fits(self) -> bool:
        """Return whether `private_metadata` holds it, wherever it is asked and shared."""
        longest = replace(self, channel_id="C" * LONGEST_CHANNEL_ID, origin="C" * LONGEST_CHANNEL_ID)
        return len(replace(longest, shown="0" * LONGEST_FINGERPRINT).packed()) <= LONGEST_METADATA

    @classmethod
    def unpacked(cls, metadata: str) -> "Sharing":
        """Read it back.

        Raises:
            ValueError: it is not what `packed` returns.
        """
        match json.loads(metadata):
            case [str() as line, str() as channel_id, str() as origin, str() as shown]:
                return cls(line, channel_id, origin, shown)
        raise ValueError("this is no Sharing")


@dataclass(frozen=True)
class Writing:
    """What a modal is to write; carried by it, hence checked again when it comes back.

    Attributes:
        kind: the verb, as `note`; `lead` where one is only looked for.
        channel_id: where it was asked for: which clients may be seen depends on it, and the answer goes there.
        lead: `client/record id`; '' until it is chosen.
        line: what was typed, where that means many leads.
        draft: by which a text is kept that is too long for the modal.
        status: chosen beforehand.
    """

    kind: str
    channel_id: str = ""
    lead: str = ""
    line: str = ""
    draft: str = ""
    status: str = ""

    def packed(self) -> str:
        """Return it as `private_metadata`."""
        return json.dumps(astuple(self), ensure_ascii=False)

    @classmethod
    def unpacked(cls, metadata: str) -> "Writing":
        """Read it back.

        Raises:
            ValueError: it is not what `packed` returns.
        """
        values = json.loads(metadata)
        if isinstance(values, list) and len(values) == len(fields(cls)) and all(isinstance(v, str) for v in values):
            return cls(*values)
        raise ValueError("this is no Writing")


def ask_id(number: int) -> str:
    """Return the action_id of a button that asks; the number tells it from the others of its message."""
    return f"ask:{number}"


def choose_id(number: int) -> str:
    """Return the action_id of a select of a choice."""
    return f"choose:{number}"


def open_id(number: int) -> str:
    """Return the action_id of a select of rows."""
    return f"open:{number}"


def write_id(number: int) -> str:
    """Return the action_id of a button that begins to write."""
    return f"write:{number}"


def csv_id(section: str) -> str:
    """Return the action_id of a button that sends a section as a file."""
    return f"csv:{section}"


def csv_section(action: Mapping[str, Any]) -> str:
    """Return which section a pressed CSV button means.

    Raises:
        ValueError: it is no CSV button.
    """
    found = CSV.fullmatch(str(action.get("action_id")))
    if found is None:
        raise ValueError("this is no CSV button")
    return found["section"]


def chosen_line(action: Mapping[str, Any]) -> str:
    """Return the line that a pressed button or a chosen option carries; '' if it carries none.

    Args:
        action: one of `actions` of a `block_actions` payload.
    """
    option = action.get("selected_option")
    value = option.get("value") if isinstance(option, Mapping) else action.get("value")
    return value if isinstance(value, str) else ""
