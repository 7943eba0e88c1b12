"""The emulator as one HTTP server: Web API, sockets, response_url, chat page; and `running_slack` for tests."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from playground.slack import web_api
from playground.slack.chat_page import chat_routes
from playground.slack.delivery import Ack, Retry, SignedHttp, SocketMode, Transport
from playground.slack.interactions import Interaction, Interactions
from playground.slack.web_api import Credentials, RefusalError
from playground.slack.workspace import Channel, Person, Workspace

ACK_SECONDS = 3.0
Result = TypeVar("Result")


@dataclass
class Fault:
    """A failure on demand, for the next calls of one method (`*`: of all, `response_url`: of response URLs).

    Attributes:
        status: HTTP status; 429 carries Retry-After, 200 carries `error`.
        times: how many calls are still to fail; None: all, until `recover`.
    """

    method: str
    status: int
    error: str
    retry_after: int
    times: int | None


@dataclass(frozen=True)
class ApiCall:
    """One call of the Web API, without its token, and its answer; `at` is seconds of `time.monotonic()`."""

    method: str
    arguments: Mapping[str, Any]
    status: int
    answer: Mapping[str, Any]
    at: float


@dataclass(eq=False, repr=False)
class Slack:
    """A running emulator, as tests and the demo hold it; call its methods from any thread but the server's."""

    url: str
    credentials: Credentials
    commands: tuple[str, ...]
    workspace: Workspace
    interactions: Interactions
    sockets: SocketMode
    transport: Transport
    calls: list[ApiCall] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    loop: asyncio.AbstractEventLoop | None = None

    @property
    def api_url(self) -> str:
        """Return the base URL of the Web API, with its closing slash."""
        return f"{self.url}/api/"

    @property
    def bot_token(self) -> str:
        """Return the bot token (xoxb-)."""
        return self.credentials.bot_token

    @property
    def app_token(self) -> str:
        """Return the app-level token (xapp-)."""
        return self.credentials.app_token

    @property
    def signing_secret(self) -> str:
        """Return the secret that requests over HTTP are signed with."""
        return self.credentials.signing_secret

    def deliver_over_http(self, app_url: str) -> None:
        """Send payloads as signed HTTP to this URL from now on; Slack sends nothing over sockets then."""
        self.transport = SignedHttp(app_url, self.signing_secret, self.sockets.deadline)

    def deliver_over_sockets(self) -> None:
        """Send payloads over Socket Mode from now on."""
        self.transport = self.sockets

    def wait_for_connections(self, count: int = 1, timeout: float = 10.0) -> None:
        """Wait until the app holds `count` connections; TimeoutError if it does not."""
        ends = time.monotonic() + timeout
        while self.sockets.connected != count:
            if time.monotonic() > ends:
                raise TimeoutError(f"{self.sockets.connected} connections after {timeout} s, not {count}")
            time.sleep(0.01)

    def command(self, user: str, text: str, channel: str | None = None, command: str = "/uysp") -> Interaction:
        """Let a person type a command; return once it is acknowledged or Slack gave up waiting.

        Args:
            user: id or short name of the person.
            text: what follows the command.
            channel: id or name; None: the first conversation the person is in.
            command: the command with its slash.

        Raises:
            KeyError: no such person or conversation.
            ValueError: the person is not in it, or the app has no such command.
        """
        person = self.workspace.person(user)
        place = self.workspace.channels_of(person.id)[0] if channel is None else self.workspace.channel(channel)
        return self._run(self.type_command(person, place, command, text))

    async def type_command(self, person: Person, channel: Channel, command: str, text: str) -> Interaction:
        """Do what `command` does, within the server's own loop."""
        if person.id not in channel.members:
            raise ValueError(f"{person.name} is not in #{channel.name}")
        if command not in self.commands:
            raise ValueError(f"{command} is not a valid command")
        interaction = self.interactions.command(person, channel, command, text)
        await self.interactions.deliver(interaction, self.transport)
        return interaction

    def redeliver(self, interaction: Interaction, *, new_envelope: bool = False) -> Ack:
        """Hand the same payload to the app once more, marked as a retry, under the same or a new envelope id."""
        envelope_id = None if new_envelope else interaction.envelope_id
        retry = Retry(attempt=1, reason="timeout", envelope_id=envelope_id)
        return self._run(self.interactions.deliver(interaction, self.transport, retry))

    def renew_sockets(self, reason: str = "refresh_requested") -> None:
        """Ask the app to open new connections, as Slack does every few hours, then close the old ones.

        Args:
            reason: `refresh_requested`, `warning` or `link_disabled`.
        """
        self._run(self.sockets.renew(reason))

    def drop_sockets(self) -> None:
        """Close every connection without a warning."""
        self._run(self.sockets.drop())

    def fail(
        self,
        method: str,
        *,
        status: int = 200,
        error: str = "fatal_error",
        retry_after: int = 1,
        times: int | None = None,
    ) -> None:
        """Let calls of a method fail; see `Fault`."""
        self.faults.append(Fault(method, status, "ratelimited" if status == 429 else error, retry_after, times))

    def recover(self) -> None:
        """End all failures on demand."""
        self.faults.clear()

    def take_fault(self, method: str) -> Fault | None:
        """Return the failure that the present call of a method is to meet, if any."""
        for fault in self.faults:
            if fault.method in (method, "*") and fault.times != 0:
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    def _run(self, work: Coroutine[Any, Any, Result]) -> Result:
        if self.loop is None:
            raise RuntimeError("the emulator does not run")
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()


