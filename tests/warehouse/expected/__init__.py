"""Every mart of metrics.md computed in plain Python from the raw histories, independently of the SQL.

Clarity counts here, not speed: a rule is written as the text says it, and tests compare the marts with it.
"""

from tests.warehouse.expected.base import Base, Json
from tests.warehouse.expected.campaign_performance import expected_campaign_performance
from tests.warehouse.expected.campaigns import campaign_names, linked_names
from tests.warehouse.expected.data_quality_issues import expected_data_quality_issues
from tests.warehouse.expected.lead_versions import is_test, lead_versions
from tests.warehouse.expected.leads import expected_leads
from tests.warehouse.expected.messages import expected_messages
from tests.warehouse.expected.sync_status import expected_sync_status

__all__ = ["expected_marts"]


def expected_marts(base: Base) -> dict[str, list[dict[str, Json]]]:
    """Return mart to its rows, each a dict from column to value, in no particular order."""
    versions = lead_versions(base, linked_names(base))
    test_leads = {lead_id for lead_id, of_lead in versions.items() if is_test(of_lead)}
    lead_campaigns = {lead_id: versions[lead_id][-1].campaign for lead_id in base.present("leads")}
    names = campaign_names(base, (name for lead_id, name in lead_campaigns.items() if lead_id not in test_leads))
    messages = expected_messages(base, names, lead_campaigns, test_leads)
    leads = expected_leads(base, names, versions, messages)
    return {
        "leads": leads,
        "messages": messages,
        "campaign_performance": expected_campaign_performance(base, names, leads),
        "data_quality_issues": expected_data_quality_issues(base),
        "sync_status": expected_sync_status(base),
    }
