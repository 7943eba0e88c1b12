"""What happened day by day: charts over marts.daily_activity (spec/metrics.md section 8)."""

from collections.abc import Sequence
from datetime import date
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
        where client = any(:clients)
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


def trend(connection: Connection, clients: tuple[str, ...], period: str) -> tuple[Chart, ...]:
    """Return what was done and what came of it, day by day.

    As many days as the period has, at most MOST_POINTS; none where nothing happened in them.

    Args:
        connection: where the marts are.
        clients: keys of the clients to look at.
        period: one of the dashboard's.
    """
    days = min(_DAYS.get(period, MOST_POINTS), MOST_POINTS)
    rows = connection.execute(_BY_DAY, {"clients": list(clients), "days": days}).all()
    known = [row for row in rows if row.clicks is not None]
    done, booked = {"messages_sent": "Messages", "new_leads": "New leads"}, {"bookings": "Booked"}
    found = {"clicks": "Clicks", "opt_outs": "Opt-outs"}
    last = f"last {len(rows)} days"
    if len(known) == len(rows):
        charts = (
            _chart(rows, f"What was done, {last}", done),
            _chart(rows, f"What came of it, {last}", {"clicks": "Clicks", **booked, "opt_outs": "Opt-outs"}),
        )
    else:  # a picture has a number of every series for every day, so what is known of fewer days has one of its own
        charts = (
            _chart(rows, f"Messages, leads, bookings, {last}", done | booked),
            _chart(known, f"Clicks and opt-outs since {_named(known[0].day)}", found, "they are recorded")
            if len(known) > 1  # a single day is no trend
            else None,
        )
    return tuple(chart for chart in charts if chart)


def _named(day: date) -> str:
    return f"{day:%b} {day.day}"


def _chart(rows: Sequence[Any], title: str, names: dict[str, str], why: str = "") -> Chart | None:
    """Return a chart of a row for each day; None where all numbers are 0.

    Args:
        rows: the days.
        title: of the chart.
        names: the label of each series, by its column.
        why: why it begins where it does; '' if it has the days that were asked for.
    """
    series = {label: [getattr(row, name) for row in rows] for name, label in names.items()}
    if not any(value for values in series.values() for value in values):
        return None
    totals = ", ".join(f"{sum(value or 0 for value in values):,} {label.lower()}" for label, values in series.items())
    return Chart(
        title,
        Shape.LINE,
        [_named(row.day) for row in rows],
        series,
        summary=f"Since {_named(rows[0].day)}, from when {why}: {totals}."
        if why
        else f"In the last {len(rows)} days: {totals}.",
    )
