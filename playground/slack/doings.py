"""What people can do in the workspace, as far as Slack's own client lets them: type, press, choose, submit, look.

Runs in the server's loop; `emulator.Slack` has the same for tests, from any thread.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from playground.slack.app import AppFeatures
from playground.slack.delivery import Ack, Transport
from playground.slack.interactions import Interaction, Interactions
from playground.slack.payloads import Found, elements, escaped, filled, find_element, linked
from playground.slack.surfaces import View
from playground.slack.workspace import BOT_USER_ID, Channel, ChannelKind, Message, Person, Workspace

MENTION = f"<@{BOT_USER_ID}>"
_NOT_INTERACTIVE = "not_configured_for_interactive_responses"

Values = Mapping[str, Any]


class Wire(Protocol):
    """Where payloads go; tests change it while the emulator runs."""

    features: AppFeatures
    transport: Transport


@dataclass
class Doings:
    """Everything a person can do.

    Attributes:
        typed_options: what the app offered last for a select, by person and action_id: nothing else can be chosen.
    """

    workspace: Workspace
    interactions: Interactions
    wire: Wire
    typed_options: dict[tuple[str, str], list[dict[str, Any]]] = field(default_factory=dict)
    _waiting: set["asyncio.Task[None]"] = field(default_factory=set)

    async def command(self, person: Person, channel: Channel, command: str, text: str) -> Interaction:
        """Type a slash command; ValueError where Slack would not even send it."""
        _refuse_outsiders(person, channel)
        if command not in self.wire.features.commands:
            raise ValueError(f"{command} is not a valid command")
        interaction = self.interactions.command(person, channel, command, text)
        await self.interactions.deliver(interaction, self.wire.transport)
        return interaction

    async def say(
        self, person: Person, channel: Channel, text: str, thread_ts: str | None = None
    ) -> Interaction | None:
        """Write a message; the app hears of it in its direct messages and where it is mentioned (`@UYSP`).

        Returns:
            The event, None if the app is not told.
        """
        _refuse_outsiders(person, channel)
        written = linked(escaped(text)).replace("@UYSP", MENTION)
        message = self.workspace.post(channel.id, person.id, written, via="person", thread_ts=thread_ts)
        more: dict[str, Any] = {"text": written, "ts": message.ts}
        if thread_ts is not None:
            more["thread_ts"] = thread_ts
        if channel.kind is ChannelKind.DIRECT:
            return await self._event("message", "message.im", person, channel, channel_type="im", **more)
        if MENTION in written and BOT_USER_ID in channel.members:
            return await self._event("app_mention", "app_mention", person, channel, **more)
        return None

    async def open_home(self, person: Person, tab: str = "home") -> Interaction | None:
        """Open the app's Home or Messages tab; returns the event, None if the app is not told."""
        if tab == "home" and not self.wire.features.has_home:
            raise ValueError("the app has no Home tab")
        channel = self.workspace.direct_message(person.id)
        home = self.workspace.surfaces.homes.get(person.id)
        more = {"view": {"id": home.id, "hash": home.hash}} if home and tab == "home" else {}
        return await self._event("app_home_opened", "app_home_opened", person, channel, tab=tab, **more)

    async def press(self, person: Person, place: Message | View, what: str, block_id: str | None = None) -> Interaction:
        """Press a button, by its action_id or by what stands on it."""
        found = self._found(person, place, what, block_id)
        if found.element["type"] != "button":
            raise ValueError(f"{what} is no button")
        return await self._act(person, place, found, None)

    async def choose(
        self, person: Person, place: Message | View, action_id: str, value: str, block_id: str | None = None
    ) -> Interaction:
        """Choose in a select: an option by its value or label, a conversation or person by id."""
        found = self._found(person, place, action_id, block_id)
        chosen = self._chosen(person, found.element, value)
        if isinstance(place, View):
            place = self._filled(place, {found.element["action_id"]: chosen})
        return await self._act(person, place, found, chosen)

    async def search(
        self, person: Person, place: Message | View, action_id: str, typed: str, block_id: str | None = None
    ) -> Interaction:
        """Type into a select whose options the app gives; `options` of what is returned has them."""
        found = self._found(person, place, action_id, block_id)
        if found.element["type"] not in ("external_select", "multi_external_select"):
            raise ValueError(f"{action_id} is no select whose options the app gives")
        if len(typed) < int(found.element.get("min_query_length", 3)):
            raise ValueError(f"Slack asks from {found.element.get('min_query_length', 3)} characters on")
        interaction = self.interactions.suggestion(person, place, found, typed)
        await self._deliver(interaction)
        self.typed_options[person.id, action_id] = [] if interaction.error else interaction.options
        return interaction

    async def submit(self, person: Person, values: Values) -> Interaction:
        """Fill in the modal that the person has before them (by action_id) and submit it.

        Raises:
            ValueError: there is no modal, it has nothing to submit, or an input that is needed is empty.
        """
        view = self._modal(person)
        if "submit" not in view.content:
            raise ValueError("this modal has nothing to submit")
        chosen = {
            name: self._chosen(person, self._found(person, view, name, None).element, value)
            for name, value in values.items()
        }
        view = self._filled(view, chosen)
        for block in view.blocks:
            inside = view.values.get(str(block["block_id"]), {}).values()
            empty = not any(value for state in inside for name, value in state.items() if name != "type")
            if block["type"] == "input" and not block.get("optional") and empty:
                raise ValueError(f"{block['label']['text']} is required")
        interaction = self.interactions.submission(person, view)
        await self._deliver(interaction)
        return interaction

    async def close(self, person: Person) -> Interaction | None:
        """Close the modal; the app is told only if it asked for that."""
        view = self._modal(person)
        self.workspace.surfaces.close(view)
        if not view.content.get("notify_on_close"):
            return None
        interaction = self.interactions.closing(person, view)
        await self._deliver(interaction)
        return interaction

    async def shortcut(self, person: Person, message: Message, callback_id: str) -> Interaction:
        """Choose a shortcut in a message's menu."""
        if callback_id not in self.wire.features.shortcuts:
            raise ValueError(f"the app has no shortcut {callback_id}")
        self._refuse_unseen(person, message)
        interaction = self.interactions.shortcut(person, self.workspace.channels[message.channel], message, callback_id)
        await self._deliver(interaction)
        return interaction

    async def _event(
        self, name: str, subscription: str, person: Person, channel: Channel, **more: Any
    ) -> Interaction | None:
        if not self.wire.features.hears_of(subscription):
            return None
        interaction = self.interactions.event(name, person, channel, **more)
        await self.interactions.deliver_event(interaction, self.wire.transport)
        return interaction

    async def _act(self, person: Person, place: Message | View, found: Found, value: Any) -> Interaction:
        interaction = self.interactions.action(person, place, found, value)
        await self._deliver(interaction)
        return interaction

    async def _deliver(self, interaction: Interaction) -> None:
        if self.wire.features.is_interactive:
            await self.interactions.deliver(interaction, self.wire.transport)
        else:
            interaction.ack, interaction.acked_after = Ack(error=_NOT_INTERACTIVE), 0.0

    def _found(self, person: Person, place: Message | View, what: str, block_id: str | None) -> Found:
        if isinstance(place, View):
            if place.person != person.id or self.workspace.surfaces.find(place.id) is None:
                raise ValueError(f"{person.name} does not have this view before them")
            return find_element(place.blocks, what, block_id)
        return find_element(self._refuse_unseen(person, place).blocks, what, block_id)

    def _refuse_unseen(self, person: Person, message: Message) -> Message:
        """Return the present state of a message; ValueError if it is not on the person's screen."""
        present = self.workspace.find(message.channel, message.ts)
        if present is None or not self.workspace.can_see(person.id, present):
            raise ValueError(f"{person.name} does not see this message")
        return present

    def _modal(self, person: Person) -> View:
        view = self.workspace.surfaces.modal(person.id)
        if view is None:
            raise ValueError(f"{person.name} has no modal before them")
        return view

    def _chosen(self, person: Person, element: Mapping[str, Any], value: Any) -> Any:
        """Return what an element holds once this value is chosen; options come whole, as Slack sends them."""
        if element["type"] in ("external_select", "multi_external_select"):
            options = self.typed_options.get((person.id, element["action_id"]), [])
            options = [*options, *([element["initial_option"]] if "initial_option" in element else [])]
        elif "options" in element or "option_groups" in element:
            groups = element.get("option_groups") or ()
            options = [*element.get("options", ()), *(one for group in groups for one in group["options"])]
        else:
            return value
        if element["type"] == "checkboxes":
            return [one for one in options if one["value"] in value]
        for option in options:
            if value in (option["value"], option["text"]["text"]):
                return option
        raise ValueError(f"{value!r} is none of the options of {element['action_id']}")

    def _filled(self, view: View, chosen: Values) -> View:
        """Note in the view's state what is filled in: what was there before, what the app suggested, what is new."""
        values = {block_id: dict(states) for block_id, states in view.values.items()}
        for found in elements(view.blocks):
            action_id, element = found.element["action_id"], found.element
            if element["type"] == "button":
                continue
            given = values.setdefault(found.block_id, {})
            if action_id in chosen:
                given[action_id] = filled(element, chosen[action_id])
            else:
                given.setdefault(action_id, filled(element, _initial(element)))
        return self.workspace.surfaces.fill(view, values, {})


def _initial(element: Mapping[str, Any]) -> Any:
    """Return what an element holds before anybody touched it."""
    initial = [value for name, value in element.items() if name.startswith("initial_")]
    return initial[0] if initial else None


def _refuse_outsiders(person: Person, channel: Channel) -> None:
    if person.id not in channel.members:
        raise ValueError(f"{person.name} is not in #{channel.name}")
