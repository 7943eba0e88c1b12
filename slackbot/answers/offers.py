"""Leads to choose from while somebody types."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, text

from slackbot.answers.freshness import missing_marts
from slackbot.answers.search import search_leads
from slackbot.answers.visible import visible_clients
from uysp.settings import Settings

MOST_OFFERED = 20
LONGEST_LOOK = "1500ms"  # Slack waits three seconds for options


@dataclass(frozen=True)
class Offered:
    """A lead to choose (columns of marts.leads).

    Attributes:
        is_of_several: whether leads of other clients may be offered beside it.
    """

    client: str
    lead_id: str
    name: str
    company: str | None
    campaign: str | None
    is_of_several: bool = False


_DESCRIBED = text("""
    select leads.client, leads.lead_id, leads.name, leads.company, leads.campaign
    from unnest(cast(:clients as text[]), cast(:lead_ids as text[])) with ordinality as wanted (client, lead_id, place)
    join marts.leads using (client, lead_id)
    order by wanted.place
""")
_LIMIT = text("select set_config('statement_timeout', :longest, true)")


def offered_leads(
    connection: Connection, settings: Settings, may_see: Callable[[str], bool], typed: str
) -> list[Offered]:
    """Return the leads that a text means, best match first, at most 20.

    Args:
        connection: in a transaction, whose statements are cut off after 1.5 seconds from here on.
        settings: tell which clients are configured.
        may_see: whether the person may see the client with this key.
        typed: what was typed so far.
    """
    connection.execute(_LIMIT, {"longest": LONGEST_LOOK})
    clients = visible_clients(connection, settings, may_see)
    if not clients or not typed.strip() or missing_marts(connection, ("leads",)):
        return []
    matches = search_leads(connection, clients, typed, MOST_OFFERED)
    ids = {"clients": [match.client for match in matches], "lead_ids": [match.lead_id for match in matches]}
    several = len(clients) > 1
    return [Offered(**row, is_of_several=several) for row in connection.execute(_DESCRIBED, ids).mappings()]
