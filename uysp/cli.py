"""The command line: the one place where everything meets.

Every command imports what it needs when it runs: `uysp ask` must not pay for Dagster, dbt or Bolt.
"""

import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from uysp.errors import ConfigurationError, UyspError
from uysp.settings import Client, Settings, load_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from uysp.cycle import TableOutcome

app = typer.Typer(
    help="Warehouse and Slack front end for text-message outreach that lives in Airtable.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

client_app = typer.Typer(help="Clients, one Airtable base each.", no_args_is_help=True)
app.add_typer(client_app, name="client")


def main() -> None:
    """Run a command; what a person can cause or mend ends with one line on stderr and no traceback."""
    from sqlalchemy.exc import DBAPIError

    from uysp.database import as_database_error

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a name that the terminal cannot show must not end the answer
    try:
        app()
    except UyspError as error:
        fail(error)
    except DBAPIError as error:
        fail(as_database_error(error))
    except OSError as error:
        # A full disk or a folder that may not be written; anything else of ours is a bug and says so itself.
        fail(
            UyspError(f"{error.strerror or error}: {error.filename or 'a file'} could not be used; free or change it.")
        )
    except KeyboardInterrupt:
        sys.exit(130)


def fail(error: UyspError) -> None:
    """End with the error's sentence and status."""
    print(f"uysp: {error}", file=sys.stderr)
    sys.exit(error.exit_status)


@app.command()
def sync(
    full: Annotated[bool, typer.Option("--full", help="Read every record, not only what changed.")] = False,
    fast: Annotated[bool, typer.Option("--fast", help="With --full: take all that Airtable allows on a base.")] = False,
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Look for missed deletions and additions, and re-read a share.")
    ] = False,
    accept_deletions: Annotated[
        bool, typer.Option("--accept-deletions", help="Believe the deletions that were held back.")
    ] = False,
    client: Annotated[str | None, typer.Option("--client", metavar="KEY", help="Only this client.")] = None,
) -> None:
    """One cycle in the foreground: read from Airtable what changed, load it, build the marts."""
    from pipelines.warehouse import build_marts, build_state
    from uysp.clients import each_client
    from uysp.database import Role, open_database
    from uysp.sync import sync_client

    if fast and not full:
        raise ConfigurationError("--fast belongs to --full; nothing was read.")
    settings = load_settings()
    clients = chosen_clients(settings, client)
    console = Console(highlight=False)
    errors: list[str] = []
    read_anything = False
    with console.status("asking Airtable") as status, open_database(settings, Role.PIPELINE) as engine:

        def read(each: Client) -> "list[TableOutcome]":
            return sync_client(
                engine,
                settings,
                each,
                full=full,
                fast=fast,
                sweep=sweep,
                accept_deletions=accept_deletions,
                progress=lambda table, records: status.update(f"{each.key} {table}: {records:,}"),
                on_wait=lambda: status.update(f"another sync of {each.key} is running; waiting for its end"),
            )

        for _, outcomes in each_client(clients, read):
            for outcome in outcomes:
                console.print(table_line(outcome), markup=False, soft_wrap=True)
                errors += [said for said in (outcome.error, outcome.alarm) if said]
                read_anything = read_anything or outcome.error is None
        if full or build_state(engine).is_due:
            built = build_marts(settings, engine, lambda step: status.update(f"building the marts: {step}"))
            console.print(f"marts: {built.models} models in {built.seconds:.1f} s", markup=False, soft_wrap=True)
            errors += built.failures
        elif read_anything:
            console.print("marts: nothing to build, they hold all that is loaded")
    for error in dict.fromkeys(errors):
        print(f"uysp: {error}", file=sys.stderr)
    raise typer.Exit(1 if errors else 0)


@app.command()
def ask(
    text: Annotated[str, typer.Argument(help='What follows /uysp in Slack, such as "campaigns" or "lead anna".')],
    as_json: Annotated[bool, typer.Option("--json", help="Print the data behind the answer.")] = False,
) -> None:
    """Answer a question as the slash command with this text does."""
    _answer(text, as_json=as_json)


@app.command()
def versions(
    lead: Annotated[str, typer.Argument(help="A record id, email, phone number or name.")],
    client: Annotated[str | None, typer.Option("--client", metavar="KEY", help="Whose lead it is.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the data behind the answer.")] = False,
) -> None:
    """A lead's past: every version of its record, and what changed from one to the next."""
    quoted = lead.replace('"', " ")
    _answer(f'versions "{quoted}"' + (f" client:{client}" if client else ""), as_json=as_json)


def _answer(text: str, *, as_json: bool) -> None:
    from slackbot.answers import ask as answer_question
    from slackbot.answers import question_of, takes_client
    from slackbot.blocks import json_text
    from uysp.database import Role, open_database

    settings = load_settings()
    # Bytes that are no text in the terminal's encoding come as lone surrogates.
    text = text.encode(errors="surrogateescape").decode(errors="replace")
    question = question_of(text)
    if takes_client(question) and "client" not in question.filters and len(settings.clients) > 1:
        keys = ", ".join(each.key for each in settings.clients)
        raise ConfigurationError(f"Several clients are configured, so say which: add client:KEY, one of {keys}.")
    with open_database(settings, Role.BOT) as engine:
        answer = answer_question(text, engine, settings)
    if as_json:
        print(json_text(answer))
    else:
        from slackbot.blocks.terminal import render

        render(answer, Console())


@app.command()
def bot() -> None:
    """Run the Slack bot alone, until it is stopped."""
    from slackbot.app import serve

    serve(load_settings())


