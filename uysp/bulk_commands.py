"""The commands that write to many leads at once, for who administers; `uysp.cli` takes them in."""

import sys
from typing import Annotated

import typer

from uysp.settings import load_settings
from uysp.write_commands import Actor, Whose

bulk_app = typer.Typer()


@bulk_app.command("remove-all")
def remove_all(
    filters: Annotated[
        list[str], typer.Argument(metavar="FILTER…", help="Which leads, as campaign:webinar step:2 or status:Queued.")
    ],
    reason: Annotated[str, typer.Option(help="Why, 1 to 500 characters.")],
    confirm: Annotated[
        str | None, typer.Option(metavar="WORDS", help="REMOVE and the exact count; asked for in a terminal.")
    ] = None,
    client: Whose = None,
    who: Actor = None,
) -> None:
    """Remove all leads that filters leave from their campaigns, those of the same phones too; for admins."""
    from uysp.actions.bulk import bulk_removal, preview
    from uysp.actions.rights import check_writer
    from uysp.database import Role, open_database
    from uysp.finding import acting_person, find_leads
    from uysp.terminal import exit_status, write_many

    settings = load_settings()
    actor = acting_person(settings, who)
    with open_database(settings, Role.BOT) as engine:
        key, lead_ids = find_leads(engine, settings, filters, client)
        check_writer(engine, settings, actor, key, what="bulk removal", admin=True)
        with engine.connect() as connection:
            shown = preview(connection, key, lead_ids)
        print(shown.said, file=sys.stderr)
        if confirm is None and sys.stdin.isatty():
            confirm = typer.prompt("Confirm", default="", show_default=False, err=True)
        receipt = write_many(engine, settings, actor, bulk_removal(shown, reason, confirm or ""))
    for result in receipt.results:
        print(f"{result.lead_id}  {result.state}  {result.said or result.problem or ''}")
    print(receipt.said, file=sys.stderr)
    raise typer.Exit(exit_status(receipt))


@bulk_app.command()
def stop(
    reference: Annotated[str, typer.Argument(metavar="REF", help="The reference of a bulk removal.")],
    who: Actor = None,
) -> None:
    """End a bulk removal: what is done stays done; for admins."""
    from uysp.actions.bulk import stop as end
    from uysp.actions.requests import read_receipt, utc_now
    from uysp.database import Role, open_database
    from uysp.finding import acting_person

    settings = load_settings()
    actor = acting_person(settings, who)
    with open_database(settings, Role.BOT) as engine:
        end(engine, settings, actor, reference.strip().upper(), utc_now())
        with engine.connect() as connection:
            receipt = read_receipt(connection, settings, reference)
    assert receipt is not None  # noqa: S101 (it was just ended)
    print(receipt.said)
