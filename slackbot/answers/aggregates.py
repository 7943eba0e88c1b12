"""Counts over leads by campaign, step and variant: from their marts, or over the leads that filters leave.

The one place that sums the columns of marts.leads. It decides nothing about a lead: what counts as booked, clicked or
opted out stands in those columns. A test holds the sums over all leads against the marts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from slackbot.answers.filters import lead_condition, narrows_leads
from slackbot.answers.model import column_list, read_row


@dataclass(frozen=True)
class CampaignPerformance:
    """A row of marts.campaign_performance; counts are numbers of leads unless named otherwise, rates fractions."""

    client: str
    campaign: str
    campaign_type: str | None
    is_paused: bool | None
    is_internal: bool
    is_unassigned: bool
    leads: int
    not_started: int
    step_1: int
    step_2: int
    step_3: int
    step_4_plus: int
    backlog: int
    queued: int
    processing: int
    ready_for_sms: int
    in_sequence: int
    stopped: int
    completed: int
    failed: int
    other_status: int
    bookings: int
    booking_rate: float | None
    opt_outs: int
    opt_out_rate: float | None
    removed: int
    sms_stopped: int
    replies: int
    reply_rate: float | None
    clicks: int
    clickers: int
    click_rate: float | None
    messages_sent: int
    messages_per_lead: float | None
    last_sent_at: datetime | None


@dataclass(frozen=True)
class VariantPerformance:
    """A row of marts.variant_performance; `variant` None: leads without one."""

    client: str
    campaign: str
    variant: str | None
    leads: int
    bookings: int
    booking_rate: float | None
    clickers: int
    click_rate: float | None
    opt_outs: int
    opt_out_rate: float | None
    messages_sent: int


@dataclass(frozen=True)
class ClickCounts:
    """The counts of a row of marts.click_tracking; `others` are leads with a link that did not click."""

    client: str
    campaign: str
    reached_step: int
    is_ranked: bool  # neither internal nor Unassigned
    links: int
    clicks: int
    clickers: int
    linked_clickers: int
    booked_clickers: int
    others: int
    booked_others: int


# Columns of marts.campaign_performance by what adds up to them. Statuses are named as in the mart's model.
_STATUSES = {
    **{name: name.capitalize() for name in ("backlog", "queued", "processing", "stopped", "completed", "failed")},
    "ready_for_sms": "Ready for SMS",
    "in_sequence": "In Sequence",
}
_STATUS_COUNTS = ", ".join(
    f"count(*) filter (where processing_status = '{status}') as {column}" for column, status in _STATUSES.items()
)
_LISTED_STATUSES = ", ".join(f"'{status}'" for status in _STATUSES.values())
_RATE = "{0}::double precision / nullif({1}, 0)"

_PERFORMANCE = f"""
    with counted as (
        select
            client,
            campaign,
            count(*) as leads,
            count(*) filter (where reached_step = 0) as not_started,
            count(*) filter (where reached_step = 1) as step_1,
            count(*) filter (where reached_step = 2) as step_2,
            count(*) filter (where reached_step = 3) as step_3,
            count(*) filter (where reached_step >= 4) as step_4_plus,
            {_STATUS_COUNTS},
            count(*) filter (where processing_status in ({_LISTED_STATUSES})) as listed,
            count(*) filter (where booked) as bookings,
            count(*) filter (where stop_cause = 'opted_out') as opt_outs,
            count(*) filter (where stop_cause = 'removed') as removed,
            count(*) filter (where sms_stopped) as sms_stopped,
            count(*) filter (where replied) as replies,
            sum(clicks)::bigint as clicks,
            count(*) filter (where clicked) as clickers,
            sum(messages_sent)::bigint as messages_sent,
            max(last_sent_at) as last_sent_at
        from marts.leads
        where client = any(:clients) and not is_test{{condition}}
        group by client, campaign
    ),
    rows as (
        select
            counted.*,
            campaigns.campaign_type,
            campaigns.is_paused,
            campaigns.is_internal,
            campaigns.is_unassigned,
            leads - listed as other_status,
            {_RATE.format("counted.bookings", "counted.leads")} as booking_rate,
            {_RATE.format("counted.opt_outs", "counted.leads")} as opt_out_rate,
            {_RATE.format("counted.replies", "counted.leads")} as reply_rate,
            {_RATE.format("counted.clickers", "counted.leads")} as click_rate,
            {_RATE.format("counted.messages_sent", "counted.leads")} as messages_per_lead
        from counted
        join (
            select client, campaign, campaign_type, is_paused, is_internal, is_unassigned
            from marts.campaign_performance
        ) as campaigns using (client, campaign)
    )
    select {column_list(CampaignPerformance)} from rows
