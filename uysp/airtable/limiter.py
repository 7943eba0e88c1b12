"""The pace at which we ask Airtable: evenly, people first, and silent while a base is locked.

Airtable allows 5 requests a second on a base and 50 to a token's user, for all integrations together, and locks who
asks faster for 30 seconds (https://airtable.com/developers/web/api/rate-limits). Background reads stay below
(UYSP_AIRTABLE_RATE), so that the automations that stop messages get their turn; people's writes may use the rest.
All processes share one pace: it is kept in the database (migration r0003).
"""

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy import Engine, Row, TextClause, text

from uysp.errors import AirtableError
from uysp.settings import AIRTABLE_SHARED_RATE, Client, Settings

log = logging.getLogger(__name__)

LOCK_OUT_SECONDS = 30.0
TOKEN_RATE = 50  # requests a second that Airtable allows to the user of a token, over all bases


class Kind(StrEnum):
    """What a request is for; the earlier ones go first."""

    WRITE = "write"  # a person waits: writes, and the reads that belong to them
    REREAD = "reread"  # records known to have changed
    POLL = "poll"  # payload lists, hooks, schemas
    SWEEP = "sweep"  # whole tables


# Of the rate that Airtable allows, what a read at full speed uses. At the whole of it, two requests that come closer
# together than they were sent make one too many within a second, and then nobody may ask for 30 s.
FAST_SHARE = 0.98

# What is left of the rate of a read at full speed once it has locked itself out: the way to this base is less even than
# thought, and another 30 s would cost more.
EASED = 0.8

# Of the calls that the plan allows in a month: the last tenth is kept for people's writes, and before the end comes
# near, sweeps stop, which only look for what is rarely missed.
SHARES = {Kind.REREAD: 0.9, Kind.POLL: 0.9, Kind.SWEEP: 0.75}

_TAKE = text("""
    select wait, said from app.take_airtable_call(
        :base, :token, :client, :kind, :rank, :rate, :ceiling, :token_ceiling, :most, :now
    )
""")
_LOCK_OUT = text("select app.lock_airtable_out(:base, :token, :base_limit, :token_limit, :now) as by_us")
_BLOCK = text("""
    update app.airtable_pace set
        blocked_until = coalesce(cast(:now as timestamptz), clock_timestamp()) + interval '1 hour'
    where scope = :base returning scope
""")
_USED = text("""
    select coalesce(sum(calls), 0)::bigint as calls from app.airtable_months
    where month = date_trunc('month', coalesce(cast(:now as timestamptz), clock_timestamp()) at time zone 'UTC')
""")


class BudgetSpentError(AirtableError):
    """The month's calls are used up, but for those that are kept for people's writes; nothing was sent."""


class SweepsEndedError(BudgetSpentError):
    """The month's calls are used up as far as sweeps and full reads may use them; what changes is read on."""


class Pace(Protocol):
    """What the gateway asks before and after a request."""

    def wait(self, kind: Kind, /) -> None:
        """Return when a request of this kind may be sent.

        Raises:
            BudgetSpentError: it may not be sent this month.
        """

    def lock_out(self) -> None:
        """Take note of an answer that said we were too fast."""

    def out_of_calls(self) -> None:
        """Take note of an answer that said the plan has no calls left this month."""

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds."""


@dataclass
class Limiter:
    """A pace of this process alone: for looking at a base while there is no database.

    Attributes:
        rate: requests a second.
        clock: monotonic seconds.
        pause: waits for so many seconds.
    """

    rate: float
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    _next: float = field(default=0.0, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def wait(self, _kind: Kind, /) -> None:
        """Return when the next request may be sent: there is nobody else to let pass."""
        with self._lock:
            now = self.clock()
            start = max(now, self._next)
            self._next = start + 1 / self.rate
        if start > now:
            self.sleep(start - now)

    def lock_out(self) -> None:
        """Hold every following request back for as long as Airtable locks a base that asked too fast."""
        with self._lock:
            self._next = max(self._next, self.clock() + LOCK_OUT_SECONDS)

    def out_of_calls(self) -> None:
        """Remember nothing: the process ends soon."""

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds."""
        self.pause(seconds)


