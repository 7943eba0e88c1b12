"""The marts that the bot reads, made by hand from spec/metrics.md, so that a test can put any value into them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Engine, text

from uysp import lead_index

SYNCED_AT = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)

CAMPAIGN_PERFORMANCE = """
    client text, campaign text, campaign_type text, is_paused boolean, is_internal boolean, is_unassigned boolean,
    leads bigint, not_started bigint, step_1 bigint, step_2 bigint, step_3 bigint, step_4_plus bigint,
    backlog bigint, queued bigint, processing bigint, ready_for_sms bigint, in_sequence bigint, stopped bigint,
    completed bigint, failed bigint, other_status bigint, bookings bigint, booking_rate double precision,
    opt_outs bigint, opt_out_rate double precision, removed bigint, sms_stopped bigint, replies bigint,
    reply_rate double precision, clicks bigint, clickers bigint, click_rate double precision, messages_sent bigint,
    messages_per_lead double precision, last_sent_at timestamptz
"""
LEADS = """
    client text, lead_id text, name text, first_name text, last_name text, email text, phone text, company text,
    job_title text, campaign text, variant text, icp_score double precision, processing_status text,
    hrq_status text, sms_status text, step integer, reached_step integer, messages_sent integer,
    last_sent_at timestamptz, sms_stopped boolean, stop_reason text, stop_cause text, opted_out_at timestamptz,
    booked boolean, booked_at timestamptz, booking_made_at timestamptz, short_link_url text, click_count integer,
    clicks integer, clicked boolean, first_clicked_at timestamptz, replied boolean, engagement_level text,
    lead_source text, claimed_by text, claimed_at timestamptz, notes text, is_active boolean, is_done boolean,
    is_hot boolean, is_test boolean, created_at timestamptz, modified_at timestamptz
"""
SEQUENCE_STEPS = """
    client text, campaign text, step integer, leads_at_step bigint, leads_reached bigint, leads_furthest bigint,
    conversion_rate double precision, bookings bigint, booking_rate double precision, opt_outs bigint,
    opt_out_rate double precision, clickers bigint, click_rate double precision, clicks bigint,
    avg_last_sent_at timestamptz, avg_days_at_step double precision, completed_visits bigint
"""
CLICK_TRACKING = """
    client text, campaign text, reached_step integer, links bigint, clicks bigint, clickers bigint,
    linked_clickers bigint, link_click_rate double precision, booked_clickers bigint,
    booking_rate_of_clickers double precision, others bigint, booked_others bigint,
    booking_rate_of_others double precision
"""
VARIANT_PERFORMANCE = """
    client text, campaign text, variant text, leads bigint, bookings bigint, booking_rate double precision,
    clickers bigint, click_rate double precision, opt_outs bigint, opt_out_rate double precision, messages_sent bigint
"""
DAILY_ACTIVITY = """
    client text, campaign text, day date, new_leads bigint, messages_sent bigint, messages_delivered bigint,
    bookings bigint, opt_outs bigint, clicks bigint
"""
DASHBOARD = """
    client text, period text, as_of timestamptz, history_since timestamptz, leads bigint, active_leads bigint,
    done_leads bigint, messages_sent bigint, bookings bigint, booking_rate double precision, opt_outs bigint,
    opt_out_rate double precision, clicks bigint, clickers bigint, click_rate double precision, new_leads_24h bigint,
    new_leads_7d bigint, campaigns bigint, active_campaigns bigint, paused_campaigns bigint, new_leads_in_period bigint,
    messages_in_period bigint, bookings_in_period bigint, opt_outs_in_period bigint, clicks_in_period bigint,
    previous_new_leads_in_period bigint, previous_messages_in_period bigint, previous_bookings_in_period bigint,
    previous_opt_outs_in_period bigint, previous_clicks_in_period bigint
"""
DATA_QUALITY_ISSUES = """
    client text, source_table text, record_id text, field text, value text, rule text, seen_at timestamptz
