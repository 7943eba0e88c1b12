"""How Airtable writes a moment."""

from datetime import datetime


def iso(moment: datetime) -> str:
    """A moment in UTC as whole seconds with Airtable's zero milliseconds: '2025-11-12T09:30:00.000Z'."""
    return moment.isoformat(timespec="seconds")[:19] + ".000Z"
