"""Who may write, and how much: UYSP_WRITERS, UYSP_ADMINS, and so many writes a minute for each person.

Checked when a form opens (`check_writer`) and again when it is handed in (`uysp.actions.requests.submit`). Counted in
the database, because every process counts (docs/failures.md, 46).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, Engine, text

from uysp.actions.locks import lock
from uysp.activity import Action, append
from uysp.errors import UyspError
from uysp.settings import Settings

WINDOW = timedelta(minutes=1)


@dataclass(frozen=True)
class Person:
    """Somebody who wants to write.

    Attributes:
        id: Slack user id; in the terminal without one, who is logged in.
        name: as people know them; stands in notes.
        email: of their Slack profile; what a claim writes.
        is_member: whether they are a full member of the workspace: no guest, no outsider, no bot.
        groups: ids and handles of the Slack user groups that they belong to.
        clients: keys of the clients that they may see; None: all.
    """

    id: str
    name: str
    email: str | None = None
    is_member: bool = True
    groups: frozenset[str] = frozenset()
    clients: frozenset[str] | None = None


class DeniedError(UyspError):
    """The person may not do this; nothing was stored. The log has it.

    Attributes:
        reason: a word for the log.
    """

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


def is_admin(settings: Settings, person: Person) -> bool:
    """Return whether the person administers; without UYSP_ADMINS nobody does."""
    return person.is_member and _is_among(person, settings.uysp_admins)


def may_write(settings: Settings, person: Person) -> bool:
    """Return whether the person may write at all; without UYSP_WRITERS every full member may."""
    if not person.is_member:
        return False
    return not settings.uysp_writers or _is_among(person, settings.uysp_writers) or is_admin(settings, person)


def check_writer(
    engine: Engine, settings: Settings, person: Person, client: str, *, what: str = "write", admin: bool = False
) -> None:
    """Raise, and log the denial, unless the person may write to this client's base.

    Args:
        engine: under a role that may write schema `app`.
        settings: for who may.
        person: who wants to.
        client: key of the client.
        what: what they want, for the log; “history” is a file of it.
        admin: whether only who administers may.

    Raises:
        DeniedError: they may not.
    """
    denial = _denial(settings, person, client, what, admin=admin)
    if denial is not None:
        with engine.begin() as connection:
            log_denial(connection, person, client, what, denial)
        raise denial


def check_pace(connection: Connection, settings: Settings, person: Person, now: datetime) -> None:
    """Raise unless the person has writes left this minute; call in the transaction that stores the write.

    Two of one person's requests are let through one after the other, so that both count.

    Raises:
        DeniedError: too many; the caller logs it.
    """
    lock(connection, "writes of", person.id)
    written: int = connection.execute(
        text("""
            select count(distinct reference) from app.write_requests
            where actor_id = :actor and requested_at > :since
        """),
        {"actor": person.id, "since": now - WINDOW},
    ).scalar_one()
    most = settings.uysp_writes_per_minute
    if written >= most:
        raise DeniedError(
            f"That was more than {most} writes in a minute, so this one was not stored; try again in a minute.",
            "limit",
        )


def log_denial(connection: Connection, person: Person, client: str, what: str, denial: DeniedError) -> None:
    """Write a denial to the log."""
    append(
        connection,
        Action.ACCESS_DENIED,
        actor_id=person.id,
        actor_name=person.name,
        client=client,
        outcome="denied",
        details={"reason": denial.reason, "what": what},
    )


def _denial(settings: Settings, person: Person, client: str, what: str, *, admin: bool) -> DeniedError | None:
    done = "no file was made" if what == "history" else "nothing was stored"
    if not person.is_member:
        return DeniedError(f"Only full members of this workspace may write; {done}.", "no member")
    if person.clients is not None and client not in person.clients:
        return DeniedError(f"You may not write to client {client}; {done}.", "other client")
    if not may_write(settings, person):
        return DeniedError(f"You are not among those who may write (UYSP_WRITERS); {done}.", "no writer")
    if admin and not is_admin(settings, person):
        return DeniedError(f"Only admins may do this (UYSP_ADMINS); {done}.", "no admin")
    return None


def _is_among(person: Person, listed: Collection[str]) -> bool:
    names = {person.id, *person.groups}
    return any(each in names or each.removeprefix("@") in names for each in listed)
