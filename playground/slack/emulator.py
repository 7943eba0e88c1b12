"""The running emulator as tests and the demo hold it: what people do, what the app called, failures on demand."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from playground.slack.app import AppFeatures
from playground.slack.delivery import Ack, Retry, SignedHttp, SocketMode, Transport
from playground.slack.doings import Doings
from playground.slack.interactions import Interaction, Interactions
from playground.slack.surfaces import View
from playground.slack.web_api import Credentials
from playground.slack.workspace import Channel, Message, Workspace

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
    features: AppFeatures
    workspace: Workspace
    interactions: Interactions
    sockets: SocketMode
    transport: Transport
    calls: list[ApiCall] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    loop: asyncio.AbstractEventLoop | None = None
    doings: Doings = field(init=False)

    def __post_init__(self) -> None:
        self.doings = Doings(self.workspace, self.interactions, self)

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

    def wait_for_connections(self, count: int = 1, timeout: float = 20) -> None:
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
        channel_of = self.workspace.channels_of
        person = self.workspace.person(user)
        place = channel_of(person.id)[0] if channel is None else self.workspace.channel(channel)
        return self._run(self.doings.command(person, place, command, text))

    def say(self, user: str, text: str, channel: str | None = None, thread_ts: str | None = None) -> Interaction | None:
        """Let a person write a message, to the app (None) or in a channel; `@UYSP` mentions the app.

        Returns:
            The event once it is acknowledged; None if the app is not told of the message.
        """
        return self._run(self.doings.say(self.workspace.person(user), self._channel(user, channel), text, thread_ts))

    def press(self, user: str, place: Message | View, what: str, block_id: str | None = None) -> Interaction:
        """Let a person press a button, by its action_id or by what stands on it."""
        return self._run(self.doings.press(self.workspace.person(user), place, what, block_id))

    def choose(self, user: str, place: Message | View, action_id: str, value: str) -> Interaction:
        """Let a person choose in a select, by value or label."""
        return self._run(self.doings.choose(self.workspace.person(user), place, action_id, value))

    def search(self, user: str, place: Message | View, action_id: str, typed: str) -> Interaction:
        """Let a person type into a select whose options the app gives."""
        return self._run(self.doings.search(self.workspace.person(user), place, action_id, typed))

    def submit(self, user: str, **values: Any) -> Interaction:
        """Let a person fill in the modal before them, by action_id, and submit it."""
        return self._run(self.doings.submit(self.workspace.person(user), values))

    def close(self, user: str) -> Interaction | None:
        """Let a person close the modal before them."""
        return self._run(self.doings.close(self.workspace.person(user)))

    def shortcut(self, user: str, message: Message, callback_id: str) -> Interaction:
        """Let a person choose a shortcut in a message's menu."""
        return self._run(self.doings.shortcut(self.workspace.person(user), message, callback_id))

    def open_home(self, user: str, tab: str = "home") -> Interaction | None:
        """Let a person open the app's Home or Messages tab."""
        return self._run(self.doings.open_home(self.workspace.person(user), tab))

    def modal(self, user: str) -> View | None:
        """Return the modal that a person has before them."""
        return self.workspace.surfaces.modal(self.workspace.person(user).id)

    def home(self, user: str) -> View | None:
        """Return a person's Home tab, None if the app never published one."""
        return self.workspace.surfaces.homes.get(self.workspace.person(user).id)

    def wait_for_modal(self, user: str, fits: Callable[[View], bool] = lambda _view: True, timeout: float = 20) -> View:
        """Return a person's modal once it is there and fits; TimeoutError if it is not in time."""
        return self._wait_for_view(lambda: self.modal(user), fits, timeout)

    def wait_for_home(self, user: str, fits: Callable[[View], bool] = lambda _view: True, timeout: float = 20) -> View:
        """Return a person's Home tab once it is there and fits; TimeoutError if it is not in time."""
        return self._wait_for_view(lambda: self.home(user), fits, timeout)

    def _wait_for_view(self, present: Callable[[], View | None], fits: Callable[[View], bool], timeout: float) -> View:
        found: list[View] = []

        def happened() -> bool:
            view = present()
            if view is not None and fits(view):
                found.append(view)
            return bool(found)

        if not self.workspace.wait_until(happened, timeout):
            raise TimeoutError(f"no such view within {timeout} s; there is: {present()}")
        return found[0]

    def _channel(self, user: str, channel: str | None) -> Channel:
        if channel is None:
            return self.workspace.direct_message(self.workspace.person(user).id)
        return self.workspace.channel(channel)

    def advance(self, seconds: float) -> None:
        """Move the workspace's clock forward; unacknowledged events whose time has come are sent again."""
        self.workspace.advance(seconds)
        self._run(self.interactions.retry_due(self.transport))

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
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)