"""
LEAD_TIMELINE = (
    "client text, event_id text, lead_id text, at timestamptz, kind text, detail text, source text, actor text"
)
SYNC_STATUS = """
    client text, source_table text, last_synced_at timestamptz, last_changed_at timestamptz, rows bigint,
    deleted_rows bigint, last_error text
"""

RELATIONS = {
    "campaign_performance": CAMPAIGN_PERFORMANCE,
    "leads": LEADS,
    "sequence_steps": SEQUENCE_STEPS,
    "click_tracking": CLICK_TRACKING,
    "variant_performance": VARIANT_PERFORMANCE,
    "daily_activity": DAILY_ACTIVITY,
    "dashboard": DASHBOARD,
    "data_quality_issues": DATA_QUALITY_ISSUES,
    "lead_timeline": LEAD_TIMELINE,
    "sync_status": SYNC_STATUS,
}

LEAD: dict[str, Any] = {
    "client": "uysp",
    "name": "Jane Doe",
    "campaign": "Webinar",
    "step": 1,
    "reached_step": 2,
    "messages_sent": 2,
    "sms_stopped": False,
    "booked": False,
    "click_count": 0,
    "clicks": 0,
    "clicked": False,
    "replied": False,
    "is_active": True,
    "is_done": False,
    "is_hot": False,
    "is_test": False,
    "created_at": datetime(2026, 1, 2, tzinfo=UTC),
    "modified_at": datetime(2026, 5, 4, tzinfo=UTC),
}
_CAMPAIGN: dict[str, Any] = {
    "client": "uysp",
    "is_internal": False,
    "is_unassigned": False,
    **dict.fromkeys(("not_started", "step_1", "step_2", "step_3", "step_4_plus", "backlog", "queued", "processing"), 0),
    **dict.fromkeys(("ready_for_sms", "in_sequence", "stopped", "completed", "failed", "other_status"), 0),
    **dict.fromkeys(
        (
            "leads",
            "bookings",
            "opt_outs",
            "removed",
            "sms_stopped",
            "replies",
            "clicks",
            "clickers",
            "messages_sent",
            "leads",
        ),
        0,
    ),
}


def record_id(number: int) -> str:
    """Return a record id in Airtable's form."""
    return f"rec{number:014d}"


def create_marts(engine: Engine) -> None:
    """Create the tables, readable for the bot; nothing was read from Airtable yet."""
    with engine.begin() as connection:
        for name, columns in RELATIONS.items():
            connection.execute(text(f"create table marts.{name} ({columns})"))
            connection.execute(text(f"grant select on marts.{name} to uysp_bot"))


def add(engine: Engine, table: str, row: Mapping[str, Any]) -> None:
    """Insert a row into a mart; columns that are left out are NULL."""
    names = ", ".join(row)
    places = ", ".join(f":{name}" for name in row)
    with engine.begin() as connection:
        connection.execute(text(f"insert into marts.{table} ({names}) values ({places})"), dict(row))


def add_lead(engine: Engine, number: int, **values: Any) -> str:
    """Insert a lead, indexed for search, and return its record id."""
    add(engine, "leads", {**LEAD, "lead_id": record_id(number), **values})
    lead_index.refresh(engine)
    return record_id(number)


def add_campaign(engine: Engine, campaign: str, **values: Any) -> None:
    """Insert a campaign; counts that are left out are 0."""
    add(engine, "campaign_performance", {**_CAMPAIGN, "campaign": campaign, **values})


def mark_synced(engine: Engine, client: str = "uysp", at: datetime | None = SYNCED_AT, **values: Any) -> None:
    """Say that all tables of a client were read at this time; `values` name tables that differ."""
    for table in ("leads", "campaigns", "sms_templates", "sms_audit"):
        add(engine, "sync_status", {"client": client, "source_table": table, "last_synced_at": values.get(table, at)})