"""
_PERFORMANCE_MART = f"""
    select {column_list(CampaignPerformance)} from marts.campaign_performance
    where client = any(:clients){{condition}}
"""
_VARIANTS = f"""
    with counted as (
        select
            client,
            campaign,
            variant,
            count(*) as leads,
            count(*) filter (where booked) as bookings,
            count(*) filter (where clicked) as clickers,
            count(*) filter (where stop_cause = 'opted_out') as opt_outs,
            sum(messages_sent)::bigint as messages_sent
        from marts.leads
        where client = any(:clients) and not is_test{{condition}}
        group by client, campaign, variant
    ),
    rows as (
        select
            counted.*,
            {_RATE.format("bookings", "leads")} as booking_rate,
            {_RATE.format("clickers", "leads")} as click_rate,
            {_RATE.format("opt_outs", "leads")} as opt_out_rate
        from counted
    )
    select {column_list(VariantPerformance)} from rows
"""
_VARIANTS_MART = f"""
    select {column_list(VariantPerformance)} from marts.variant_performance
    where client = any(:clients){{condition}}
"""
_CLICKS = """
    select
        client,
        campaign,
        reached_step,
        count(*) filter (where short_link_url is not null) as links,
        sum(clicks)::bigint as clicks,
        count(*) filter (where clicked) as clickers,
        count(*) filter (where clicked and short_link_url is not null) as linked_clickers,
        count(*) filter (where clicked and booked) as booked_clickers,
        count(*) filter (where not clicked and short_link_url is not null) as others,
        count(*) filter (where not clicked and short_link_url is not null and booked) as booked_others
    from marts.leads
    where client = any(:clients) and not is_test{condition}
    group by client, campaign, reached_step
"""
_CLICKS_MART = "select * from marts.click_tracking where client = any(:clients){condition}"
_RANKED = f"""
    with counted as ({{counts}}),
    rows as (
        select counted.*, not (is_internal or is_unassigned) as is_ranked
        from counted
        join (
            select client, campaign, is_internal, is_unassigned from marts.campaign_performance
        ) as campaigns using (client, campaign)
    )
    select {column_list(ClickCounts)} from rows
"""


def performance(
    connection: Connection, clients: tuple[str, ...], filters: Mapping[str, str]
) -> list[CampaignPerformance]:
    """Return the campaigns' rows, in no order; with filters on leads only campaigns that have such leads.

    Args:
        connection: where the marts are.
        clients: keys of the clients to look at.
        filters: canonical; campaign, state and those on leads are applied.
    """
    narrowed = narrows_leads(filters)
    found = _rows(connection, clients, filters, _PERFORMANCE if narrowed else _PERFORMANCE_MART)
    rows = [read_row(CampaignPerformance, row) for row in found]
    if "state" in filters:
        rows = [row for row in rows if row.is_paused is (filters["state"] == "paused")]
    return rows


def variants(connection: Connection, clients: tuple[str, ...], filters: Mapping[str, str]) -> list[VariantPerformance]:
    """Return the rows by campaign and variant, in no order; arguments as of `performance`, without `state`."""
    found = _rows(connection, clients, filters, _VARIANTS if narrows_leads(filters) else _VARIANTS_MART)
    return [read_row(VariantPerformance, row) for row in found]


def click_counts(connection: Connection, clients: tuple[str, ...], filters: Mapping[str, str]) -> list[ClickCounts]:
    """Return the counts by campaign and reached step, in no order; arguments as of `performance`, without `state`."""
    counts = _CLICKS if narrows_leads(filters) else _CLICKS_MART
    found = _rows(connection, clients, filters, _RANKED.replace("{counts}", counts))
    return [read_row(ClickCounts, row) for row in found]


def _rows(connection: Connection, clients: tuple[str, ...], filters: Mapping[str, str], query: str) -> Iterable[Any]:
    used = {name: value for name, value in filters.items() if name != "step"}
    condition, values = lead_condition(used)
    return connection.execute(
        text(query.replace("{condition}", condition)), {"clients": list(clients), **values}
    ).mappings()
