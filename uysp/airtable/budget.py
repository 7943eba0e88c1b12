"""The monthly plan: how many calls were used, and what follows for how often we look and sweep.

Airtable counts the calls of a workspace by calendar month (Team: 100,000); our ledger counts ours. Without
UYSP_AIRTABLE_MONTHLY_CALLS there is no cap, and we look every 30 seconds. Source: research/airtable.md section 6.1.
"""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import Connection, text

from uysp.airtable.limiter import SHARES, Kind
from uysp.settings import Settings

LOOK_SECONDS = (30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 21600)
CALLS_OF_A_LOOK = 4  # the payload list, and re-reads of two or three tables
LOOKS_SHARE = 0.5  # of what is left for background reads
SWEEP_SHARE = 0.2  # of the plan, for each table
SWEEP_COST = 1.1  # calls for a page of a sweep: a share of the records is read again
LONGEST_DAYS = 30  # a table that could be swept less often is swept on demand only
NOTE_SHARE = 0.75  # of the plan: people should know
WRONG_SHARE = SHARES[Kind.POLL]  # nothing is read any more


@dataclass(frozen=True)
class Budget:
    """The calls of this calendar month (UTC), all clients together.

    Attributes:
        cap: what the plan allows us; None: no cap.
        used: sent so far.
        by_kind: used, by what they were for.
        by_client: used, by client.
        look_seconds: seconds between two looks at a base.
    """

    cap: int | None
    used: int
    look_seconds: int
    clients: int = 1
    by_kind: dict[str, int] = field(default_factory=dict)
    by_client: dict[str, int] = field(default_factory=dict)

    @property
    def left(self) -> int | None:
        """Calls that the plan still allows; None: no cap."""
        return None if self.cap is None else max(0, self.cap - self.used)

    @property
    def share_used(self) -> float:
        """Used calls as a share of the plan; 0 without a cap."""
        return 0.0 if self.cap is None else self.used / self.cap

    def sweep_days(self, pages: int, usual: int) -> int | None:
        """Return days between two sweeps of a table.

        Args:
            pages: calls that listing the table takes.
            usual: days, where the plan does not matter.

        Returns:
            None where the plan allows no regular sweep.
        """
        if self.cap is None:
            return usual
        a_day = SWEEP_SHARE * self.cap / 30 / self.clients
        days = max(usual, math.ceil(pages * SWEEP_COST / a_day))
        return days if days <= LONGEST_DAYS else None

    def said(self) -> str:
        """Return one sentence for people."""
        every = f"{self.look_seconds} s" if self.look_seconds < 120 else f"{self.look_seconds // 60} min"
        used = f"{self.used:,} API call{'' if self.used == 1 else 's'} used this month"
        if self.cap is None:
            return f"{used}, no cap set; every base is looked at every {every}."
        left = f"{used}, {self.left:,} of {self.cap:,} left"
        if self.share_used >= WRONG_SHARE:
            return f"{left}, for people's writes alone; nothing is read until next month."
        return f"{left}; every base is looked at every {every}."


def budget(connection: Connection, settings: Settings, now: datetime | None = None) -> Budget:
    """Return how the month stands.

    Args:
        connection: under any role that may read schema app.
        settings: for the plan and the number of clients.
        now: default: the database's time.
    """
    moment: datetime = now or connection.execute(text("select now()")).scalar_one()
    moment = moment.astimezone(UTC)
    start = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    end = start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)
    rows = connection.execute(
        text("""
            select client, kind, sum(calls)::bigint as calls from app.airtable_calls
            where day >= :start and day < :end group by client, kind order by client, kind
        """),
        {"start": start.date(), "end": end.date()},
    ).all()
    by_kind: dict[str, int] = {}
    by_client: dict[str, int] = {}
    for row in rows:
        by_kind[row.kind] = by_kind.get(row.kind, 0) + row.calls
        by_client[row.client] = by_client.get(row.client, 0) + row.calls
    # Calls of clients that were erased since still count.
    used: int | None = connection.execute(
        text("select calls from app.airtable_months where month = :start"), {"start": start.date()}
    ).scalar_one_or_none()
    cap, clients = settings.uysp_airtable_monthly_calls, max(1, len(settings.clients))
    return Budget(
        cap=cap,
        used=used or 0,
        look_seconds=_look_seconds(cap, used or 0, clients, (end - moment).total_seconds()),
        clients=clients,
        by_kind=by_kind,
        by_client=by_client,
    )


def _look_seconds(cap: int | None, used: int, clients: int, remaining_seconds: float) -> int:
    if cap is None:
        return LOOK_SECONDS[0]
    most = LOOKS_SHARE * max(0.0, SHARES[Kind.POLL] * cap - used)
    fitting = (s for s in LOOK_SECONDS if remaining_seconds / s * clients * CALLS_OF_A_LOOK <= most)
    return next(fitting, LOOK_SECONDS[-1])
