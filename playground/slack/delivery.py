"""How an app hears of what people do, and how it answers: Socket Mode, signed HTTP, and response_url.

Both transports have one shape: `deliver(kind, payload, ...)` hands a payload over and returns the `Ack`.
"""

import asyncio
import contextlib
import hashlib
import hmac
import http.client
import json
import random
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

from starlette.websockets import WebSocket, WebSocketDisconnect

from playground.slack.workspace import APP_ID

MOST_CONNECTIONS = 10
OPERATION_TIMEOUT = "operation_timeout"
RENEWAL_SECONDS = 10.0  # from the announcement to the end, as Slack has it
DISPATCH_FAILED = "dispatch_failed"


@dataclass(frozen=True)
class Ack:
    """What the app answered at once.

    Attributes:
        content: the message in the acknowledgement ({} if it carried none).
        error: what Slack tells the person instead, `operation_timeout` or `dispatch_failed`; None if acknowledged.
        no_retry: the app asked not to be sent this event again (`x-slack-no-retry: 1`).
    """

    content: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None
    no_retry: bool = False


@dataclass(frozen=True)
class Retry:
    """Marks a payload as handed over before; `envelope_id` None: under a new one."""

    attempt: int
    reason: str
    envelope_id: str | None


class Transport(Protocol):
    """A way to an app."""

    async def deliver(self, kind: str, payload: Mapping[str, Any], envelope_id: str, retry: Retry | None) -> Ack:
        """Hand a payload over and wait for its acknowledgement, at most until the deadline."""


class SocketMode:
    """WebSocket connections that the app opened; each payload goes to one of them, chosen at random."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.tickets: set[str] = set()
        self._connections: list[WebSocket] = []
        self._waiting: dict[str, asyncio.Future[Mapping[str, Any]]] = {}

    @property
    def connected(self) -> int:
        """Return how many connections are open."""
        return len(self._connections)

    async def serve(self, socket: WebSocket) -> None:
        """Keep one connection from its greeting to its end."""
        ticket = socket.query_params.get("ticket", "")
        if ticket not in self.tickets:
            await socket.close(4403)
            return
        self.tickets.discard(ticket)
        await socket.accept()
        if len(self._connections) >= MOST_CONNECTIONS:
            await socket.send_json({"type": "disconnect", "reason": "too_many_websockets", "debug_info": {}})
            await socket.close()
            return
        self._connections.append(socket)
        try:
            await socket.send_json(self._hello())
            while True:
                self._take(await socket.receive_text())
        except WebSocketDisconnect:
            pass
        finally:
            with contextlib.suppress(ValueError):
                self._connections.remove(socket)

    def _hello(self) -> dict[str, Any]:
        debug = {"host": "playground", "approximate_connection_time": 3600}
        information = {"app_id": APP_ID}
        return {
            "type": "hello",
            "num_connections": len(self._connections),
            "connection_info": information,
            "debug_info": debug,
        }

    def _take(self, frame: str) -> None:
        """Match an acknowledgement with what waits for it; one that comes too late is ignored."""
        with contextlib.suppress(ValueError, AttributeError):
            said = json.loads(frame)
            waiting = self._waiting.pop(said.get("envelope_id"), None)
            if waiting is not None and not waiting.done():
                waiting.set_result(said.get("payload") or {})

    async def deliver(self, kind: str, payload: Mapping[str, Any], envelope_id: str, retry: Retry | None) -> Ack:
        """Send an envelope to one connection; `dispatch_failed` where there is none."""
        if not self._connections:
            return Ack(error=DISPATCH_FAILED)
        envelope: dict[str, Any] = {
            "envelope_id": envelope_id,
            "type": kind,
            "payload": payload,
            "accepts_response_payload": kind != "events_api",
        }
        if retry is not None:
            envelope |= {"retry_attempt": retry.attempt, "retry_reason": retry.reason}
        answer: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = answer
        try:
            await random.choice(self._connections).send_json(envelope)
            return Ack(await asyncio.wait_for(answer, self.deadline))
        except (TimeoutError, WebSocketDisconnect, RuntimeError):  # RuntimeError: the socket closed meanwhile
            return Ack(error=OPERATION_TIMEOUT)
        finally:
            self._waiting.pop(envelope_id, None)

    async def renew(self, reason: str) -> None:
        """Announce the end of all connections, give the app a moment to open its own, then close the old ones."""
        old = list(self._connections)
        for socket in old:
            await socket.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": "playground"}})
        ends = time.monotonic() + RENEWAL_SECONDS
        while all(socket in old for socket in self._connections) and time.monotonic() < ends:
            await asyncio.sleep(0.02)
        for socket in old:
            await self._close(socket, 1000)

    async def _close(self, socket: WebSocket, code: int) -> None:
        if socket in self._connections:
            self._connections.remove(socket)
            with contextlib.suppress(RuntimeError):
                await socket.close(code)

    async def drop(self) -> None:
        """Close every connection without a warning."""
        for socket in list(self._connections):
            await self._close(socket, 1011)


class SignedHttp:
    """Signed POST requests to the app's request URL; https://docs.slack.dev, verifying requests from Slack."""

    def __init__(self, url: str, signing_secret: str, deadline: float) -> None:
        self.url = url
        self.deadline = deadline
        self._secret = signing_secret
        self._threads = ThreadPoolExecutor(64, thread_name_prefix="slack-delivery")

    async def deliver(self, kind: str, payload: Mapping[str, Any], envelope_id: str, retry: Retry | None) -> Ack:
        """Post a payload: commands as form fields, interactions as one field `payload`, events as JSON."""
        del envelope_id  # HTTP has none
        if kind == "slash_commands":
            content_type, body = "application/x-www-form-urlencoded", urlencode(payload)
        elif kind == "interactive":
            content_type, body = "application/x-www-form-urlencoded", urlencode({"payload": json.dumps(payload)})
        else:
            content_type, body = "application/json", json.dumps(payload)
        timestamp = str(int(time.time()))  # not the workspace's clock: the app judges it by its own
        headers = {
            "Content-Type": content_type,
            "User-Agent": "Slackbot 1.0 (playground)",
            "X-Slack-Request-Timestamp": timestamp,
            "X-Slack-Signature": signature(self._secret, timestamp, body.encode()),
        }
        if retry is not None:
            headers |= {"X-Slack-Retry-Num": str(retry.attempt), "X-Slack-Retry-Reason": retry.reason}
        sending = asyncio.get_running_loop().run_in_executor(self._threads, self._post, body.encode(), headers)
        try:
            return await asyncio.wait_for(sending, self.deadline)
        except TimeoutError:
            return Ack(error=OPERATION_TIMEOUT)
        except (OSError, http.client.HTTPException):
            return Ack(error=DISPATCH_FAILED)

    def _post(self, body: bytes, headers: dict[str, str]) -> Ack:
        address = urlsplit(self.url)
        connection = http.client.HTTPConnection(address.hostname or "127.0.0.1", address.port, timeout=self.deadline)
        try:
            connection.request("POST", address.path or "/", body, headers)
            response = connection.getresponse()
            answer = response.read().decode()
        finally:
            connection.close()
        if response.status != 200:
            return Ack(error=DISPATCH_FAILED, no_retry=response.headers.get("x-slack-no-retry") == "1")
        if "json" in response.headers.get("Content-Type", ""):
            return Ack(json.loads(answer or "{}"))
        return Ack({"text": answer} if answer.strip() else {})


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the value of X-Slack-Signature, version v0."""
    signed = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
