"""The command line: the one place where everything meets.

Every command imports what it needs when it runs: `uysp ask` must not pay for Dagster, dbt or Bolt.
"""

import enum
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from uysp.bulk_commands import bulk_app
from uysp.errors import ConfigurationError, UyspError
from uysp.finding import chosen_clients
from uysp.settings import Client, Settings, load_settings
from uysp.write_commands import log_as_csv, write_app

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from pipelines.warehouse import BuildResult
    from uysp.cycle import TableOutcome

app = typer.Typer(
    help="Warehouse and Slack front end for text-message outreach that lives in Airtable.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

client_app = typer.Typer(help="Clients, one Airtable base each.", no_args_is_help=True)
app.add_typer(client_app, name="client")
app.add_typer(write_app)
app.add_typer(bulk_app)

INTERRUPTED = 130  # what typer ends with after Ctrl-C, as shells do

Asker = Annotated[
    str | None,
    typer.Option("--as", metavar="USER", help="Who asks, by Slack user id; at this terminal all read the same."),
]


def main() -> None:
    """Run a command; what a person can cause or mend ends with one line on stderr and no traceback."""
    try:
        _run()
    except (KeyboardInterrupt, SystemExit) as end:
        if isinstance(end, SystemExit) and end.code != INTERRUPTED:
            raise
        # Threads that still read from Airtable are not waited for: what they load is whole or nothing.
        with suppress(OSError):
            sys.stdout.flush()
        os._exit(INTERRUPTED)


def _run() -> None:
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


def fail(error: UyspError) -> None:
    """End with the error's sentence, on one line that steers no terminal, and its status."""
    said = "".join(each if each.isprintable() else " " for each in str(error))
    print(f"uysp: {said}", file=sys.stderr)
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
    from uysp.airtable.again import ask_again
    from uysp.clients import each_client
    from uysp.database import Role, open_database
    from uysp.forget import known_clients
    from uysp.sync import sync_client

    if fast and not full:
        raise ConfigurationError("--fast belongs to --full; nothing was read.")
    settings = load_settings()
    clients = chosen_clients(settings, client)
    console = Console(highlight=False)
    errors: list[str] = []
    read_anything = False
    with (
        _said_when_stopped(),
        console.status("asking Airtable") as status,
        open_database(settings, Role.PIPELINE) as engine,
    ):

        def read(each: Client) -> "list[TableOutcome]":
            ask_again(engine, settings, each)  # a person may have raised the plan
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
        if not read_anything and not known_clients(engine):
            pass  # marts of nothing would look like an answer
        elif full or build_state(engine).is_due:
            with _said_when_the_database_ends():
                built = build_marts(settings, engine, lambda step: status.update(f"building the marts: {step}"))
            console.print(f"marts: {built.models} models in {built.seconds:.1f} s", markup=False, soft_wrap=True)
            errors += [_unbuilt(built)] if built.failures else []
        elif read_anything:
            console.print("marts: nothing to build, they hold all that is loaded")
    for error in dict.fromkeys(errors):
        print(f"uysp: {error}", file=sys.stderr)
    raise typer.Exit(1 if errors else 0)


@contextmanager
def _said_when_stopped() -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        print("uysp: Stopped; what is listed above is loaded, and the next sync does the rest.", file=sys.stderr)
        raise


@contextmanager
def _said_when_the_database_ends() -> Iterator[None]:
    from sqlalchemy.exc import OperationalError

    from uysp.errors import DatabaseError

    try:
        yield
    except OperationalError:
        raise DatabaseError(
            "The database went away while the marts were built; what is listed above is loaded, and the marts keep "
            "what they had. Run uysp sync again."
        ) from None


@app.command()
def ask(
    text: Annotated[
        str, typer.Argument(help='What follows /uysp in Slack, such as "campaigns" or "lead anna"; nothing: dashboard.')
    ] = "",
    _asker: Asker = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the data behind the answer.")] = False,
) -> None:
    """Answer a question as the slash command with this text does."""
    _answer(text, as_json=as_json)


@app.command()
def versions(
    lead: Annotated[str, typer.Argument(help="A record id, email, phone number or name that only one lead has.")],
    client: Annotated[str | None, typer.Option("--client", metavar="KEY", help="Whose lead it is.")] = None,
    _asker: Asker = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the data behind the answer.")] = False,
) -> None:
    """A lead's past: every version of its record, and what changed from one to the next."""
    _answer(_line("versions", lead, client), as_json=as_json, how="--client KEY")


@app.command()
def history(
    lead: Annotated[str, typer.Argument(metavar="[LEAD|REF]", help="Only of this lead, or under this reference.")] = "",
    client: Annotated[str | None, typer.Option("--client", metavar="KEY", help="Whose log.")] = None,
    asker: Asker = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the data behind the answer.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print all lines as CSV; for admins.")] = False,
) -> None:
    """The log of writes: who changed what, and what came of it."""
    if as_csv:
        print(log_as_csv(lead, client, asker), end="")
    else:
        _answer(_line("history", lead, client), as_json=as_json, how="--client KEY")


def _line(verb: str, argument: str, client: str | None) -> str:
    from slackbot.grammar import line

    return line(verb, argument, {} if client is None else {"client": client})


def _unbuilt(built: "BuildResult") -> str:
    return (
        "The marts could not be built to their end; what depends on what failed shows what was built before. "
        + "; ".join(built.failures)
    )


def _answer(text: str, *, as_json: bool, how: str = "client:KEY") -> None:
    from slackbot.answers import ask as answer_question
    from slackbot.answers import lacks_client, question_of
    from slackbot.blocks import json_text
    from uysp.database import Role, open_database

    settings = load_settings()
    # Bytes that are no text in the terminal's encoding come as lone surrogates.
    text = text.encode(errors="surrogateescape").decode(errors="replace")
    question = question_of(text)
    if lacks_client(question) and len(settings.clients) > 1:
        keys = ", ".join(each.key for each in settings.clients)
        raise ConfigurationError(f"Several clients are configured, so say which: add {how}, one of {keys}.")
    with open_database(settings, Role.BOT) as engine:
        answer = answer_question(text, engine, settings, whole=as_json)
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
def doctor(
    fix: Annotated[
        bool, typer.Option("--fix", help="Offer to create what is missing in Airtable: the field Notes.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --fix: do not ask.")] = False,
) -> None:
    """Check database, Airtable and Slack: a line each, what is wrong and what to do."""
    from slackbot.checks import check_slack
    from uysp.doctor import State, check_calls, check_clients, check_database, create_notes

    settings = load_settings()
    if fix:
        for said in create_notes(settings, lambda question: yes or (sys.stdin.isatty() and typer.confirm(question))):
            needs_yes = said.endswith("was not created.") and not sys.stdin.isatty()
            print(f"{said} Nobody can be asked without a terminal; add --yes to agree." if needs_yes else said)
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


@app.command()
def export(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What to write; .duckdb, .parquet, .csv or .xlsx.")],
    mart: Annotated[str | None, typer.Option("--mart", metavar="NAME", help="Only this mart.")] = None,
    client: Annotated[str | None, typer.Option("--client", metavar="KEY", help="Only this client's rows.")] = None,
) -> None:
    """All marts as one .duckdb file, or one mart (--mart, or the one the file is named after) as another kind."""
    from uysp import export as exporting
    from uysp.database import Role, open_database

    settings = load_settings()
    console = Console(highlight=False, stderr=True)
    with console.status("opening the database") as status, open_database(settings, Role.ANALYST) as engine:
        exported = exporting.export(
            engine,
            file,
            mart=mart,
            client=client,
            progress=lambda name, rows: status.update(f"{name}: {rows:,} rows"),
            on_wait=lambda: status.update("the marts are being built; waiting for the end of that"),
        )
    for each in exported:
        print(f"{each.mart}: {each.rows:,} rows{f'; {each.note}' if each.note else ''}")
    print(f"Wrote {file} ({file.stat().st_size:,} bytes).")


class DatabaseReader(enum.StrEnum):
    """Who may be given a URL of the database."""

    ANALYST = "analyst"


@app.command("db-url")
def db_url(_reader: Annotated[DatabaseReader, typer.Argument(metavar="analyst", help="Who is to read.")]) -> None:
    """Make or renew the analyst's password and print the URL for BI tools: it reads all marts, and nothing else."""
    from uysp.database import Role, open_database
    from uysp.roles import analyst_url

    settings = load_settings()
    with open_database(settings, Role.PIPELINE) as engine:
        print(analyst_url(engine).render_as_string(hide_password=False))
    print("Whoever has an older URL of the analyst needs this one now.", file=sys.stderr)
    if settings.database_url is None:
        print("The embedded database answers while uysp up runs, on this machine only.", file=sys.stderr)


@client_app.command("forget")
def forget_client(
    key: Annotated[str, typer.Argument(help="The client's key.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Erase everything of a client: records, history, marts, details in the log; and end its webhook."""
    from uysp import forget
    from uysp.database import Role, open_database

    settings = load_settings()
    with open_database(settings, Role.PIPELINE) as engine:
        known = forget.what_is_known_of_client(engine, key)
        if known.is_nothing:
            keys = ", ".join(forget.known_clients(engine)) or "none"
            raise ConfigurationError(
                f"Nothing is known of a client {key!r}; nothing was erased. Clients of which something is: {keys}."
            )
        configured = next((each for each in settings.clients if each.key == key), None)
        _confirm(f"client {key}", known.lines(), key, yes=yes)
        end_hook = (lambda: _end_hook(settings, engine, configured)) if configured else (lambda: None)
        erased = forget.forget_client(engine, key, end_hook, on_wait=_tell_wait)
        _rebuild(settings, engine)
    print(f"Erased everything of client {key}.")
    _tell_not_cleaned(erased.not_cleaned)
    if configured is None:
        print("It is not configured, so nothing of it is read again; a webhook of ours ends by itself within a week.")
    else:
        where = settings.uysp_clients_file or "AIRTABLE_API_KEY and AIRTABLE_BASE_ID"
        print(f"It is still configured, so the next sync reads it again: take it out of {where}.")


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
    named, record_id = forget.record_named(lead_id)
    if client is not None and named is not None and client != named:
        raise ConfigurationError(
            f"{named}/{record_id} is a lead of client {named}, and --client says {client}; nothing was erased. Say "
            "only one of them."
        )
    if client is None and named is None and len(settings.clients) > 1:
        keys = ", ".join(each.key for each in settings.clients)
        raise ConfigurationError(f"Several clients are configured, so say whose: add --client KEY, one of {keys}.")
    with open_database(settings, Role.PIPELINE) as engine:
        clients = [each for each in forget.known_clients(engine) if each == (client or named or each)]
        known = {each: forget.what_is_known_of_lead(engine, each, record_id) for each in clients}
        having = [each for each in clients if not known[each].is_nothing]
        if not having:
            of = f" of client {client or named}" if client or named else ""
            raise ConfigurationError(f"Nothing is known of a lead {record_id}{of}; nothing was erased.")
        if len(having) > 1:
            raise ConfigurationError(f"Several clients know that lead: add --client KEY, one of {', '.join(having)}.")
        others = forget.same_person(engine, having[0], record_id)
        _confirm(f"lead {having[0]}/{record_id}", known[having[0]].lines(), record_id, yes=yes)
        erased = forget.forget_lead(engine, having[0], record_id, on_wait=_tell_wait)
        _rebuild(settings, engine)
    print(f"Erased everything of lead {record_id}.")
    _tell_not_cleaned(erased.not_cleaned)
    if erased.standing:
        print(
            f"When last read, {erased.standing:,} of its records still stood in Airtable; as long as they do they are "
            "read again: delete the lead and its messages there."
        )
    if others:
        print(f"Of the same phone or email, so maybe the same person, are known: {', '.join(others)}.")


def _confirm(whom: str, what: Sequence[str], word: str, *, yes: bool) -> None:
    """Show what is to be erased; go on only if a person has typed the word, or said --yes.

    Raises:
        ConfigurationError: not confirmed; nothing was erased.
    """
    print(f"What is known of {whom}, to be erased for good with all that the marts tell of it:")
    for line in what:
        print(f"  {line}")
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigurationError("Nothing was erased, because there is nobody to confirm it; add --yes.")
    if typer.prompt(f"Type {word} to confirm", default="", show_default=False).strip() != word:
        raise ConfigurationError("Not confirmed; nothing was erased.")


def _tell_not_cleaned(tables: Sequence[str]) -> None:
    if tables:
        print(
            f"No query finds it any more, but the files of {', '.join(tables)} were in use and may hold it until their "
            f"space is written over; to be sure run in the database: "
            f"{' '.join(f'vacuum full {table};' for table in tables)}"
        )


def _tell_wait() -> None:
    print("Waiting for a sync or a build of the marts to end ...", file=sys.stderr)


def _end_hook(settings: Settings, engine: "Engine", client: Client) -> None:
    from uysp.airtable.client import Gateway
    from uysp.airtable.limiter import shared_limiter
    from uysp.capture import remove_hook
    from uysp.errors import AirtableError

    pace = shared_limiter(engine, settings, client)
    try:
        remove_hook(engine, Gateway(client, pace, settings.airtable_url))
    except AirtableError as error:
        # Only what happened: what such sentences go on to say of data that stays is not true here.
        what, _, _ = str(error).partition(";")
        print(f"uysp: its webhook was left to end by itself within a week: {what}.", file=sys.stderr)


def _rebuild(settings: Settings, engine: "Engine") -> None:
    from pipelines.warehouse import build_marts

    built = build_marts(settings, engine)
    if not built.success:
        raise UyspError(
            f"Everything was erased, but the marts could not be built again: {' '.join(built.failures)} Run uysp sync."
        )


def table_line(outcome: "TableOutcome") -> str:
    """Return one line about a table: read, changed, deleted, API calls, seconds, and what to know."""
    name = f"{outcome.client} {outcome.source_table}:"
    if outcome.error:
        return f"{name} failed"
    counts = f"{outcome.read:,} read, {outcome.changed:,} changed, {outcome.deleted:,} deleted"
    line = f"{name} {counts}, {outcome.calls:,} API calls, {outcome.seconds:.1f} s"
    return "\n".join([line, *(f"  {warning}" for warning in outcome.warnings)])
