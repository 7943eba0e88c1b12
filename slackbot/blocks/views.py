"""Modals and App Home as Slack takes them: plain dictionaries for `views.open`, `views.update`, `views.publish`.

Modals take neither `data_table` nor `data_visualization`: what they show of an answer is text. A modal is opened with
`loading_view` within the three seconds that Slack gives, and updated when the database has answered.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from slackbot.answers.model import Answer, Section
from slackbot.blocks.actions import EXPLAIN_VIEW, SHARE_CHANNEL, SHARE_VIEW, Sharing
from slackbot.blocks.elements import Block, actions, bold, context, header, lead_picker, plain, section, time_text
from slackbot.blocks.fit import MOST_VIEW_BLOCKS, MOST_VIEW_BYTES, MOST_VIEW_TITLE, blocks_of_size, clipped
from slackbot.blocks.message import answer_blocks
from slackbot.blocks.rows import Form, Reader, rows_blocks
from slackbot.blocks.share import left_out, shared
from slackbot.blocks.text import NOTHING, clean

View = dict[str, Any]

_CUT = "There is no room for more here."
_ELSEWHERE = "Clients that are bound to channels are shown in those channels only, with your leads and requests there."
_NOTE = "home_note"
_DASHBOARD_BLOCKS = 60
_OWN_BLOCKS = 16  # of one's leads, and of one's requests; what is left of 100 are headings and small print
_DASHBOARD_CHARACTERS = 10_000  # of tables; one's own share what is left of Slack's 20,000
_OWN_CHARACTERS = {"leads": 2_500, "requests": 7_500}


@dataclass(frozen=True)
class Home:
    """What a person's App Home shows.

    Attributes:
        dashboard: the answer to `dashboard`, with the freshness of its data; None while there is none.
        sentence: what is said in place of the dashboard: why nothing is shown.
        leads: the leads that the person has claimed.
        requests: what the person has asked to be written, and how far that is.
        at: when it was put together.
        elsewhere: whether there are clients that the person may see elsewhere only.
    """

    dashboard: Answer | None
    sentence: str
    leads: Section
    requests: Section
    at: datetime
    elsewhere: bool = False


def loading_view(title: str) -> View:
    """Return the modal that is seen until there is an answer."""
    return _modal(title, [section("One moment…")])


def notice_view(title: str, sentence: str) -> View:
    """Return a modal that says one thing, such as an error or a refusal."""
    return _modal(title, [section(clean(sentence))])


def explain_view(title: str, meanings: Sequence[tuple[str, str]]) -> View:
    """Return the modal behind “What is this?”.

    Args:
        title: what is explained, such as `Campaigns`.
        meanings: the label of each number, and what it means (dbt's description, whose `code` marks are dropped).
    """
    lines = [bold(clean(label), clean(meaning.replace("`", "")) or NOTHING) for label, meaning in meanings]
    blocks = _cut(lines or [section("These numbers need no explanation.")], MOST_VIEW_BLOCKS, MOST_VIEW_BYTES)
    return _modal(title, blocks) | {"callback_id": EXPLAIN_VIEW}


def share_view(answer: Answer, sharing: Sharing, audience: str) -> View:
    """Return the modal that shows what is going to be posted and who will see it, before anything is.

    Args:
        answer: the answer as the person who shares it has it; personal columns are left out here.
        sharing: the line, and the conversation chosen; while none is, nothing can be submitted.
        audience: who reads that conversation, in a sentence, such as “All 12 members of #sales, 2 of them of Acme
            Ltd, will see this.”; while none is chosen, what to do.
    """
    where: Block = {
        "type": "conversations_select",
        "action_id": SHARE_CHANNEL,
        "placeholder": plain("Choose a channel"),
        "filter": {"include": ["public", "private", "mpim"], "exclude_bot_users": True},
    }
    if sharing.channel_id:
        where["initial_conversation"] = sharing.channel_id
    dropped = ", ".join(left_out(answer))
    head = [
        section("Where to post a copy") | {"accessory": where},
        section(clean(audience)),
        *context([f"Left out, because it is personal: {dropped}."] if dropped else []),
        {"type": "divider"},
    ]
    room = MOST_VIEW_BLOCKS - len(head)
    copy = answer_blocks(shared(answer), Form.SECTIONS, UTC, itertools.count(1), room, may_press=False, stays=True)
    view = _modal("Share", [*head, *_cut(copy, room, MOST_VIEW_BYTES)], close="Cancel")
    view |= {"callback_id": SHARE_VIEW, "private_metadata": sharing.packed()}
    return view | ({"submit": plain("Post")} if sharing.channel_id else {})


def home_view(home: Home, form: Form = Form.DATA_TABLE, zone: tzinfo = UTC) -> View:
    """Return a person's App Home.

    Args:
        home: what it shows.
        form: how charts and tables are sent; simpler ones follow where Slack says `invalid_blocks`.
        zone: of the person.
    """
    ids = itertools.count(1)
    if home.dashboard is None:
        blocks: list[Block] = [header("Outreach"), section(clean(home.sentence))]
    else:
        blocks = answer_blocks(home.dashboard, form, zone, ids, _DASHBOARD_BLOCKS, _DASHBOARD_CHARACTERS)
        blocks += actions([lead_picker()])
    reader = Reader(zone)
    for name, heading, own in (("leads", "Your leads", home.leads), ("requests", "Your requests", home.requests)):
        blocks += [{"type": "divider"}, header(heading)]
        # A message takes one `table` only, and what stands for the dashboard may be one.
        simple = Form.SECTIONS if form is Form.TABLE else form
        blocks += rows_blocks({name: own}, simple, reader, ids, _OWN_BLOCKS, _OWN_CHARACTERS[name])
    if home.requests.rows:
        total = home.requests.page.total if home.requests.page else len(home.requests.rows)
        blocks += context([f"{total:,} in all, pending ones first. “/uysp history” lists all that was written."])
    small_print = list(context([*([_ELSEWHERE] if home.elsewhere else []), time_text("As of", home.at, zone)]))
    return {"type": "home", "blocks": [*_cut(blocks, MOST_VIEW_BLOCKS - 1, MOST_VIEW_BYTES), *small_print]}


def noted_home(shown: Sequence[Block], sentence: str) -> View:
    """Return the App Home that is shown, with a sentence on top of it in place of an earlier one.

    Args:
        shown: its blocks, as Slack tells them.
        sentence: why it stays as it is.
    """
    # Under new block ids, or a select would keep what was chosen though it is not what is shown.
    kept = [_without_id(block) for block in shown if block.get("block_id") != _NOTE]
    note = section(clean(sentence)) | {"block_id": _NOTE}
    return {"type": "home", "blocks": [note, *kept[: MOST_VIEW_BLOCKS - 1]]}


def _without_id(block: Block) -> Block:
    return {name: value for name, value in block.items() if name != "block_id"}


def _modal(title: str, blocks: Sequence[Block], close: str = "Close") -> View:
    return {
        "type": "modal",
        "title": plain(clipped(clean(title), MOST_VIEW_TITLE) or NOTHING),
        "close": plain(close),
        "blocks": list(blocks),
    }


def _cut(blocks: Sequence[Block], most_blocks: int, most_bytes: int) -> list[Block]:
    """Return the first blocks, as many as there is room for, and say so where that is not all."""
    fitting = blocks_of_size(blocks[:most_blocks], most_bytes)
    if len(fitting) == len(blocks):
        return list(fitting)
    return [*fitting[: most_blocks - 1], *context([_CUT])]
