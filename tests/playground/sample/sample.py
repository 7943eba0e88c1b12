"""The sample that the tests look at: two thousand leads and four thousand records of the message log."""

from datetime import UTC, datetime
from typing import Any

Cells = dict[str, Any]

SEED, LEADS, AUDIT = 7, 2_000, 4_000
NOW = datetime(2026, 3, 14, 15, 9, 26, tzinfo=UTC)
