"""How Airtable writes a moment."""

from datetime import datetime


def iso(moment: datetime) -> str:
    """UTC in whole seconds with Airtable's zero milliseconds: '2025-11-12T09:30:00.000Z'."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"