@app.command()
def up(
    dagster_port: Annotated[int, typer.Option(help="Port of Dagster's pages on this machine.")] = 3030,
) -> None:
    """Run everything: Dagster's web server, daemon and schedules, and the bot; Ctrl-C stops it."""
    from uysp.supervisor import run

    run(load_settings(), web_port=dagster_port)


@app.command()
def doctor() -> None:
    """Check database, Airtable and Slack: a line each, what is wrong and what to do."""
    from slackbot.checks import check_slack
    from uysp.doctor import State, check_calls, check_clients, check_database

    settings = load_settings()
    console = Console(highlight=False)
    colours = {State.OK: "green", State.NOTE: "yellow", State.WRONG: "red"}
    wrong = False
    for check in (check_database, check_calls, check_clients, check_slack):
        for finding in check(settings):
            wrong = wrong or finding.state is State.WRONG
            console.print(f"[{colours[finding.state]}]{finding.state:<5}[/]", end=" ")
            console.print(f"{finding.part}: {finding.text}", markup=False, soft_wrap=True)
            if finding.remedy:
                console.print(f"      {finding.remedy}", markup=False, soft_wrap=True)
    raise typer.Exit(1 if wrong else 0)


@client_app.command("forget")
def forget_client(
    key: Annotated[str, typer.Argument(help="The client's key.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase everything of a client: records, history, marts, details in the log; and end its webhook."""
    from uysp import forget
    from uysp.airtable.client import Gateway
    from uysp.airtable.limiter import shared_limiter
    from uysp.capture import remove_hook
    from uysp.database import Role, open_database
    from uysp.errors import AirtableError
    from uysp.settings import AIRTABLE_URL

    settings = load_settings()
    with open_database(settings, Role.PIPELINE) as engine:
        known = forget.what_is_known_of_client(engine, key)
        if not known.total:
            raise ConfigurationError(f"Nothing is known of a client {key!r}; nothing was erased.")
        _confirm(f"This erases for good: {known.said()}.", key, yes=yes)
        configured = next((each for each in settings.clients if each.key == key), None)
        if configured is not None:
            gateway = Gateway(
                configured, shared_limiter(engine, settings, configured), settings.airtable_endpoint_url or AIRTABLE_URL
            )
            try:
                remove_hook(engine, gateway)
            except AirtableError as error:
                print(f"uysp: its webhook was left to end by itself within a week: {error}", file=sys.stderr)
        erased = forget.forget_client(engine, key)
        _rebuild(settings, engine)
    print(f"Erased: {erased.said()}.")
    if configured is not None:
        print(f"{key} is still configured, so the next sync reads it again: take it out of the configuration.")


@app.command("forget-lead")
def forget_lead(
    lead_id: Annotated[str, typer.Argument(metavar="ID", help="The lead's record id.")],
    client: Annotated[str | None, typer.Option("--client", metavar="KEY", help="Whose lead it is.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase everything of a lead: its record, its messages, their history, marts, details in the log."""
    from uysp import forget
    from uysp.database import Role, open_database

    settings = load_settings()
    with open_database(settings, Role.PIPELINE) as engine:
        having = [key for key in forget.clients_of_lead(engine, lead_id) if client in {None, key}]
        if not having:
            raise ConfigurationError(f"No lead has the record id {lead_id[:40]!r}; nothing was erased.")
        if len(having) > 1:
            raise ConfigurationError(f"Several clients have that lead; add --client, one of {', '.join(having)}.")
        known = forget.what_is_known_of_lead(engine, having[0], lead_id)
        _confirm(f"This erases for good: {known.said()}.", lead_id, yes=yes)
        erased = forget.forget_lead(engine, having[0], lead_id)
        _rebuild(settings, engine)
    print(f"Erased: {erased.said()}.")
    print("As long as the records stand in Airtable they are read again: delete the lead and its messages there, too.")


def _confirm(what: str, word: str, *, yes: bool) -> None:
    """Go on only if a person has typed the word, or said --yes.

    Raises:
        ConfigurationError: not confirmed; nothing was erased.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigurationError(f"{what} Nothing was erased, because there is nobody to confirm; add --yes.")
    print(what)
    if typer.prompt(f"Type {word} to confirm", default="", show_default=False) != word:
        raise ConfigurationError("Not confirmed; nothing was erased.")


def _rebuild(settings: Settings, engine: "Engine") -> None:
    from pipelines.warehouse import build_marts

    built = build_marts(settings, engine)
    if not built.success:
        raise UyspError(
            f"Erased from raw, but the marts could not be rebuilt: {' '.join(built.failures)} Run uysp sync."
        )


def table_line(outcome: "TableOutcome") -> str:
    """Return one line about a table: read, changed, deleted, API calls, seconds, and what to know."""
    name = f"{outcome.client} {outcome.source_table}:"
    if outcome.error:
        return f"{name} failed"
    counts = f"{outcome.read:,} read, {outcome.changed:,} changed, {outcome.deleted:,} deleted"
    line = f"{name} {counts}, {outcome.calls:,} API calls, {outcome.seconds:.1f} s"
    return "\n".join([line, *(f"  {warning}" for warning in outcome.warnings)])


def chosen_clients(settings: Settings, key: str | None) -> tuple[Client, ...]:
    """Return the client named `key`, or all.

    Raises:
        ConfigurationError: none is configured, or none has that key.
    """
    if not settings.clients:
        raise ConfigurationError(
            "No Airtable base is configured, so there is nothing to read; set AIRTABLE_API_KEY and AIRTABLE_BASE_ID, "
            "or UYSP_CLIENTS_FILE, in the environment or in .env."
        )
    chosen = tuple(client for client in settings.clients if key in {None, client.key})
    if not chosen:
        keys = ", ".join(client.key for client in settings.clients)
        raise ConfigurationError(f"There is no client {key!r}; the configured ones are: {keys}.")
    return chosen
