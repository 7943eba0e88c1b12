"""The raw tables as assets: one multi-asset that reads all clients' bases, and the heartbeat that ends a cycle.

A client or table that fails costs neither the others nor the marts: all tables count as looked at, the failure shows
as a failed check on its table, and the heartbeat, on which nothing depends, ends the run as a failure that names it.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import dagster as dg

from pipelines.resources import Workplace
from uysp.database import exclusive
from uysp.errors import UyspError, reference_id
from uysp.settings import Client
from uysp.sync import TableOutcome, sync_client

SOURCE_TABLES = {
    "leads": "Leads: people who are texted.",
    "campaigns": "Campaigns and the counters that automations keep on them.",
    "sms_templates": "Texts of every campaign's steps.",
    "sms_audit": "What the text-message provider reported.",
}
KEYS = {table: dg.AssetKey(["airtable", table]) for table in SOURCE_TABLES}
HEARTBEAT = dg.AssetKey(["airtable", "heartbeat"])
CHECK = "every_client_read"
CLIENT_COLUMNS = {"client": "string", "read": "int", "changed": "int", "deleted": "int", "said": "string"}
CLIENTS_AT_ONCE = 4  # bases have limits of their own; more would only take memory
NOT_CONFIGURED = (
    "No Airtable base is configured: set AIRTABLE_API_KEY and AIRTABLE_BASE_ID, or UYSP_CLIENTS_FILE, in the "
    "environment or in .env (.env.example lists all)."
)


@dg.multi_asset(
    specs=[
        dg.AssetSpec(KEYS[table], description=text, group_name="airtable", kinds={"airtable", "postgres"})
        for table, text in SOURCE_TABLES.items()
    ],
    check_specs=[
        dg.AssetCheckSpec(CHECK, asset=key, description="The last cycle read this table of every client.")
        for key in KEYS.values()
    ],
    can_subset=True,
    name="airtable",
    pool="airtable",
)
def airtable_tables(
    context: dg.AssetExecutionContext, workplace: Workplace
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Read every client's base and load what differs; all four tables, also where only some were asked for."""
    clients = workplace.settings.clients
    if not clients:
        raise dg.Failure(NOT_CONFIGURED, allow_retries=False)
    with (
        exclusive(workplace.engine, "sync", lambda: context.log.info("Another sync is running; waiting for its end")),
        ThreadPoolExecutor(CLIENTS_AT_ONCE, thread_name_prefix="client") as pool,
    ):
        read = pool.map(lambda client: _read_client(context, workplace, client), clients)
        outcomes = [outcome for client_outcomes in read for outcome in client_outcomes]
    for table, key in KEYS.items():
        of_table = [outcome for outcome in outcomes if outcome.source_table == table]
        if key in context.selected_asset_keys:
            yield dg.MaterializeResult(asset_key=key, metadata=table_metadata(of_table))
        if dg.AssetCheckKey(key, CHECK) in context.selected_asset_check_keys:
            yield table_check(key, of_table)


@dg.asset(
    key=HEARTBEAT,
    deps=list(KEYS.values()),
    group_name="airtable",
    description="The last cycle in which every client's base was read. Fails, naming them, where one was not.",
)
def heartbeat(context: dg.AssetExecutionContext) -> None:
    """End the run as a failure if a table of a client could not be read in it."""
    failures = failed_reads(context.instance, context.run.run_id)
    if failures:
        raise dg.Failure(
            f"Not everything could be read; the rest is loaded and goes into the marts. {' '.join(failures)}",
            allow_retries=False,
        )


def table_metadata(outcomes: Sequence[TableOutcome]) -> dict[str, int | float | dg.MetadataValue]:
    """Return what the page of a table shows and plots, over all clients: records, API calls, seconds."""
    return {
        "dagster/row_count": sum(outcome.read for outcome in outcomes),
        "changed": sum(outcome.changed for outcome in outcomes),
        "deleted": sum(outcome.deleted for outcome in outcomes),
        "api_calls": sum(outcome.calls for outcome in outcomes),
        "seconds": round(sum(outcome.seconds for outcome in outcomes), 2),
        "clients": dg.TableMetadataValue(
            [
                dg.TableRecord(
                    {
                        "client": outcome.client,
                        "read": outcome.read,
                        "changed": outcome.changed,
                        "deleted": outcome.deleted,
                        "said": " ".join([outcome.error or "", *outcome.warnings]).strip(),
                    }
                )
                for outcome in outcomes
            ],
            dg.TableSchema([dg.TableColumn(name, kind) for name, kind in CLIENT_COLUMNS.items()]),
        ),
    }


def table_check(key: dg.AssetKey, outcomes: Sequence[TableOutcome]) -> dg.AssetCheckResult:
    """Return the check of one table: failed if a client's table was not read; it names the clients and why."""
    errors = {outcome.client: outcome.error for outcome in outcomes if outcome.error}
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=CHECK,
        passed=not errors,
        severity=dg.AssetCheckSeverity.ERROR,
        description=" ".join(f"{client}: {error}" for client, error in errors.items()) or None,
    )


def failed_reads(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """Return what the checks of this run said of tables that could not be read, each sentence once."""
    events = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    checks = [entry.dagster_event.event_specific_data for entry in events if entry.dagster_event]
    said = [
        str(check.description)
        for check in checks
        if isinstance(check, dg.AssetCheckEvaluation) and check.check_name == CHECK and not check.passed
    ]
    return list(dict.fromkeys(said))


def _read_client(context: dg.AssetExecutionContext, workplace: Workplace, client: Client) -> list[TableOutcome]:
    """Read one client; whatever goes wrong is its outcome, so that the other clients are loaded and told of."""
    try:
        outcomes = sync_client(workplace.engine, workplace.settings, client)
    except UyspError as error:
        return _all_failed(client, str(error))
    except Exception:
        reference = reference_id()
        context.log.exception(f"Client {client.key} failed in an unexpected way (reference {reference})")
        return _all_failed(client, f"Failed in an unexpected way; the log of the run has more under {reference}.")
    for outcome in outcomes:
        for warning in outcome.warnings:
            context.log.warning(warning)
    return outcomes


def _all_failed(client: Client, error: str) -> list[TableOutcome]:
    return [TableOutcome(client.key, table, error=error) for table in SOURCE_TABLES]
