"""What a rate is: the introduction of metrics.md."""


def rate(part: int, whole: int) -> float | None:
    """Return a fraction, or None where the denominator is 0."""
    return part / whole if whole else None
