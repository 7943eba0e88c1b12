"""What `uysp doctor` looks at: one function per part, each yielding findings with a remedy."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, Engine, text

from uysp import lead_index
from uysp.airtable.again import ask_again
from uysp.airtable.budget import NOTE_SHARE, WRONG_SHARE, budget
from uysp.airtable.client import Gateway
from uysp.airtable.fields import (
    EXPECTED_FIELDS,
    REQUIRED_FIELDS,
    REQUIRED_TABLES,
    TABLES,
    SourceTable,
    find_tables,
    unmet_names,
)
from uysp.airtable.hooks import own_hooks
from uysp.airtable.limiter import BudgetSpentError, Kind, Limiter, Pace, base_scope, shared_limiter, token_scope
from uysp.airtable.model import Table
from uysp.builds import failing
from uysp.database import Role, missing_roles, open_database, role_sql
from uysp.deletions import alarm
from uysp.errors import AirtableError, ConfigurationError, UyspError
from uysp.roles import left_to_analyst
from uysp.settings import Client, Settings

# Options that the automations and our own writes rely on; what is said where one is missing.
OPTIONS = {
    ("leads", "Processing Status"): {
        "In Sequence": "leads in a sequence cannot be counted",
        "Ready for SMS": "leads ready for a message cannot be counted",
        "Stopped": "a removal from a campaign cannot be written",
        "Completed": "finished leads cannot be told",
    },
    ("leads", "HRQ Status"): {
        "Completed": "a removal from a campaign is written without it",
        "Archive": "leads cannot be marked so",
        "Qualified": "leads cannot be marked so",
        "Review": "leads cannot be marked so",
        "Manual Process": "leads cannot be marked so",
    },
}
_NEEDED_OPTIONS = {("Processing Status", "Stopped")}


class State(StrEnum):
    """How a part is: right, right with something to know, or wrong."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True)
class Finding:
    """One line of the report; `remedy` is empty where nothing is to be done."""

    part: str
    state: State
    text: str
    remedy: str = ""


# Columns of app.airtable_pace: what they mean while they lie ahead.
_HELD_BACK = {
    "locked_until": (State.NOTE, "Airtable was asked too fast and refuses everybody; we are silent", ""),
    "slowed_until": (State.NOTE, "half the usual rate, because other integrations are busy too,", ""),
    "blocked_until": (
        State.WRONG,
        "Airtable says that the plan has no calls left this month; nothing is read",
        "Wait for the next month, or raise the plan and run uysp sync or uysp doctor, which ask again at once.",
    ),
}


def check_database(settings: Settings) -> Iterator[Finding]:
    """Look at the database and its roles; starts the embedded one if none is configured."""
    where = "DATABASE_URL" if settings.database_url else "the embedded server"
    try:
        with open_database(settings, Role.PIPELINE) as engine:
            yield Finding("database", State.OK, f"{where} answers, PostgreSQL {_version(engine)}")
            with engine.connect() as connection:
                missing = missing_roles(connection)
                remedy = f"Have an administrator run:\n{role_sql(connection)}"
                left = left_to_analyst(connection)
                has_parts = lead_index.has_parts(connection)
                unbuilt = failing(connection)
    except UyspError as error:
        yield Finding("database", State.WRONG, str(error))
        return
    if missing:
        text = f"The login may not create the roles {', '.join(missing)}; work goes on under the login itself."
        yield Finding("roles", State.NOTE, text, remedy)
    else:
        yield Finding("roles", State.OK, ", ".join(Role))
    if left:
        text = f"As every login of this server, {Role.ANALYST} may also {', '.join(left)}."
        remedy = "Where nobody needs it, have an administrator run in this database:\n" + "\n".join(left.values())
        yield Finding("analyst", State.NOTE, text, remedy)
    if unbuilt:
        remedy = "Run uysp sync, which says what dbt says; in Dagster it stands in the last failed run."
        yield Finding("marts", State.WRONG, str(unbuilt), remedy)
    if has_parts:
        yield Finding("search", State.OK, "parts and slips of words are found by an index")
    else:
        text = "The extension pg_trgm is not there: words with two slips are not found, parts of words more slowly."
        yield Finding("search", State.NOTE, text, f"Have an administrator run:\n{lead_index.PARTS_SQL}")


