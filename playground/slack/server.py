"""The emulator as one HTTP server: Web API, sockets, response_url, chat page; and `running_slack` for tests."""

import asyncio
import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles

from playground.slack import web_api
from playground.slack.app import AppFeatures
from playground.slack.chat_page import chat_routes
from playground.slack.delivery import SocketMode
from playground.slack.emulator import ApiCall, Slack
from playground.slack.interactions import Interactions
from playground.slack.refusal import RefusalError
from playground.slack.web_api import Credentials
from playground.slack.workspace import Workspace

__all__ = ["Slack", "running_slack"]

ACK_SECONDS = 3.0


@contextlib.contextmanager
def running_slack(
    *,
    port: int = 0,
    app_url: str | None = None,
    credentials: Credentials | None = None,
    commands: tuple[str, ...] | None = None,
    features: AppFeatures | None = None,
    ack_seconds: float = ACK_SECONDS,
) -> Iterator[Slack]:
    """Run the emulator on 127.0.0.1 in a thread of its own.

    Args:
        port: 0: any free one.
        app_url: request URL of an app that takes signed HTTP; None: Socket Mode. Can be changed while it runs.
        credentials: tokens, secret and scopes of the app; None: the fixed ones of the demo.
        commands: the slash commands of the app, instead of those in `features`.
        features: what the app's manifest declares; None: /uysp, every event, a Home tab, no look at scopes.
        ack_seconds: how long Slack waits for an acknowledgement.

    Raises:
        OSError: the port is taken.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        declared = features or AppFeatures()
        if commands is not None:
            declared = replace(declared, commands=commands)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        slack = _new_slack(url, credentials or Credentials(), declared, ack_seconds)
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


def _new_slack(url: str, credentials: Credentials, features: AppFeatures, ack_seconds: float) -> Slack:
    workspace, sockets = Workspace(), SocketMode(ack_seconds)
    interactions = Interactions(workspace, url)
    scopes = features.scopes if credentials.scopes is None else credentials.scopes
    granted, declared = replace(credentials, scopes=scopes), replace(features, scopes=scopes)
    return Slack(url, granted, declared, workspace, interactions, sockets, sockets)


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

    async def upload(request: Request) -> Response:
        file_id, secret = request.path_params["file_id"], request.path_params["secret"]
        content = await request.body()
        if not slack.workspace.files.take(file_id, secret, content):
            return PlainTextResponse("invalid upload", 400)
        return PlainTextResponse(f"OK - {len(content)}")

    routes = [
        Route("/api/{method}", api, methods=["GET", "POST"]),
        Route("/response/{kind}/{secret}", response_url, methods=["POST"]),
        Route("/upload/{file_id}/{secret}", upload, methods=["POST"]),
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
    if name == "files.getUploadURLExternal":
        answer["upload_url"] = f"{slack.url}{answer.pop('path')}"
    if name == "apps.connections.open":
        ticket = answer.pop("ticket")
        slack.sockets.tickets.add(ticket)
        answer["url"] = f"{slack.url.replace('http', 'ws', 1)}/link?ticket={ticket}"
    scopes = slack.credentials.scopes
    return 200, answer, {} if scopes is None else {"X-OAuth-Scopes": ",".join(sorted(scopes))}


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
