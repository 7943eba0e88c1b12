"""Writes in the terminal: who acts, how long Airtable is waited for, how the log is printed. Commands: `uysp.cli`."""

import getpass
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from sqlalchemy import Connection, Engine

from uysp.actions.messages import take_result
from uysp.actions.model import Asked
from uysp.actions.removal import SamePhone, same_phone
from uysp.actions.requests import Receipt, await_receipt, submit, utc_now
from uysp.actions.rights import Person
from uysp.actions.worker import STOP_SECONDS, Worker
from uysp.errors import UyspError
from uysp.settings import Settings

CONFIRMED, REFUSED, PENDING = 0, 1, 3  # what a write ends with
PATIENCE_SECONDS: Final = 20.0
PROGRESS_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 0.5
MOST_ASKED: Final = 10  # records of the same phone that a person is asked about one by one


def person(who: str | None, look_up: Callable[[str], Person] | None = None) -> Person:
    """Return who acts.

    Args:
        who: a Slack user id, or an email; None: whoever is logged in here.
        look_up: asks Slack for a user id or an email; None: Slack is not configured, so what was given is believed.
    """
    if who is None:
        with suppress(OSError, KeyError):
            return Person(getpass.getuser(), getpass.getuser())
        return Person("terminal", "terminal")
    typed = " ".join(who.split())
    if not typed:
        raise UyspError("--as needs a Slack user id or an email; nothing was stored.")
    if look_up is not None:
        return look_up(typed)
    return Person(typed, typed, typed if "@" in typed else None)


def write(engine: Engine, settings: Settings, who: Person, asked: Asked, seconds: float = PATIENCE_SECONDS) -> Receipt:
    """Store what is asked for and carry it out; returns when Airtable has confirmed, or patience ends.

    What is pending then is kept, and finished by whoever comes next: the bot, `uysp up`, or another command.

    Raises:
        UyspError: it may not, or cannot, be stored; nothing was.
    """
    receipt = submit(engine, settings, who, asked, origin="terminal", wait=seconds + 5)
    stop = threading.Event()
    worker = Worker(engine, settings, only=asked.lead_ids)
    working = threading.Thread(target=worker.run, args=(stop, 1), daemon=True)
    working.start()
    try:
        receipt = await_receipt(engine, settings, receipt.reference, seconds)
    finally:
        stop.set()
        worker.wake()
        working.join(1)
    if not receipt.is_pending:
        with engine.begin() as connection:
            take_result(connection, receipt.reference, utc_now())
    return receipt


def write_many(engine: Engine, settings: Settings, who: Person, asked: Asked) -> Receipt:
    """Store a bulk removal and carry it out, saying how far it is; returns when all leads are finished.

    Interrupted, it is kept: the bot or `uysp up` goes on with it, and `uysp stop` ends it.

    Raises:
        UyspError: it may not, or cannot, be stored; nothing was.
    """
    receipt = submit(engine, settings, who, asked, origin="terminal")
    print(f"Reference {receipt.reference}. Ctrl-C leaves the rest to the bot or uysp up.", file=sys.stderr)
    stop = threading.Event()
    worker = Worker(engine, settings, only=asked.lead_ids)
    working = threading.Thread(target=worker.run, args=(stop,), daemon=True)
    working.start()
    try:
        while receipt.is_pending:
            receipt = await_receipt(engine, settings, receipt.reference, PROGRESS_SECONDS, _look_again)
            if receipt.is_pending:
                print(receipt.said, file=sys.stderr)
    except KeyboardInterrupt:
        print(f"Kept; the bot or uysp up goes on with it. uysp stop {receipt.reference} ends it.", file=sys.stderr)
    finally:
        stop.set()
        worker.wake()
        working.join(STOP_SECONDS)
    if not receipt.is_pending:
        with engine.begin() as connection:
            take_result(connection, receipt.reference, utc_now())
    return receipt


def _look_again(_seconds: float) -> None:
    time.sleep(LOOK_SECONDS)  # a receipt of many leads costs more to read


def exit_status(receipt: Receipt) -> int:
    """Return what the command ends with."""
    return PENDING if receipt.is_pending else CONFIRMED if receipt.is_well else REFUSED


def removal_targets(
    connection: Connection, client: str, lead_id: str, *, only_this: bool, confirm: Callable[[str, bool], bool] | None
) -> tuple[str, ...]:
    """Return the leads to remove: the one named, and those of the same phone that are chosen.

    Args:
        connection: under a role that may read raw.
        client: key of the client.
        lead_id: the one that was named.
        only_this: no others.
        confirm: asks a person, given a question and what holds by default; None: defaults hold.
    """
    others: list[SamePhone] = [] if only_this else same_phone(connection, client, lead_id)
    chosen = [other for other in others if other.chosen]
    if confirm is not None and len(others) <= MOST_ASKED:
        chosen = [
            other
            for other in others
            if confirm(
                f"{other.name} ({other.processing_status or 'no status'}, {other.lead_id}) has the same phone. "
                "Remove too?",
                other.chosen,
            )
        ]
    return (lead_id, *(other.lead_id for other in chosen))


def left_out(connection: Connection, asked: Asked) -> str | None:
    """Return a sentence about active records of a lead's phone that its removal leaves out; None: there are none."""
    others = [
        each for each in same_phone(connection, asked.client, asked.lead_ids[0]) if each.lead_id not in asked.lead_ids
    ]
    if not others:
        return None
    named = ", ".join(f"{each.name} ({each.lead_id})" for each in others[:MOST_ASKED])
    more = f" and {len(others) - MOST_ASKED:,} more" if len(others) > MOST_ASKED else ""
    records, are, them = ("record", "is", "it") if len(others) == 1 else ("records", "are", "each of them")
    return (
        f"{len(others):,} other {records} with the same phone {are} left out of this removal: {named}{more}. "
        f"Whoever is behind the phone may still be written to; `uysp remove` with its record id removes {them} too."
    )


def typed_text(given: str | None) -> str:
    """Return a text from the command line, or from standard input where it was left out."""
    if given is None:
        if sys.stdin.isatty():
            print("Type the text, then Ctrl-D:", file=sys.stderr)
        given = sys.stdin.read()
    # Bytes that are no text in the terminal's encoding come as lone surrogates.
    return given.encode(errors="surrogateescape").decode(errors="replace")
