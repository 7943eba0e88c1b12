"""Bulk removal: a whole campaign or a list of leads, by who administers, confirmed by typing, in batches of ten.

Its requests lie in the same queue as everybody's, one for each lead, behind all that people ask for meanwhile; so it
goes on after a crash where it stood.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from uysp.actions.model import Asked, Kind, State
from uysp.actions.removal import LEAD_NAME, removal, same_phone_as
from uysp.actions.requests import lock_end, put_result
from uysp.actions.rights import Person, check_writer
from uysp.activity import append
from uysp.errors import UyspError
from uysp.settings import Settings

SAMPLE = 5


@dataclass(frozen=True)
class Preview:
    """What a bulk removal would concern.

    Attributes:
        lead_ids: record ids of all leads, those of the same phones included.
        same_phone: how many of them are there for their phone alone.
        sample: names of some of them.
        word: what has to be typed to confirm.
    """

    client: str
    lead_ids: tuple[str, ...]
    same_phone: int
    sample: tuple[str, ...]

    @property
    def word(self) -> str:
        """What has to be typed: it holds the count, so that nobody confirms another one."""
        return f"REMOVE {len(self.lead_ids)}"

    @property
    def said(self) -> str:
        """The count and the sample, for people."""
        others = f", {self.same_phone:,} of them for having the same phone" if self.same_phone else ""
        return f"{len(self.lead_ids):,} leads{others}, such as {', '.join(self.sample)}. Type {self.word} to confirm."


@dataclass(frozen=True)
class Progress:
    """How a bulk removal stands: leads by state."""

    reference: str
    total: int
    by_state: dict[State, int]

    @property
    def finished(self) -> int:
        """How many leads are finished, one way or another."""
        return self.total - self.by_state.get(State.PENDING, 0)


def preview(connection: Connection, client: str, lead_ids: Collection[str]) -> Preview:
    """Return what removing these leads would concern.

    Raises:
        UyspError: none of them exists.
    """
    rows = connection.execute(
        text(f"""
            select record_id, {LEAD_NAME.format(row="leads")} as name
            from raw.leads where client = :client and record_id = any(:ids) and deleted_at is null order by record_id
        """),
        {"client": client, "ids": list(lead_ids)},
    ).all()
    if not rows:
        raise UyspError("There is no lead to be removed; nothing was stored.")
    own = [row.record_id for row in rows]
    others = same_phone_as(connection, client, own)
    step = max(1, len(rows) // SAMPLE)
    return Preview(client, (*own, *others), len(others), tuple(row.name for row in rows[::step][:SAMPLE]))


def bulk_removal(shown: Preview, reason: str, typed: str) -> Asked:
    """Return the bulk removal that was shown, if it was confirmed.

    Raises:
        UyspError: not confirmed.
        TextError: a reason that cannot be taken.
    """
    if " ".join(typed.split()).casefold() != shown.word.casefold():
        raise UyspError(f"Not confirmed: {shown.word} was to be typed. Nothing was stored.")
    return removal(shown.client, shown.lead_ids, reason, is_bulk=True)


def progress(connection: Connection, reference: str) -> Progress:
    """Return how a bulk removal stands."""
    rows = connection.execute(
        text("select state, count(*) as leads from app.write_requests where reference = :reference group by state"),
        {"reference": reference},
    ).all()
    by_state = {State(row.state): int(row.leads) for row in rows}
    return Progress(reference, sum(by_state.values()), by_state)


def stop(engine: Engine, settings: Settings, person: Person, reference: str, now: datetime) -> Progress:
    """End a bulk removal: what is not under way is left out, what is done stays done.

    Raises:
        DeniedError: the person does not administer.
        UyspError: there is no such bulk removal.
    """
    with engine.connect() as connection:
        client: str | None = connection.execute(
            text("select client from app.write_requests where reference = :reference and is_bulk limit 1"),
            {"reference": reference},
        ).scalar_one_or_none()
    if client is None:
        raise UyspError(f"There is no bulk removal {reference[:20]!r}.")
    check_writer(engine, settings, person, client, what="stop", admin=True)
    with engine.begin() as connection:
        lock_end(connection, reference)
        stopped = connection.execute(
            text("""
                update app.write_requests set
                    state = :stopped, finished_at = :now, said = lead_name || ' was left out: the removal was stopped.'
                where reference = :reference and state = :pending and holder is null and not maybe_applied
            """),
            {"reference": reference, "stopped": State.STOPPED, "pending": State.PENDING, "now": now},
        ).rowcount
        append(
            connection,
            Kind.REMOVE.action,
            actor_id=person.id,
            actor_name=person.name,
            client=client,
            outcome=State.STOPPED,
            details={"reference": reference, "leads": stopped},
        )
        put_result(connection, settings, reference, now)
        return progress(connection, reference)
