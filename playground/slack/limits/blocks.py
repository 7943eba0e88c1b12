"""What Slack refuses in the blocks of a message or view: one rule for each type of block, and what is counted over all.

Source of the figures: Slack's Block Kit reference, 2026. Where two captures of it differ the newer figure holds.
"""

from typing import Literal

from playground.slack.limits.elements import ACCESSORIES, ACTIONS, INPUTS, Rule, element, image, nothing_more
from playground.slack.limits.tables import data_table, data_visualization, table
from playground.slack.limits.values import BlockFault, Faults, Json, count, items, rich_text, string, text, text_object

Surface = Literal["message", "modal", "home"]

MOST_BLOCKS_IN_MESSAGE = 50
MOST_BLOCKS_IN_VIEW = 100
MOST_TABLE_CHARACTERS = 10_000
MOST_DATA_TABLE_CHARACTERS = 20_000
MOST_MARKDOWN_CHARACTERS = 12_000
MOST_CHARTS = 2


def block_faults(
    blocks: object, at: str = "/blocks", most: int = MOST_BLOCKS_IN_MESSAGE, surface: Surface = "message"
) -> list[BlockFault]:
    """Return everything Slack would refuse in the blocks of a surface, in reading order; empty if it takes them."""
    if not isinstance(blocks, list):
        return [BlockFault(at, "must provide an array")]
    faults = list(count(blocks, at, 0, most))
    seen: set[str] = set()
    for position, block in enumerate(blocks):
        here = f"{at}/{position}"
        faults += _block(block, here, surface)
        block_id = block.get("block_id") if isinstance(block, dict) else None
        if isinstance(block_id, str):
            if block_id in seen:
                faults.append(
                    BlockFault(f"{here}/block_id", f"block_id {block_id} already exists", "duplicate_block_id")
                )
            seen.add(block_id)
    return faults + list(_totals([block for block in blocks if isinstance(block, dict)], at))


def _block(block: object, at: str, surface: Surface) -> Faults:
    if not isinstance(block, dict):
        yield BlockFault(at, "must provide an object")
        return
    kind = block.get("type")
    rule = BLOCK_RULES.get(kind) if isinstance(kind, str) else None
    if rule is None or kind in NOT_ON[surface]:
        yield BlockFault(f"{at}/type", f"unsupported type: {kind}", "unsupported_type")
        return
    if "block_id" in block:
        yield from string(block["block_id"], f"{at}/block_id", 255)
    yield from rule(block, at)


def _totals(blocks: list[Json], at: str) -> Faults:
    """Check what is counted over the whole message."""
    tables = [block for block in blocks if block.get("type") == "table"]
    if len(tables) > 1:
        yield BlockFault(at, "only one table allowed per message", "invalid_attachments")
    limits = (
        ("table", MOST_TABLE_CHARACTERS, _table_characters),
        ("data_table", MOST_DATA_TABLE_CHARACTERS, _table_characters),
        ("markdown", MOST_MARKDOWN_CHARACTERS, lambda block: len(str(block.get("text", "")))),
    )
    for kind, most, characters in limits:
        total = sum(characters(block) for block in blocks if block.get("type") == kind)
        if total > most:
            yield BlockFault(at, f"{kind} text must be no more than {most} characters in total, got {total}")
    charts = sum(block.get("type") == "data_visualization" for block in blocks)
    if charts > MOST_CHARTS:
        yield BlockFault(at, f"no more than {MOST_CHARTS} data_visualization blocks allowed")


def _table_characters(block: Json) -> int:
    rows = block.get("rows")
    cells = [cell for row in rows if isinstance(row, list) for cell in row] if isinstance(rows, list) else []
    return sum(_characters(cell) for cell in cells)


def _characters(cell: object) -> int:
    """Count the text of a cell, whatever depth a rich_text cell has it at."""
    if isinstance(cell, list):
        return sum(_characters(part) for part in cell)
    if isinstance(cell, dict):
        own = len(cell["text"]) if isinstance(cell.get("text"), str) else 0
        return own + _characters(cell.get("elements"))
    return 0


def _header(block: Json, at: str) -> Faults:
    yield from text(block, "text", at, 150, plain=True)


def _section(block: Json, at: str) -> Faults:
    if "text" not in block and "fields" not in block:
        yield BlockFault(at, "missing required field: text", "missing_field")
    if "text" in block:
        yield from text(block, "text", at, 3000)
    if "fields" in block:
        fields, faults = items(block, "fields", at, 1, 10)
        yield from faults
        for position, one in enumerate(fields):
            yield from text_object(one, f"{at}/fields/{position}", 2000)
    if "accessory" in block:
        yield from element(block["accessory"], f"{at}/accessory", ACCESSORIES)


def _context(block: Json, at: str) -> Faults:
    parts, faults = items(block, "elements", at, 1, 10)
    yield from faults
    for position, part in enumerate(parts):
        here = f"{at}/elements/{position}"
        if isinstance(part, dict) and part.get("type") == "image":
            yield from image(part, here)
        else:
            yield from text_object(part, here, 3000)


def _actions(block: Json, at: str) -> Faults:
    parts, faults = items(block, "elements", at, 1, 25)
    yield from faults
    seen: set[str] = set()
    for position, part in enumerate(parts):
        here = f"{at}/elements/{position}"
        yield from element(part, here, ACTIONS)
        action_id = part.get("action_id") if isinstance(part, dict) else None
        if isinstance(action_id, str):
            if action_id in seen:
                yield BlockFault(f"{here}/action_id", f"action_id {action_id} already exists in this block")
            seen.add(action_id)


def _input(block: Json, at: str) -> Faults:
    yield from text(block, "label", at, 2000, plain=True)
    yield from element(block.get("element"), f"{at}/element", INPUTS)
    if "hint" in block:
        yield from text(block, "hint", at, 2000, plain=True)


def _markdown(block: Json, at: str) -> Faults:
    yield from string(block.get("text"), f"{at}/text", MOST_MARKDOWN_CHARACTERS)


# The block pages name the surfaces of each; `alert` in messages is left open by them, and taken.
NOT_ON: dict[Surface, frozenset[str]] = {
    "message": frozenset(),
    "modal": frozenset(
        {
            *("table", "data_table", "data_visualization", "markdown", "container", "carousel"),
            *("context_actions", "task_card", "plan"),
        }
    ),
    "home": frozenset({"alert", "markdown", "context_actions", "task_card", "plan"}),
}

BLOCK_RULES: dict[str, Rule] = {
    "header": _header,
    "section": _section,
    "context": _context,
    "actions": _actions,
    "input": _input,
    "image": image,
    "markdown": _markdown,
    "rich_text": rich_text,
    "table": table,
    "data_table": data_table,
    "data_visualization": data_visualization,
} | dict.fromkeys(
    ("divider", "video", "context_actions", "task_card", "plan", "alert", "card", "carousel", "container"),
    nothing_more,
)
