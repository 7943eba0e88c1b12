"""What people were shown before they share it, so that nothing else is posted, and to nobody else."""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Iterable
from threading import Lock

from slackbot.answers.model import Answer
from slackbot.blocks.share import shared

REMEMBERED_SECONDS = 1800
MOST_REMEMBERED = 1000


class Previews:
    """A fingerprint of what was shown, by modal."""

    def __init__(self) -> None:
        self._shown: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._lock = Lock()

    def remember(self, view_id: str, shown: bytes) -> None:
        """Note what a modal shows now."""
        now = time.monotonic()
        with self._lock:
            self._shown[view_id] = (now, shown)
            self._shown.move_to_end(view_id)
            while len(self._shown) > MOST_REMEMBERED or now - next(iter(self._shown.values()))[0] > REMEMBERED_SECONDS:
                self._shown.popitem(last=False)

    def still_holds(self, view_id: str, now: bytes) -> bool:
        """Return whether a modal shows just this."""
        with self._lock:
            shown = self._shown.get(view_id)
        return shown is not None and shown[1] == now


def fingerprint(answer: Answer, readers: Iterable[str]) -> bytes:
    """Return what tells a copy of an answer, and who would read it, from any other.

    The age of the data is no part of it: it changes without anything else changing.
    """
    public = shared(answer).findings
    digest = hashlib.sha256()
    for part in (public.title, public.summary, *sorted(readers)):
        digest.update(f"{part}\x00".encode())
    for name, section in public.sections.items():
        digest.update(f"{name}\x00".encode())
        for row in section.rows:
            digest.update(repr([column.value(row) for column in section.columns]).encode())
    return digest.digest()
