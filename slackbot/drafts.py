"""Texts that are too long for a modal's input, kept until it is submitted; a restart forgets them, and says so."""

import secrets
import time
from collections import OrderedDict
from threading import Lock

REMEMBERED_SECONDS = 3600
MOST_REMEMBERED = 1000


class Drafts:
    """Texts by the key that the modal carries."""

    def __init__(self) -> None:
        self._texts: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._lock = Lock()

    def keep(self, text: str) -> str:
        """Keep a text, and return its key."""
        key, now = secrets.token_hex(8), time.monotonic()
        with self._lock:
            self._texts[key] = (now, text)
            while len(self._texts) > MOST_REMEMBERED or now - next(iter(self._texts.values()))[0] > REMEMBERED_SECONDS:
                self._texts.popitem(last=False)
        return key

    def text(self, key: str) -> str | None:
        """Return a text; None: it is not kept any more."""
        with self._lock:
            kept = self._texts.get(key)
        return None if kept is None else kept[1]
