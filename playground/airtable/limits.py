"""The rate limit: requests a second on a base and by a user, and the lock that follows (research/airtable.md 1.8)."""

from collections import deque

from playground.airtable.behaviour import Behaviour

# A client that sends one request every 1/n s must pass although the network makes its steps uneven.
_WINDOW = 0.95


class RateLimiter:
    """Counts the requests on each key (a base, a user)."""

    def __init__(self) -> None:
        self._recent: dict[str, deque[float]] = {}
        self._locked_until: dict[str, float] = {}

    def admits(self, key: str, limit: float | None, behaviour: Behaviour, now: float) -> bool:
        """Count a request and tell whether it may pass.

        Args:
            key: what is limited.
            limit: requests a second; None: any number.
            behaviour: the emulator's switches.
            now: seconds that pass evenly.
        """
        if limit is None:
            return True
        if now < self._locked_until.get(key, now):
            return False
        recent = self._recent.setdefault(key, deque())
        while recent and recent[0] <= now - _WINDOW:
            recent.popleft()
        if len(recent) >= limit:
            if behaviour.strict_rate_limit:
                self._locked_until[key] = now + behaviour.lock_seconds
                recent.clear()
            return False
        recent.append(now)
        return True

    def forget(self) -> None:
        """Lift every lock and forget every request."""
        self._recent.clear()
        self._locked_until.clear()
