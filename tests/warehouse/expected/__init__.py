"""Every mart of metrics.md computed in plain Python from the raw histories, independently of the SQL.

Clarity counts here, not speed: a rule is written as the text says it, and tests compare the marts with it.
"""

from datetime import datetime

from tests.warehouse.expected.base import Base, Json
from tests.warehouse.expected.campaign_performance import expected_campaign_performance
from tests.warehouse.expected.campaigns import campaign_names, linked_names
from tests.warehouse.expected.click_tracking import expected_click_tracking
from tests.warehouse.expected.daily_activity import expected_daily_activity
from tests.warehouse.expected.dashboard import expected_dashboard
from tests.warehouse.expected.lead_issues import expected_lead_issues
from tests.warehouse.expected.lead_timeline import expected_lead_timeline
from tests.warehouse.expected.lead_versions import is_test, lead_versions
from tests.warehouse.expected.leads import expected_leads
from tests.warehouse.expected.messages import expected_messages
from tests.warehouse.expected.sequence_steps import expected_sequence_steps
from tests.warehouse.expected.step_visits import expected_step_visits
from tests.warehouse.expected.sync_status import expected_sync_status
from tests.warehouse.expected.value_issues import expected_value_issues
from tests.warehouse.expected.variant_performance import expected_variant_performance

__all__ = ["expected_marts"]


def expected_marts(base: Base, as_of: datetime) -> dict[str, list[dict[str, Json]]]:
    """Return mart to its rows, each a dict from column to value, in no particular order.

    Args:
        as_of: when marts are read that time alone changes.
    """
    versions = lead_versions(base, linked_names(base))
    test_leads = {lead_id for lead_id, of_lead in versions.items() if is_test(of_lead)}
    counted = [lead_id for lead_id in base.present("leads") if lead_id not in test_leads]
    lead_campaigns = {lead_id: versions[lead_id][-1].campaign for lead_id in base.present("leads")}
    names = campaign_names(base, (lead_campaigns[lead_id] for lead_id in counted))
    messages = expected_messages(base, names, lead_campaigns, test_leads)
    leads = expected_leads(base, names, versions, messages)
    real_leads = [lead for lead in leads if not lead["is_test"]]
    campaigns = expected_campaign_performance(base, names, real_leads)
    visits = expected_step_visits(base, names, versions, counted)
    return {
        "leads": leads,
        "messages": messages,
        "campaign_performance": campaigns,
        "variant_performance": expected_variant_performance(base, real_leads),
        "sequence_steps": expected_sequence_steps(base, real_leads, visits),
        "step_visits": visits,
        "click_tracking": expected_click_tracking(base, real_leads),
        "daily_activity": expected_daily_activity(base, real_leads, versions, messages),
        "dashboard": expected_dashboard(base, as_of, real_leads, versions, messages, campaigns),
        "lead_timeline": expected_lead_timeline(base, names, versions, messages, counted),
        "data_quality_issues": [
            *expected_value_issues(base),
            *expected_lead_issues(base, as_of, versions, messages, counted),
        ],
        "sync_status": expected_sync_status(base),
    }
