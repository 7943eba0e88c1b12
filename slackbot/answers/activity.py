"""What happened day by day: charts over marts.daily_activity (spec/metrics.md section 8)."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, text

from slackbot.answers.model import MOST_POINTS, Chart, Shape

# Days of the client's own calendar, today included; days on which nothing happened count 0, and opt-outs and clicks
# before the history begins stay unknown (NULL), as the mart has them.
_BY_DAY = text("""
    with days as (
        select clients.client, day::date as day
        from raw.clients
        cross join lateral generate_series(
            (now() at time zone clients.timezone)::date - (cast(:days as integer) - 1),
            (now() at time zone clients.timezone)::date,
            interval '1 day'
        ) as day
        where clients.client = any(:clients)
    ),
    began as (
        select days.client, min(loads.observed_at at time zone clients.timezone)::date as day
        from (select distinct client from days) as days
        join raw.clients using (client)
        join raw.loads on loads.client = days.client and loads.source_table = 'leads' and loads.is_first
        group by days.client
    ),
    counted as (
        select
            client,
            day,
            sum(new_leads) as new_leads,
            sum(messages_sent) as messages_sent,
            sum(bookings) as bookings,
            sum(opt_outs) as opt_outs,
            sum(clicks) as clicks
        from marts.daily_activity
        where client = any(:clients) and (cast(:campaign as text) is null or campaign = :campaign)
        group by client, day
    )
    select
        days.day,
        sum(coalesce(new_leads, 0))::bigint as new_leads,
        sum(coalesce(messages_sent, 0))::bigint as messages_sent,
        sum(coalesce(bookings, 0))::bigint as bookings,
        sum(case when days.day >= began.day then coalesce(opt_outs, 0) end)::bigint as opt_outs,
        sum(case when days.day >= began.day then coalesce(clicks, 0) end)::bigint as clicks
    from days
    left join counted using (client, day)
    left join began using (client)
    group by days.day
    order by days.day
""")
_DAYS = {"24h": 7, "7d": 7}  # a single day is no trend


def trend(
    connection: Connection, clients: tuple[str, ...], period: str, campaign: str | None = None
) -> tuple[Chart, ...]:
    """Return what was done and what came of it, day by day.

    As many days as the period has, at most MOST_POINTS; none where nothing happened in them.

    Args:
        connection: where the marts are.
        clients: keys of the clients to look at.
        period: one of the dashboard's.
        campaign: only this one; None: all.
    """
    days = min(_DAYS.get(period, MOST_POINTS), MOST_POINTS)
    values = {"clients": list(clients), "days": days, "campaign": campaign}
    rows = connection.execute(_BY_DAY, values).all()
    done = _chart(rows, "What was done", {"messages_sent": "Messages", "new_leads": "New leads"})
    came = _chart(rows, "What came of it", {"clicks": "Clicks", "bookings": "Booked", "opt_outs": "Opt-outs"})
    return tuple(chart for chart in (done, came) if chart)


def _chart(rows: Sequence[Any], title: str, names: dict[str, str]) -> Chart | None:
    series = {label: [getattr(row, name) for row in rows] for name, label in names.items()}
    if not any(value for values in series.values() for value in values):
        return None
    totals = ", ".join(f"{sum(value or 0 for value in values):,} {label.lower()}" for label, values in series.items())
    return Chart(
        f"{title}, last {len(rows)} days",
        Shape.LINE,
        [f"{row.day:%b} {row.day.day}" for row in rows],
        series,
        summary=f"In the last {len(rows)} days: {totals}.",
    )
