"""Serves the emulator over HTTP: as an application, in a thread for tests, or in a process of its own."""

import asyncio
import socket
import threading
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Any

import orjson
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from playground.airtable import api, control, errors
from playground.airtable.behaviour import Behaviour
from playground.airtable.emulation import Emulation, RequestSeen
from playground.airtable.faults import Fault
from playground.airtable.moments import wire_time
from playground.airtable.store import Store
from playground.airtable.tokens import Token
from playground.airtable.webhooks import Hook

_METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE"]
_FASTEST = 1  # of zlib's levels; most of a page's time would go into the others
_WORTH_COMPRESSING = 256  # bytes
_START_SECONDS = 10

_NO_FAULT = Fault()

_connections: dict[tuple[Any, Any], asyncio.Transport] = {}


class CuttableProtocol(HttpToolsProtocol):
    """uvicorn's HTTP, with its connections in reach, so that a fault can cut one."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Keep the transport by both its addresses."""
        super().connection_made(transport)
        _connections[self.client, self.server] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the transport."""
        _connections.pop((self.client, self.server), None)
        super().connection_lost(exc)


def create_app(store: Store, behaviour: Behaviour | None = None) -> Starlette:
    """Return the emulator as an ASGI application; its state is at `app.state.emulation`."""
    app = Starlette(
        routes=[
            Mount("/_emulator", routes=control.routes),
            Route("/{path:path}", _answer, methods=_METHODS),
        ]
    )
    app.state.emulation = Emulation(store, behaviour or Behaviour())
    return app


@dataclass(frozen=True)
class Emulator:
    """A running emulator.

    Attributes:
        url: its address, what Airtable's is for a client: `Api(token, endpoint_url=url)`.
        state: everything behind it; may be changed while it runs.
    """

    url: str
    state: Emulation = field(repr=False)  # all bases with all records

    @property
    def store(self) -> Store:
        """The bases."""
        return self.state.store

    @property
    def behaviour(self) -> Behaviour:
        """The switches."""
        return self.state.behaviour

    @property
    def requests(self) -> list[RequestSeen]:
        """The requests so far, the oldest first."""
        return list(self.state.requests)

    @property
    def writes(self) -> list[dict[str, Any]]:
        """What was written so far, a row per record."""
        return self.state.writes()

    def fail(self, **fault: Any) -> Fault:
        """Make requests fail; the arguments are those of `Fault`."""
        added = Fault(**fault)
        self.state.faults.append(added)
        return added

    def heal(self) -> None:
        """Let no request fail any longer."""
        self.state.faults.clear()

    def kill_iterators(self) -> None:
        """Forget every list that a client is in the middle of."""
        self.state.iterators.kill()

    def revoke(self, token: str) -> None:
        """Make a token invalid."""
        if self.store.tokens is not None:
            self.store.tokens[token].is_revoked = True

    def hooks(self, base_id: str) -> list[Hook]:
        """Return the webhooks of a base."""
        return list(self.state.webhooks.hooks.get(base_id, {}).values())

    def restore(self, base_id: str, table: str, record_id: str) -> None:
        """Bring a deleted record back from the trash."""
        self.store.restore(base_id, table, [record_id])

    def hide_from_listings(self, record_ids: Iterable[str]) -> None:
        """Let lists pass over these records (only these), unless they are asked for by id."""
        self.state.hidden = set(record_ids)

    def advance(self, seconds: float) -> None:
        """Let time pass on the emulator's clock."""
        self.store.clock.advance(seconds)


@contextmanager
def running_emulator(
    store: Store, behaviour: Behaviour | None = None, port: int = 0, host: str = "127.0.0.1"
) -> Iterator[Emulator]:
    """Serve a store from a thread.

    Args:
        store: the bases; not closed here.
        behaviour: the switches.
        port: 0 takes a free one.
        host: address to listen on.

    Raises:
        OSError: the port is in use.
    """
    app = create_app(store, behaviour)
    with bound_socket(host, port) as listening:
        server = uvicorn.Server(server_configuration(app))
        thread = threading.Thread(target=server.run, args=([listening],), name="airtable-emulator", daemon=True)
        thread.start()
        try:
            # Its socket listens already: whoever calls before the loop runs is answered a little later.
            yield Emulator("http://{}:{}".format(*listening.getsockname()[:2]), app.state.emulation)
        finally:
            server.should_exit = True
            thread.join(_START_SECONDS)
            app.state.emulation.close()


def bound_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens there.

    Raises:
        OSError: the port is in use.
    """
    return socket.create_server((host, port), backlog=128)


def server_configuration(app: Starlette) -> uvicorn.Config:
    """Return how uvicorn serves the emulator: quietly, and without headers that Airtable does not send."""
    return uvicorn.Config(
        app,
        http=CuttableProtocol,
        log_level="critical",
        access_log=False,
        lifespan="off",
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=1,
    )


async def _answer(request: Request) -> Response:
    emulation: Emulation = request.app.state.emulation
    call = api.Call(
        request.method,
        request.scope["raw_path"].decode("ascii"),
        request.url.query,
        request.headers.get("authorization", ""),
        await request.body(),
    )
    fault = _fault(emulation, call)
    await asyncio.sleep(fault.latency)
    status, body, headers = (None, b"", {}) if fault.drop == "before" else await _carry_out(emulation, call, fault)
    is_cut = fault.drop is not None
    now = emulation.store.clock.now()
    emulation.requests.append(
        RequestSeen(wire_time(now), call.method, call.raw_path, call.base_id, None if is_cut else status)
    )
    if is_cut or status is None:
        return await _cut(request)
    headers = {
        "content-type": "application/json; charset=utf-8",
        "vary": "Accept-Encoding",
        "date": format_datetime(now, usegmt=True),
        **headers,
    }
    if fault.body == "truncated":
        return _Truncated(body[: len(body) // 2], status, {**headers, "content-length": str(len(body))})
    if fault.body == "malformed":
        body = body[: len(body) // 2]
    if len(body) >= _WORTH_COMPRESSING and "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        headers["airtable-uncompressed-content-length"] = str(len(body))
        body = zlib.compress(body, _FASTEST, wbits=31)
    return Response(body, status, headers)


async def _carry_out(emulation: Emulation, call: api.Call, fault: Fault) -> tuple[int, bytes, dict[str, str]]:
    """Do what a call asks for, in a thread: the limits count the calls that come meanwhile when they come."""
    try:
        refused = fault.refusal(emulation.behaviour)
        if refused is not None:
            raise refused
        token = api.admitted(emulation, call)
        return 200, await asyncio.to_thread(_answer_alone, emulation, call, token), {}
    except errors.Refusal as refusal:
        return refusal.status, orjson.dumps(refusal.body), refusal.headers


def _answer_alone(emulation: Emulation, call: api.Call, token: Token) -> bytes:
    with emulation.store.lock:
        emulation.store.source = "publicApi"
        try:
            return api.answer(emulation, call, token)
        finally:
            emulation.store.source = "client"


def _fault(emulation: Emulation, call: api.Call) -> Fault:
    if not emulation.faults:
        return _NO_FAULT
    page = emulation.iterators.page_number(call.offset()) if call.is_list else None
    return next((f for f in emulation.faults if f.applies(call.method, call.raw_path, page)), _NO_FAULT)


async def _cut(request: Request) -> Response:
    _connections[request.client, request.scope["server"]].abort()
    await request.receive()  # until the server has noticed, so that it does not send what follows
    return Response()


class _Truncated(Response):
    """An answer that promises more than it holds, and then the connection is closed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        _connections[scope["client"], scope["server"]].close()
        await receive()
