"""Modals and Home tabs: which views people have before them, what they filled in, and the triggers that open them."""

import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from playground.slack.refusal import RefusalError

TRIGGER_SECONDS = 3.0
MOST_VIEWS = 3  # one upon the other

_CARRIED = ("callback_id", "private_metadata", "external_id", "title", "submit", "close")


@dataclass(frozen=True)
class View:
    """One state of a modal or a Home tab.

    Attributes:
        person: user id of whoever has it before them.
        content: as the app sent it, every block with a block_id.
        hash: changes with every state; an app that names an older one is refused.
        values: what is filled in, by block_id and action_id, as Slack sends it.
        errors: what stands under the inputs, by block_id.
    """

    id: str
    person: str
    content: Mapping[str, Any]
    hash: str
    root_id: str
    previous_id: str | None = None
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)

    @property
    def blocks(self) -> Sequence[Mapping[str, Any]]:
        """Return the blocks of the view."""
        blocks: Sequence[Mapping[str, Any]] = self.content["blocks"]
        return blocks

    @property
    def title(self) -> str:
        """Return the title of a modal, '' for a Home tab."""
        return str((self.content.get("title") or {}).get("text", ""))


@dataclass
class _Trigger:
    person: str
    expires_at: float
    view_id: str | None
    used: bool = False