@dataclass(frozen=True)
class SharedLimiter:
    """The pace of all processes on one base, and on the token that opens it; for any number of threads.

    Attributes:
        rate: requests a second for background reads.
        ceiling: requests a second for all kinds together.
        most: calls a month that background reads may use, by kind; None: no cap.
        now: the time; None: the database's, which is the same for all processes.
        pause: waits for so many seconds.
        counts_as: what every request counts as, whatever it is for; None: what it is for.
        before_polls: reads go in the turn of re-reads, because a person waits; they count as what they are for.
        is_fast: background reads use nearly all that Airtable allows.
    """

    engine: Engine
    client: Client
    rate: float
    ceiling: float
    most: dict[Kind, int] | None
    now: Callable[[], datetime | None] = lambda: None
    pause: Callable[[float], None] = time.sleep
    counts_as: Kind | None = None
    before_polls: bool = False
    is_fast: bool = False
    _is_eased: threading.Event = field(default_factory=threading.Event, init=False)

    def wait(self, kind: Kind, /) -> None:
        """Return when a request of this kind may be sent; it then counts as sent.

        Raises:
            BudgetSpentError: it may not be sent this month; it does not count.
        """
        kind = self.counts_as or kind
        order = list(Kind)
        while True:
            row = self._call(
                _TAKE,
                client=self.client.key,
                kind=kind,
                rank=min(order.index(kind), order.index(Kind.REREAD)) if self.before_polls else order.index(kind),
                rate=self.rate * EASED if self._is_eased.is_set() else self.rate,
                ceiling=self.ceiling,
                token_ceiling=max(TOKEN_RATE, self.ceiling),
                most=None if self.most is None else self.most.get(kind),
            )
            if row.said is not None:
                raise self._refusal(kind, row.said)
            if row.wait == 0:
                return
            self.pause(row.wait)

    def lock_out(self) -> None:
        """Hold everybody back for 30 s.

        If we did not ask too fast ourselves, everybody goes on at half the rate for ten minutes; if we did, and it was
        a read at full speed, this goes on at 80 % of its rate.
        """
        by_us: bool | None = self._call(_LOCK_OUT, base_limit=AIRTABLE_SHARED_RATE, token_limit=TOKEN_RATE).by_us
        if by_us is None:
            return  # they are held back already
        if by_us and self.is_fast:
            self._is_eased.set()
        log.warning(
            "Airtable asks client %s to slow down; waiting 30 s%s",
            self.client.key,
            "" if by_us else ", then at half the rate for ten minutes, because other integrations are busy too",
        )

    def out_of_calls(self) -> None:
        """Send no background reads for an hour: only the next month or another plan helps."""
        self._call(_BLOCK)

    def sleep(self, seconds: float) -> None:
        """Wait for so many seconds."""
        self.pause(seconds)

    def _call(self, statement: TextClause, **values: object) -> Row[Any]:
        scopes = {"base": base_scope(self.client.base_id), "token": token_scope(self.client), "now": self.now()}
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            return connection.execute(statement, scopes | values).one()

    def _refusal(self, kind: Kind, said: str) -> BudgetSpentError:
        if said == "blocked":
            return BudgetSpentError(
                f"Airtable has no API calls left this month for client {self.client.key}; what was loaded before "
                "stays. It is asked again within the hour; wait for the next month, or raise the plan and run uysp "
                "sync, which asks at once."
            )
        if kind is Kind.SWEEP and self.most is not None and self._call(_USED).calls < self.most[Kind.POLL]:
            return SweepsEndedError(
                f"{SHARES[Kind.SWEEP]:.0%} of the month's API calls (UYSP_AIRTABLE_MONTHLY_CALLS) are used up, where "
                f"sweeps and full reads end, so client {self.client.key} was not swept or read whole; what changes in "
                "it is read as before. Wait for the next month, or raise the plan and the variable."
            )
        return BudgetSpentError(
            "The month's API calls (UYSP_AIRTABLE_MONTHLY_CALLS) are used up but for those kept for people's writes, "
            f"so client {self.client.key} was not read; what was loaded before stays. Wait for the next month, or "
            "raise the plan and the variable."
        )


def shared_limiter(
    engine: Engine,
    settings: Settings,
    client: Client,
    *,
    fast: bool = False,
    counts_as: Kind | None = None,
    before_polls: bool = False,
    now: Callable[[], datetime | None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
) -> SharedLimiter:
    """Return the pace of all processes on a client's base.

    Args:
        engine: under any role that may write schema app.
        settings: for rate and plan.
        client: whose base and token.
        fast: background reads may use the whole rate.
        counts_as: what every request counts as; default: what it is for.
        before_polls: reads go in the turn of re-reads, because a person waits.
        now: the time, if not the database's.
        sleep: waits for so many seconds.
    """
    ceiling = max(AIRTABLE_SHARED_RATE, settings.uysp_airtable_rate)
    cap = settings.uysp_airtable_monthly_calls
    most = None if cap is None else {kind: int(cap * share) for kind, share in SHARES.items()}
    rate = FAST_SHARE * ceiling if fast else settings.uysp_airtable_rate
    return SharedLimiter(engine, client, rate, ceiling, most, now, sleep, counts_as, before_polls, fast)


def base_scope(base_id: str) -> str:
    """Return the name under which a base's pace is kept."""
    return f"base {base_id}"


def token_scope(client: Client) -> str:
    """Return the name under which a token's pace is kept: nothing of the token can be read from it."""
    return f"token {hashlib.sha256(client.token.get_secret_value().encode()).hexdigest()[:24]}"