def check_calls(settings: Settings) -> Iterator[Finding]:
    """Look at the month's API calls, at what holds requests back, and at deletions that wait for a person."""
    try:
        with open_database(settings, Role.PIPELINE) as engine, engine.connect() as connection:
            for client in settings.clients:
                ask_again(engine, settings, client)
            plan = budget(connection, settings)
            paces = [finding for client in settings.clients for finding in _pace_findings(connection, client)]
            alarms = [said for client in settings.clients for said in alarm(connection, client.key, TABLES).values()]
    except UyspError:
        return  # said already
    kinds = ", ".join(f"{calls:,} {kind}" for kind, calls in plan.by_kind.items())
    state = State.OK if plan.share_used < NOTE_SHARE else State.NOTE if plan.share_used < WRONG_SHARE else State.WRONG
    remedy = "" if state is State.OK else "Raise the plan and UYSP_AIRTABLE_MONTHLY_CALLS, or wait for the next month."
    yield Finding("api calls", state, plan.said() + (f" ({kinds})" if kinds else ""), remedy)
    yield from paces
    for said in alarms:
        yield Finding("deletions", State.WRONG, said)


def _pace_findings(connection: Connection, client: Client) -> Iterator[Finding]:
    scopes = {"base": base_scope(client.base_id), "token": token_scope(client)}
    for column, (state, what, remedy) in _HELD_BACK.items():
        until: datetime | None = connection.execute(
            text(f"select max({column}) from app.airtable_pace where scope in (:base, :token) and {column} > now()"),
            scopes,
        ).scalar_one()
        if until is not None:
            yield Finding(f"airtable {client.key} pace", state, f"{what} until {until:%H:%M:%S} UTC", remedy)


def check_clients(settings: Settings) -> Iterator[Finding]:
    """Look at every client's token, scopes, base, tables, fields and select options.

    At the pace that all processes share, and in front of background reads, because a person waits.
    """
    try:
        clients = settings.clients
    except ConfigurationError as error:
        yield Finding("airtable", State.WRONG, str(error))
        return
    if not clients:
        remedy = "Set AIRTABLE_API_KEY and AIRTABLE_BASE_ID, or UYSP_CLIENTS_FILE."
        yield Finding("airtable", State.WRONG, "No Airtable base is configured.", remedy)
        return
    with ExitStack() as stack:
        engine = _database_if_any(stack, settings)
        for client in clients:
            yield from _check_client(settings, client, engine)


def create_notes(settings: Settings, agreed: Callable[[str], bool]) -> Iterator[str]:
    """Create the field Notes in every base that has none and where a person agrees; yields what came of it.

    Args:
        settings: for the clients.
        agreed: asks a person.
    """
    with ExitStack() as stack:
        engine = _database_if_any(stack, settings)
        for client in settings.clients:
            gateway = _gateway(settings, client, engine, counts_as=Kind.WRITE)
            try:
                tables, _ = _tables(engine, client, gateway.schema())
                leads = tables.get("leads")
                name = client.field_names.get("Notes", "Notes")
                if leads is None or "Notes" in leads.names.values():
                    yield f"Client {client.key}: nothing to create."
                    continue
                if not agreed(f"The base of client {client.key} has no field {name!r} in Leads. Create it?"):
                    yield f"Client {client.key}: the field {name!r} was not created."
                    continue
                gateway.create_field(leads.table.id, name, "multilineText")
                yield f"Client {client.key}: the field {name!r} is created; the next sync reads it."
            except AirtableError as error:
                remedy = " The token needs the scope schema.bases:write." if error.status == 403 else ""
                yield f"Client {client.key}: {error}{remedy}"


def _database_if_any(stack: ExitStack, settings: Settings) -> Engine | None:
    """Return the database, or None where it does not answer: `check_database` says why."""
    try:
        return stack.enter_context(open_database(settings, Role.PIPELINE))
    except UyspError:
        return None


def _gateway(settings: Settings, client: Client, engine: Engine | None, *, counts_as: Kind | None = None) -> Gateway:
    """Return the way to a base: at the pace that all share, if there is a database, and soon, as a person waits."""
    pace: Pace = (
        Limiter(settings.uysp_airtable_rate)
        if engine is None
        else shared_limiter(engine, settings, client, counts_as=counts_as, before_polls=True)
    )
    return Gateway(client, pace, settings.airtable_url)


