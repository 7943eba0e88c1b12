"""What Slack refuses in a view: a modal or a Home tab.

Source: docs.slack.dev, modal views, App Home and views.open, September 2026.
"""

import json
from typing import Literal

from playground.slack.limits.blocks import MOST_BLOCKS_IN_VIEW, block_faults
from playground.slack.limits.values import BlockFault, Faults, Json, optional, text

LARGEST_VIEW = 250_000  # bytes

_OF_MODALS = ("title", "submit", "close")


def view_faults(view: object, kind: Literal["modal", "home"]) -> list[BlockFault]:
    """Return everything Slack would refuse in a view that is to be a `modal` or a `home`; empty if it takes it."""
    if not isinstance(view, dict):
        return [BlockFault("/view", "must provide an object")]
    if view.get("type") != kind:
        return [BlockFault("/view/type", f"must be {kind}")]
    faults = block_faults(view.get("blocks"), at="/view/blocks", most=MOST_BLOCKS_IN_VIEW, surface=kind)
    for name, longest in (("private_metadata", 3000), ("callback_id", 255), ("external_id", 255)):
        if view.get(name):  # an empty one is as none
            faults += optional(view, name, "/view", longest)
    return faults + list(_modal(view) if kind == "modal" else _home(view))


def is_too_large(view: object) -> bool:
    """Return whether a view is beyond what views.open takes (`view_too_large`)."""
    return len(json.dumps(view).encode()) > LARGEST_VIEW


def _modal(view: Json) -> Faults:
    yield from text(view, "title", "/view", 24, plain=True)
    for name in ("submit", "close"):
        if name in view:
            yield from text(view, name, "/view", 24, plain=True)
    for name in ("clear_on_close", "notify_on_close"):
        if not isinstance(view.get(name, False), bool):
            yield BlockFault(f"/view/{name}", "must provide a boolean")
    blocks = view.get("blocks")
    kinds = [block.get("type") for block in blocks if isinstance(block, dict)] if isinstance(blocks, list) else []
    if "submit" not in view and "input" in kinds:
        yield BlockFault("/view/submit", "missing required field: submit", "missing_field")


def _home(view: Json) -> Faults:
    for name in _OF_MODALS:
        if name in view:
            yield BlockFault(f"/view/{name}", f"invalid additional property: {name}")