@dataclass
class Surfaces:
    """All views of the workspace; `changed` is the workspace's own condition."""

    changed: threading.Condition
    now: Callable[[], float]
    stacks: dict[str, list[View]] = field(default_factory=dict)
    homes: dict[str, View] = field(default_factory=dict)
    _triggers: dict[str, _Trigger] = field(default_factory=dict)

    def trigger(self, person_id: str, view_id: str | None = None) -> str:
        """Return a trigger_id for something a person just did, in a modal if a view is named."""
        trigger_id = f"{int(self.now())}.{secrets.token_hex(16)}"
        self._triggers[trigger_id] = _Trigger(person_id, self.now() + TRIGGER_SECONDS, view_id)
        return trigger_id

    def modal(self, person_id: str) -> View | None:
        """Return the modal that a person has before them."""
        stack = self.stacks.get(person_id)
        return stack[-1] if stack else None

    def open(self, trigger_id: str, content: Mapping[str, Any]) -> View:
        """Show a new modal in place of any that was there."""
        trigger = self._redeem(trigger_id)
        with self.changed:
            self._refuse_known_external_id(content)
            view = self._new(trigger.person, content)
            self.stacks[trigger.person] = [view]
            self.changed.notify_all()
        return view

    def push(self, trigger_id: str, content: Mapping[str, Any]) -> View:
        """Lay a modal upon the one that the trigger came from."""
        trigger = self._redeem(trigger_id)
        if trigger.view_id is None or not self.stacks.get(trigger.person):
            raise RefusalError("not_found")
        return self.pushed(trigger.person, content)

    def pushed(self, person_id: str, content: Mapping[str, Any]) -> View:
        """Lay a modal upon a person's topmost one, as `response_action: push` does."""
        with self.changed:
            stack = self.stacks[person_id]
            if len(stack) >= MOST_VIEWS:
                raise RefusalError("push_limit_reached")
            self._refuse_known_external_id(content)
            view = self._new(person_id, content, below=stack[-1])
            stack.append(view)
            self.changed.notify_all()
        return view

    def update(self, content: Mapping[str, Any], *, view_id: str, external_id: str, view_hash: str) -> View:
        """Replace what a modal or a Home tab shows; what is filled in stays where block and action keep their ids."""
        with self.changed:
            view = self.find(view_id, external_id)
            if view is None:
                raise RefusalError("not_found")
            return self._replaced(view, content, view_hash)

    def publish(self, person_id: str, content: Mapping[str, Any], view_hash: str) -> View:
        """Show a Home tab."""
        with self.changed:
            view = self.homes.get(person_id)
            if view is not None:
                return self._replaced(view, content, view_hash)
            view = self._new(person_id, content)
            self.homes[person_id] = view
            self.changed.notify_all()
        return view

    def find(self, view_id: str, external_id: str = "") -> View | None:
        """Return the present state of a view that still is before somebody."""
        for view in [*(view for stack in self.stacks.values() for view in stack), *self.homes.values()]:
            if view.id == view_id or (external_id and view.content.get("external_id") == external_id):
                return view
        return None

    def fill(self, view: View, values: Mapping[str, Mapping[str, Any]], errors: Mapping[str, str]) -> View:
        """Note what a person filled in, and what stands under the inputs."""
        with self.changed:
            return self._put(replace(view, values=values, errors=errors))

    def close(self, view: View) -> None:
        """Take a modal away; the one below it is seen again."""
        with self.changed:
            stack = self.stacks.get(view.person, [])
            self.stacks[view.person] = [one for one in stack if one.id != view.id]
            self.changed.notify_all()

    def clear(self, person_id: str) -> None:
        """Take all modals of a person away."""
        with self.changed:
            self.stacks.pop(person_id, None)
            self.changed.notify_all()

    def _redeem(self, trigger_id: str) -> _Trigger:
        trigger = self._triggers.get(trigger_id)
        if trigger is None:
            raise RefusalError("invalid_trigger_id")
        if trigger.used:
            raise RefusalError("exchanged_trigger_id")
        if self.now() > trigger.expires_at:
            raise RefusalError("expired_trigger_id")
        trigger.used = True
        return trigger

    def _refuse_known_external_id(self, content: Mapping[str, Any]) -> None:
        external_id = content.get("external_id")
        if external_id and self.find("", external_id) is not None:
            raise RefusalError("duplicate_external_id")

    def _new(self, person_id: str, content: Mapping[str, Any], below: View | None = None) -> View:
        view_id = f"V{secrets.token_hex(5).upper()}"
        root_id, previous_id = (below.root_id, below.id) if below else (view_id, None)
        return View(view_id, person_id, _with_block_ids(content), self._hash(), root_id, previous_id)

    def _replaced(self, view: View, content: Mapping[str, Any], view_hash: str) -> View:
        if view_hash and view_hash != view.hash:
            raise RefusalError("hash_conflict")
        shown = _with_block_ids(content)
        kept = {block["block_id"] for block in shown["blocks"]}
        values = {block_id: given for block_id, given in view.values.items() if block_id in kept}
        return self._put(replace(view, content=shown, hash=self._hash(), values=values, errors={}))

    def _put(self, view: View) -> View:
        if self.homes.get(view.person, view).id == view.id and view.content["type"] == "home":
            self.homes[view.person] = view
        else:
            stack = self.stacks.get(view.person, [])
            self.stacks[view.person] = [view if one.id == view.id else one for one in stack]
        self.changed.notify_all()
        return view

    def _hash(self) -> str:
        return f"{int(self.now())}.{secrets.token_hex(4)}"


def view_json(view: View, team_id: str, app_id: str, bot_id: str) -> dict[str, Any]:
    """Return a view as Slack sends it."""
    carried = {name: view.content.get(name) for name in _CARRIED}
    return {
        "id": view.id,
        "team_id": team_id,
        "app_id": app_id,
        "bot_id": bot_id,
        "app_installed_team_id": team_id,
        "type": view.content["type"],
        "blocks": list(view.blocks),
        **carried,
        "callback_id": carried["callback_id"] or "",
        "private_metadata": carried["private_metadata"] or "",
        "external_id": carried["external_id"] or "",
        "clear_on_close": bool(view.content.get("clear_on_close")),
        "notify_on_close": bool(view.content.get("notify_on_close")),
        "hash": view.hash,
        "root_view_id": view.root_id,
        "previous_view_id": view.previous_id,
        "state": {"values": view.values},
    }


def _with_block_ids(content: Mapping[str, Any]) -> dict[str, Any]:
    """Give each block without a block_id one, as Slack does."""
    blocks = [{"block_id": f"b{position}", **block} for position, block in enumerate(content["blocks"])]
    return {**content, "blocks": blocks}
