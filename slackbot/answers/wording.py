"""Words of summaries: counts with their noun, and names short enough to be read aloud."""

LONGEST_NAME = 60  # characters of a name in a sentence; tables and cards have more


def counted(count: int, noun: str) -> str:
    """Return a count with its noun, as `1 lead` or `1,200 leads`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def short(name: str) -> str:
    """Return a name as it stands in a sentence, cut where it would drown it."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1].rstrip()}…"