@contextlib.contextmanager
def running_slack(
    *,
    port: int = 0,
    app_url: str | None = None,
    credentials: Credentials | None = None,
    commands: tuple[str, ...] = ("/uysp",),
    ack_seconds: float = ACK_SECONDS,
) -> Iterator[Slack]:
    """Run the emulator on 127.0.0.1 in a thread of its own.

    Args:
        port: 0: any free one.
        app_url: request URL of an app that takes signed HTTP; None: Socket Mode. Can be changed while it runs.
        credentials: tokens, secret and scopes of the app; None: the fixed ones of the demo.
        commands: the slash commands of the app.
        ack_seconds: how long Slack waits for an acknowledgement.

    Raises:
        OSError: the port is taken.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        slack = _new_slack(
            f"http://127.0.0.1:{listener.getsockname()[1]}", credentials or Credentials(), commands, ack_seconds
        )
        if app_url is not None:
            slack.deliver_over_http(app_url)
        config = uvicorn.Config(
            _application(slack),
            log_level="warning",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=_serve, args=(server, listener, slack), name="slack-emulator", daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            time.sleep(0.005)
        try:
            yield slack
        finally:
            server.should_exit = True
            thread.join()
    finally:
        listener.close()


def _serve(server: uvicorn.Server, listener: socket.socket, slack: Slack) -> None:
    async def serve() -> None:
        slack.loop = asyncio.get_running_loop()
        await server.serve(sockets=[listener])

    asyncio.run(serve())


def _new_slack(url: str, credentials: Credentials, commands: tuple[str, ...], ack_seconds: float) -> Slack:
    workspace, sockets = Workspace(), SocketMode(ack_seconds)
    interactions = Interactions(workspace, url)
    return Slack(url, credentials, commands, workspace, interactions, sockets, sockets)


def _application(slack: Slack) -> Starlette:
    async def api(request: Request) -> Response:
        name, arguments = request.path_params["method"], await _arguments(request)
        header = request.headers.get("authorization", "")
        token = header.removeprefix("Bearer ").strip() if header.startswith("Bearer ") else None
        status, answer, headers = _answer(slack, name, arguments, token)
        shown = {key: value for key, value in arguments.items() if key != "token"}
        slack.calls.append(ApiCall(name, shown, status, answer, time.monotonic()))
        return JSONResponse(answer, status, headers)

    async def response_url(request: Request) -> Response:
        fault = slack.take_fault("response_url")
        if fault is not None:
            return PlainTextResponse(fault.error, fault.status, {"Retry-After": str(fault.retry_after)})
        try:
            slack.interactions.respond(request.path_params["secret"], await _arguments(request))
        except RefusalError as refusal:
            gone = refusal.answer["error"] in {"used_url", "expired_url", "invalid_url"}
            return JSONResponse(refusal.answer, 404 if gone else 400)
        return PlainTextResponse("ok")

    routes = [
        Route("/api/{method}", api, methods=["GET", "POST"]),
        Route("/commands/{number}/{secret}", response_url, methods=["POST"]),
        WebSocketRoute("/link", slack.sockets.serve),
        *chat_routes(slack),
        Mount("/", StaticFiles(directory=Path(__file__).parent / "web", html=True)),
    ]
    return Starlette(routes=routes)


def _answer(
    slack: Slack, name: str, arguments: dict[str, Any], token: str | None
) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Return status, body and headers of a call's answer."""
    fault = slack.take_fault(name)
    if fault is not None:
        headers = {"Retry-After": str(fault.retry_after)} if fault.status == 429 else {}
        return fault.status, {"ok": False, "error": fault.error}, headers
    try:
        answer = web_api.call(slack.workspace, slack.credentials, name, arguments, header_token=token)
    except RefusalError as refusal:
        return 200, refusal.answer, {}
    if name == "apps.connections.open":
        ticket = answer.pop("ticket")
        slack.sockets.tickets.add(ticket)
        answer["url"] = f"{slack.url.replace('http', 'ws', 1)}/link?ticket={ticket}"
    return 200, answer, {}


async def _arguments(request: Request) -> dict[str, Any]:
    """Return the arguments of a call, from its address and from its body, a form or JSON."""
    arguments: dict[str, Any] = dict(request.query_params)
    body = (await request.body()).decode(errors="replace")
    if "json" in request.headers.get("content-type", ""):
        with contextlib.suppress(ValueError):
            given = json.loads(body)
            arguments |= given if isinstance(given, dict) else {}
    else:
        arguments |= dict(parse_qsl(body, keep_blank_values=True))
    return arguments
