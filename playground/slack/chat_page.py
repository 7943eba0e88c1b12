"""What the chat page in the browser asks the emulator for: who there is, what a person sees, and all that they do."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from playground.slack.doings import MENTION
from playground.slack.interactions import Interaction
from playground.slack.surfaces import View
from playground.slack.workspace import BOT_USER_ID, Message, Person, PersonKind, Workspace

if TYPE_CHECKING:
    from playground.slack.emulator import Slack

Asked = Mapping[str, Any]
_Endpoint = Callable[[Request], Awaitable[Response]]


def chat_routes(slack: "Slack") -> list[Route]:
    """Return the routes under /chat/."""
    page = _Page(slack)
    doable = {
        "say": page.say,
        "act": page.act,
        "search": page.search,
        "submit": page.submit,
        "close": page.close,
        "home": page.home,
        "shortcut": page.shortcut,
    }
    return [
        Route("/chat/people", page.people),
        Route("/chat/screen", page.screen),
        Route("/chat/files/{file_id}", page.download),
        *(Route(f"/chat/{name}", page.done(what), methods=["POST"]) for name, what in doable.items()),
    ]


class _Page:
    """What the page asks for, for whoever sits in front of it."""

    def __init__(self, slack: "Slack") -> None:
        self._slack = slack
        self._workspace = slack.workspace
        self._doings = slack.doings

    async def people(self, _request: Request) -> Response:
        shown = [_person_json(self._workspace, person_id) for person_id in self._workspace.people]
        features = {"commands": self._slack.features.commands, "shortcuts": dict(self._slack.features.shortcuts)}
        return JSONResponse({**features, "people": [one for one in shown if one is not None]})

    async def screen(self, request: Request) -> Response:
        """Return a screen, or only its place if nothing is newer than the `place` the page has."""
        query, workspace = request.query_params, self._workspace
        modal, home = workspace.surfaces.modal(query["person"]), workspace.surfaces.homes.get(query["person"])
        shown = [*((modal.id, modal.hash, dict(modal.errors)) if modal else ()), home.hash if home else ""]
        place = hashlib.sha256(json.dumps([len(workspace.states), *shown]).encode()).hexdigest()
        if query.get("place") == place:
            return JSONResponse({"place": place})
        messages = [_message_json(workspace, one) for one in workspace.screen(query["person"], query["channel"])]
        views = {"modal": _view_json(modal), "home": _view_json(home)}
        return JSONResponse({"place": place, "messages": messages, **views})

    async def say(self, person: Person, asked: Asked) -> Interaction | None:
        text, channel = str(asked["text"]).strip(), self._workspace.channel(str(asked["channel"]))
        if text.startswith("/"):
            command, _, rest = text.partition(" ")
            return await self._doings.command(person, channel, command, rest)
        return await self._doings.say(person, channel, text)

    async def act(self, person: Person, asked: Asked) -> Interaction:
        place, what = _place(self._workspace, person, asked), str(asked["action_id"])
        if "value" in asked:
            return await self._doings.choose(person, place, what, str(asked["value"]), asked["block_id"])
        return await self._doings.press(person, place, what, asked["block_id"])

    async def search(self, person: Person, asked: Asked) -> Interaction:
        place, typed = _place(self._workspace, person, asked), str(asked["typed"])
        return await self._doings.search(person, place, str(asked["action_id"]), typed, asked["block_id"])

    async def submit(self, person: Person, asked: Asked) -> Interaction:
        return await self._doings.submit(person, asked["values"])

    async def close(self, person: Person, _asked: Asked) -> Interaction | None:
        return await self._doings.close(person)

    async def home(self, person: Person, _asked: Asked) -> Interaction | None:
        return await self._doings.open_home(person)

    async def shortcut(self, person: Person, asked: Asked) -> Interaction:
        message = _place(self._workspace, person, asked)
        if not isinstance(message, Message):
            raise ValueError("a shortcut belongs to a message")  # noqa: TRY004 (said to the person)
        return await self._doings.shortcut(person, message, str(asked["callback_id"]))

    async def download(self, request: Request) -> Response:
        file = self._workspace.files.by_id.get(request.path_params["file_id"])
        if file is None or file.content is None:
            return JSONResponse({"error": "no such file"}, 404)
        headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(file.name)}"}
        return Response(file.content, media_type="application/octet-stream", headers=headers)

    def done(self, what: Callable[[Person, Asked], Awaitable[Interaction | None]]) -> _Endpoint:
        """Return an endpoint that does something and tells what came of it."""

        async def endpoint(request: Request) -> Response:
            asked = await request.json()
            try:
                interaction = await what(self._workspace.person(asked["person"]), asked)
            except (KeyError, ValueError) as error:
                return JSONResponse({"error": str(error.args[0])}, 400)
            if interaction is None:
                return JSONResponse({"error": None, "acked_after": None})
            said = {"error": interaction.error, "acked_after": interaction.acked_after}
            return JSONResponse({**said, "options": interaction.options})

        return endpoint


def _place(workspace: Workspace, person: Person, asked: Asked) -> Message | View:
    """Return the message or view that something is done in."""
    if asked.get("view"):
        view = workspace.surfaces.find(str(asked["view"]))
        if view is None or view.person != person.id:
            raise ValueError("this view is gone")
        return view
    message = workspace.find(str(asked["channel"]), str(asked["ts"]))
    if message is None:
        raise ValueError("this message is gone")
    return message


def _person_json(workspace: Workspace, person_id: str) -> dict[str, Any] | None:
    """Return a person with their conversations, None for accounts that nobody sits in front of."""
    person = workspace.people[person_id]
    if person.kind in (PersonKind.BOT, PersonKind.DEACTIVATED):
        return None
    channels = [
        {"id": channel.id, "name": "UYSP (direct message)" if channel.id.startswith("D") else f"#{channel.name}"}
        | {"kind": channel.kind}
        for channel in workspace.channels_of(person_id)
    ]
    return {"id": person.id, "name": person.real_name, "kind": person.kind, "channels": channels}


def _message_json(workspace: Workspace, message: Message) -> dict[str, Any]:
    author = workspace.people.get(message.author)
    files = [workspace.files.by_id[file_id] for file_id in message.files]
    return {
        "ts": message.ts,
        "channel": message.channel,
        "author": author.real_name if author else "Slack",
        "is_app": message.author == BOT_USER_ID,
        "ephemeral": message.only_for is not None,
        "edited": message.edited,
        "text": message.text.replace(MENTION, "@UYSP"),
        "blocks": message.blocks,
        "files": [{"id": file.id, "name": file.name, "title": file.title, "size": file.length} for file in files],
    }


def _view_json(view: View | None) -> dict[str, Any] | None:
    if view is None:
        return None
    labels = {name: (view.content.get(name) or {}).get("text") for name in ("title", "submit", "close")}
    return {"id": view.id, "blocks": list(view.blocks), "errors": dict(view.errors), **labels}
