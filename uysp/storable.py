"""What Postgres can hold of what comes from Airtable and from people."""

import math
from typing import Any

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def storable(value: Any) -> Any:
    """Return `value` as Postgres can hold it: U+FFFD for NUL and lone surrogates, an error object for NaN.

    Source: spec/metrics.md section 1, rule "text". Airtable itself writes numbers that are none as
    `{"specialValue": "NaN"}`.
    """
    if isinstance(value, str):
        return value.replace("\0", REPLACEMENT).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, float) and not math.isfinite(value):
        return {"specialValue": "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"}
    if isinstance(value, dict):
        return {storable(name): storable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [storable(item) for item in value]
    return value
