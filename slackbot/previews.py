"""What people were shown before they share it, so that nothing else is posted, and to nobody else."""

import hashlib
from collections.abc import Iterable

from slackbot.answers.model import Answer
from slackbot.blocks.share import shared


def fingerprint(answer: Answer, readers: Iterable[str]) -> str:
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
    return digest.hexdigest()
