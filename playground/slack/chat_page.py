"""What the chat page in the browser asks the emulator for: who there is, what a person sees, and typing a command."""

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from playground.slack.workspace import BOT_USER_ID, Message, PersonKind, Workspace

if TYPE_CHECKING:
    from playground.slack.server import Slack


def chat_routes(slack: "Slack") -> list[Route]:
    """Return the routes under /chat/."""

    async def people(_request: Request) -> JSONResponse:
        shown = [_person_json(slack.workspace, person_id) for person_id in slack.workspace.people]
        return JSONResponse({"commands": slack.commands, "people": [one for one in shown if one is not None]})

    async def screen(request: Request) -> JSONResponse:
        """Return a screen, or only its place if nothing is newer than the `place` the page has."""
        query, place = request.query_params, len(slack.workspace.states)
        if query.get("place") == str(place):
            return JSONResponse({"place": place})
        messages = [
            _message_json(slack.workspace, one) for one in slack.workspace.screen(query["person"], query["channel"])
        ]
        return JSONResponse({"place": place, "messages": messages})

    async def say(request: Request) -> JSONResponse:
        said = await request.json()
        command, _, text = str(said["text"]).strip().partition(" ")
        try:
            person, channel = slack.workspace.person(said["person"]), slack.workspace.channel(said["channel"])
            interaction = await slack.type_command(person, channel, command, text)
        except (KeyError, ValueError) as error:
            return JSONResponse({"error": str(error.args[0])}, 400)
        return JSONResponse({"error": interaction.error, "acked_after": interaction.acked_after})

    return [
        Route("/chat/people", people),
        Route("/chat/screen", screen),
        Route("/chat/say", say, methods=["POST"]),
    ]


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
    return {
        "ts": message.ts,
        "author": author.real_name if author else "Slack",
        "is_app": message.author == BOT_USER_ID,
        "ephemeral": message.only_for is not None,
        "edited": message.edited,
        "text": message.text,
        "blocks": message.blocks,
    }
