"""The commands that write to Airtable, and the log of what was written; `uysp.cli` takes them in.

They know neither Slack nor how leads are searched: `uysp.cli` finds the person and the lead for them.
"""

import re
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from uysp.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine

    from uysp.actions.model import Asked
    from uysp.actions.rights import Person

write_app = typer.Typer()

Lead = Annotated[str, typer.Argument(help="A record id, email, phone number or name that only one lead has.")]
Whose = Annotated[str | None, typer.Option("--client", metavar="KEY", help="Whose lead it is.")]
Actor = Annotated[
    str | None,
    typer.Option("--as", metavar="USER", help="Who acts: a Slack user id or an email; default: who is logged in."),
]


@write_app.command()
def note(
    lead: Lead,
    text: Annotated[str | None, typer.Argument(help="The note; read from standard input if left out.")] = None,
    note_type: Annotated[
        str, typer.Option("--type", metavar="T", help="Call, Email, Text, Meeting, General, Issue or Success.")
    ] = "General",
    client: Whose = None,
    who: Actor = None,
) -> None:
    """Add a note to a lead in Airtable; ends when Airtable has confirmed (0), or with the note kept (3)."""
    from uysp.actions.notes import note as add_note
    from uysp.terminal import typed_text

    body = typed_text(text)
    _write(lead, client, who, lambda _connection, key, lead_id: add_note(key, lead_id, body, note_type))


@write_app.command()
def remove(
    lead: Lead,
    reason: Annotated[str, typer.Option(help="Why, 1 to 500 characters.")],
    only_this: Annotated[bool, typer.Option("--only-this", help="Leave others with the same phone alone.")] = False,
    client: Whose = None,
    who: Actor = None,
) -> None:
    """Remove a lead from its campaign in Airtable, so that no message follows."""
    from uysp.actions.present import present_state
    from uysp.actions.removal import removal
    from uysp.terminal import left_out, removal_targets

    def asked(connection: "Connection", key: str, lead_id: str) -> "Asked":
        asking = (lambda question, default: typer.confirm(question, default=default)) if sys.stdin.isatty() else None
        print(present_state(connection, key, lead_id), file=sys.stderr)
        targets = removal_targets(connection, key, lead_id, only_this=only_this, confirm=asking)
        chosen = removal(key, targets, reason)
        others = left_out(connection, chosen)
        if others:
            print(others, file=sys.stderr)
        return chosen

    _write(lead, client, who, asked)


@write_app.command()
def mark(
    lead: Lead,
    status: Annotated[str, typer.Argument(help="Qualified, Archive, Review or Manual Process.")],
    reason: Annotated[str | None, typer.Option(help="Why, at most 500 characters.")] = None,
    client: Whose = None,
    who: Actor = None,
) -> None:
    """Give a lead a status in Airtable; Manual Process stops it too."""
    from uysp.actions.status import mark as give_status

    _write(lead, client, who, lambda _connection, key, lead_id: give_status(key, lead_id, status, reason))


Override = Annotated[bool, typer.Option("--override", help="Though another person holds it; for admins.")]


@write_app.command()
def claim(lead: Lead, override: Override = False, client: Whose = None, who: Actor = None) -> None:
    """Claim a lead in Airtable."""
    from uysp.actions.status import claim as take

    _write(lead, client, who, lambda _connection, key, lead_id: take(key, lead_id, override=override))


@write_app.command()
def unclaim(lead: Lead, override: Override = False, client: Whose = None, who: Actor = None) -> None:
    """Give a claimed lead up in Airtable."""
    from uysp.actions.status import unclaim as give_up

    _write(lead, client, who, lambda _connection, key, lead_id: give_up(key, lead_id, override=override))


@write_app.command()
def undo(
    reference: Annotated[str, typer.Argument(metavar="REF", help="The reference that the action was answered with.")],
    who: Actor = None,
) -> None:
    """Undo an action of the last 15 minutes, all or nothing."""
    from uysp.actions.requests import utc_now
    from uysp.actions.rights import is_admin
    from uysp.actions.undo import undo as undoing
    from uysp.database import Role, open_database
    from uysp.finding import acting_person

    settings = load_settings()
    actor = acting_person(settings, who)
    with open_database(settings, Role.BOT) as engine:
        with engine.connect() as connection:
            asked = undoing(connection, actor, reference, utc_now(), admin=is_admin(settings, actor))
        _carry_out(engine, settings, actor, asked)


def log_as_csv(what: str, client: str | None, who: str | None) -> str:
    """Return the whole log of writes, of all leads, a lead or an action, as CSV.

    Raises:
        DeniedError: the person does not administer.
    """
    from uysp.actions.rights import check_writer
    from uysp.activity import as_csv, read_log
    from uysp.database import Role, open_database
    from uysp.finding import acting_person, chosen_clients, find_lead

    settings = load_settings()
    keys = [each.key for each in chosen_clients(settings, client)]
    actor = acting_person(settings, who)
    with open_database(settings, Role.BOT) as engine:
        for key in keys:
            check_writer(engine, settings, actor, key, what="history", admin=True)
        reference = what.upper() if re.fullmatch("[0-9A-Fa-f]{8}", what) else None
        lead_id = find_lead(engine, settings, what, client)[1] if what and reference is None else None
        with engine.connect() as connection:
            nobodys = client is None  # whoever asks for one client's log is not told of strangers
            lines = read_log(connection, keys, lead_id=lead_id, reference=reference, most=None, with_nobodys=nobodys)
            return as_csv(lines)


def _write(lead: str, client: str | None, who: str | None, ask_for: "Callable[[Connection, str, str], Asked]") -> None:
    """Find the lead, ask for a write, carry it out, and end with what came of it."""
    from uysp.database import Role, open_database
    from uysp.finding import acting_person, chosen_clients, find_lead

    settings = load_settings()
    chosen_clients(settings, client)
    actor = acting_person(settings, who)
    with open_database(settings, Role.BOT) as engine:
        key, lead_id = find_lead(engine, settings, lead, client)
        with engine.connect() as connection:
            asked = ask_for(connection, key, lead_id)
        _carry_out(engine, settings, actor, asked)


def _carry_out(engine: "Engine", settings: Settings, actor: "Person", asked: "Asked") -> None:
    from uysp.terminal import CONFIRMED, exit_status, write

    receipt = write(engine, settings, actor, asked)
    status = exit_status(receipt)
    if status == CONFIRMED:
        print(receipt.said)
    else:
        print(f"uysp: {receipt.said}", file=sys.stderr)
    raise typer.Exit(status)


@write_app.command(hidden=True)
def writer() -> None:
    """Carry out the writes that people asked for, until SIGTERM; `uysp up` runs this where there is no bot."""
    import logging
    import signal
    import threading

    from uysp.actions.worker import Worker
    from uysp.database import Role, open_database

    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s %(message)s", level=logging.INFO)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    settings = load_settings()
    with open_database(settings, Role.BOT) as engine:
        Worker(engine, settings).run(stop)
