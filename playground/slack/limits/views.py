"""What Slack refuses in a view: a modal or a Home tab.

Source: docs.slack.dev, modal views and views.open, September 2026; which blocks a modal
takes: the page of each block.
"""

import json

from playground.slack.limits.blocks import block_faults
from playground.slack.limits.values import BlockFault, Faults, Json, optional, text

MOST_BLOCKS_IN_VIEW = 100
LARGEST_VIEW = 250_000  # bytes

_NOT_IN_MODALS = frozenset({"table", "data_table", "data_visualization", "markdown", "context_actions"})


def view_faults(view: object, kind: str) -> list[BlockFault]:
    """Return everything Slack would refuse in a view that is to be a `modal` or a `home`."""
    if not isinstance(view, dict):
        return [BlockFault("/view", "must provide an object")]
    if view.get("type") != kind:
        return [BlockFault("/view/type", f"must be {kind}")]
    blocks = view.get("blocks")
    faults = block_faults(blocks, at="/view/blocks", most=MOST_BLOCKS_IN_VIEW)
    for name, longest in (("private_metadata", 3000), ("callback_id", 255), ("external_id", 255)):
        if view.get(name):  # an empty one is as none
            faults += optional(view, name, "/view", longest)
    if kind == "modal":
        faults += _modal(
            view, [block for block in blocks if isinstance(block, dict)] if isinstance(blocks, list) else []
        )
    return faults


def is_too_large(view: object) -> bool:
    """Return whether a view is beyond what views.open takes (`view_too_large`)."""
    return len(json.dumps(view).encode()) > LARGEST_VIEW


def _modal(view: Json, blocks: list[Json]) -> Faults:
    yield from text(view, "title", "/view", 24, plain=True)
    for name in ("submit", "close"):
        if name in view:
            yield from text(view, name, "/view", 24, plain=True)
    if "submit" not in view and any(block.get("type") == "input" for block in blocks):
        yield BlockFault("/view/submit", "missing required field: submit", "missing_field")
    for position, block in enumerate(blocks):
        if block.get("type") in _NOT_IN_MODALS:
            yield BlockFault(f"/view/blocks/{position}/type", f"unsupported type: {block['type']}", "unsupported_type")