def _tables(engine: Engine | None, client: Client, schema: list[Table]) -> tuple[dict[str, SourceTable], list[str]]:
    """Match our tables and fields with the base's as a sync does, so that a rename is no loss here either."""
    if engine is None:
        return find_tables(None, client, schema)
    with engine.connect() as connection:
        return find_tables(connection, client, schema)


def _check_client(settings: Settings, client: Client, engine: Engine | None) -> Iterator[Finding]:
    part = f"airtable {client.key}"
    gateway = _gateway(settings, client, engine)
    try:
        schema = gateway.schema()
        yield Finding(f"{part} token", State.OK, "accepted, and may read the base's schema")
        if schema:
            lacking = gateway.lacking_scopes(schema[0].id)
            if lacking:
                remedy = "Add them to the token in Airtable, and see that its owner may edit the base."
                yield Finding(f"{part} scopes", State.WRONG, f"the token lacks {', '.join(lacking)}", remedy)
            else:
                yield Finding(f"{part} scopes", State.OK, "records may be read and written")
            yield _hook_finding(f"{part} webhook", gateway)
    except BudgetSpentError as error:
        # `check_calls` says what is wrong with that; of the base nothing is known to be.
        yield Finding(part, State.NOTE, f"not looked at: {error}")
        return
    except AirtableError as error:
        yield Finding(part, State.WRONG, str(error))
        return
    tables, _ = _tables(engine, client, schema)
    for source_table, name in TABLES.items():
        source = tables.get(source_table)
        if source is None:
            state = State.WRONG if source_table in REQUIRED_TABLES else State.NOTE
            yield Finding(f"{part} {name}", state, "the base has no such table", f"Create or restore the table {name}.")
            continue
        findings = [
            *_missing_fields(f"{part} {name}", source),
            *(Finding(f"{part} {name}", State.NOTE, said) for said in unmet_names(tables, source)),
            *(Finding(f"{part} {name}", State.NOTE, said) for said in source.notes),
            *_missing_options(f"{part} {name}", source),
        ]
        yield from findings
        if not findings:
            renamed = f"; the table is called {source.table.name!r} now" if source.table.name != name else ""
            yield Finding(f"{part} {name}", State.OK, f"all fields and options are there{renamed}")


def _hook_finding(part: str, gateway: Gateway) -> Finding:
    try:
        hooks = own_hooks(gateway)
    except AirtableError as error:
        if error.status not in {403, 404}:
            raise
        remedy = "Give the token the scope webhook:manage, and its owner the role of a creator."
        text = (
            "changes cannot be followed, so small tables are read whole, and the others by modification time, their "
            "deletions nightly"
        )
        return Finding(part, State.NOTE, text, remedy)
    return Finding(part, State.OK, "changes are followed" if hooks else "will be made with the next sync")


def _missing_fields(part: str, source: SourceTable) -> Iterator[Finding]:
    present = set(source.names.values())
    for name in REQUIRED_FIELDS.get(source.source_table, ()):
        if name not in present:
            text = f"no field {source.called(name)}, without which no number is right"
            yield Finding(part, State.WRONG, text, "Restore it, or name this base's own field in the clients file.")
    for name in EXPECTED_FIELDS[source.source_table]:
        if name not in present:
            text = f"no field {source.called(name)}; what depends on it stays empty"
            remedy = "Create it, or name this base's own field in the clients file."
            if name == "Notes":
                text = f"no field {source.called(name)}, so no note can be written"
                remedy += " uysp doctor --fix offers to create it."
            yield Finding(part, State.NOTE, text, remedy)


def _missing_options(part: str, source: SourceTable) -> Iterator[Finding]:
    choices = {
        source.names[field.id]: {str(choice["name"]).strip() for choice in (field.options or {}).get("choices", [])}
        for field in source.table.fields
    }
    for (table, name), options in OPTIONS.items():
        present = choices.get(name)
        if table != source.source_table or present is None:
            continue
        for option, consequence in options.items():
            if option not in present:
                state = State.WRONG if (name, option) in _NEEDED_OPTIONS else State.NOTE
                yield Finding(part, state, f"{name!r} has no option {option!r}: {consequence}", "Add it in Airtable.")


def _version(engine: Engine) -> str:
    with engine.connect() as connection:
        number: str = connection.exec_driver_sql("show server_version").scalar_one()
    return number
