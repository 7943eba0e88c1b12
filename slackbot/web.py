"""The bot's HTTP server: /healthz always, /slack/events where Slack delivers over HTTP."""

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from slack_bolt import App, BoltRequest
from slack_bolt.adapter.starlette.handler import to_starlette_response
from slack_sdk.signature import SignatureVerifier
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from slackbot.health import Health
from uysp.errors import ConfigurationError

HOST = "127.0.0.1"  # a proxy on the same machine, or the container's port mapping, makes it reachable on purpose
LARGEST_BODY = 1_000_000  # bytes; Slack's payloads are far smaller
_TIMESTAMP = re.compile("[0-9]{1,12}")


def http_app(health: Callable[[], Health], bolt: App | None, signing_secret: str = "") -> Starlette:
    """Return the routes; without a Bolt app only /healthz.

    Args:
        health: what /healthz tells.
        bolt: what takes Slack's requests.
        signing_secret: with which Slack signs them.
    """
    signatures = SignatureVerifier(signing_secret) if signing_secret else None

    async def healthz(_request: Request) -> Response:
        now = await run_in_threadpool(health)
        return JSONResponse({"slack": now.slack, "database": now.database}, 200 if now.slack and now.database else 503)

    async def events(request: Request) -> Response:
        assert bolt is not None  # noqa: S101 (the route exists only then)
        timestamp = request.headers.get("x-slack-request-timestamp", "")
        signature = request.headers.get("x-slack-signature", "")
        if not (_TIMESTAMP.fullmatch(timestamp) and signature.isascii()):  # the SDK would raise
            return PlainTextResponse("invalid request", 401)
        body = await _body(request)
        if body is None:
            return PlainTextResponse("too large", 413)
        # Before Bolt, which reads the body first and raises over one that Slack would not send.
        if signatures is None or not signatures.is_valid(body, timestamp, signature):
            return PlainTextResponse("invalid request", 401)
        said = BoltRequest(body=body, query=str(request.query_params), headers=dict(request.headers))
        return to_starlette_response(await run_in_threadpool(bolt.dispatch, said))

    routes = [Route("/healthz", healthz)]
    if bolt is not None:
        routes.append(Route("/slack/events", events, methods=["POST"]))
    return Starlette(routes=routes)


@contextmanager
def serving(app: Starlette, port: int) -> Iterator[int]:
    """Serve on this machine in a thread of its own until the block ends; yields the port.

    Args:
        app: what is served.
        port: 0 for any free one.

    Raises:
        ConfigurationError: the port is taken or not ours to take.
    """
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"Port {port} cannot be used ({error.strerror}); set PORT to a free one, or stop what uses it."
        ) from None
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=5)
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="http", daemon=True)
    thread.start()
    try:
        while thread.is_alive() and not server.started:
            time.sleep(0.01)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


async def _body(request: Request) -> str | None:
    """Return the body, None if it is larger than anything Slack sends."""
    received = bytearray()
    async for chunk in request.stream():
        received += chunk
        if len(received) > LARGEST_BODY:
            return None
    return received.decode(errors="replace")
