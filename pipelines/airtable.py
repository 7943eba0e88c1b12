"""The raw tables as assets: one multi-asset that reads all clients' bases, and the heartbeat that ends a cycle.

A client or table that fails costs neither the others nor the marts: all tables count as looked at, the failure shows
as a failed check on its table, and the heartbeat, on which nothing depends, ends the run as a failure that names it.
"""

from collections.abc import Iterator, Mapping, Sequence

import dagster as dg
from sqlalchemy import Engine

from pipelines.resources import Workplace
from uysp.airtable.budget import NOTE_SHARE, WRONG_SHARE, Budget, budget
from uysp.airtable.drift import recent_changes
from uysp.clients import each_client
from uysp.cycle import TableOutcome
from uysp.raw import present_rows
from uysp.settings import Client
from uysp.sync import sync_client

SOURCE_TABLES = {
    "leads": "Leads: people who are texted.",
    "campaigns": "Campaigns and the counters that automations keep on them.",
    "sms_templates": "Texts of every campaign's steps.",
    "sms_audit": "What the text-message provider reported.",
}
KEYS = {table: dg.AssetKey(["airtable", table]) for table in SOURCE_TABLES}
HEARTBEAT = dg.AssetKey(["airtable", "heartbeat"])
READ_CHECK = "every_client_read"
HELD_CHECK = "no_deletions_held_back"
DRIFT_CHECK = "no_schema_change"
CALLS_CHECK = "calls_left"
CHECKS = {
    READ_CHECK: "The last cycle read this table of every client.",
    HELD_CHECK: "No deletions wait for a person (uysp sync --accept-deletions).",
    DRIFT_CHECK: "Within the last day no table, field or option of it changed in Airtable.",
}
CLIENT_COLUMNS = {"client": "string", "read": "int", "changed": "int", "deleted": "int", "said": "string"}
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
        *(
            dg.AssetCheckSpec(name, asset=key, description=text)
            for key in KEYS.values()
            for name, text in CHECKS.items()
        ),
        dg.AssetCheckSpec(
            CALLS_CHECK,
            asset=KEYS["leads"],
            description="The plan (UYSP_AIRTABLE_MONTHLY_CALLS) has calls left for this month.",
        ),
    ],
    can_subset=True,
    name="airtable",
    pool="airtable",
)
def airtable_tables(
    context: dg.AssetExecutionContext, workplace: Workplace
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    """Read what changed in every client's base; all four tables, also where only some were asked for."""
    clients = workplace.settings.clients
    if not clients:
        raise dg.Failure(NOT_CONFIGURED, allow_retries=False)

    def read(client: Client) -> list[TableOutcome]:
        def waiting() -> None:
            context.log.info(f"Another sync of client {client.key} is running; waiting for its end")

        return sync_client(workplace.engine, workplace.settings, client, on_wait=waiting)

    outcomes = [outcome for _, of_client in each_client(clients, read) for outcome in of_client]
    for warning in dict.fromkeys(warning for outcome in outcomes for warning in outcome.warnings):
        context.log.warning(warning)
    with workplace.engine.connect() as connection:
        plan = budget(connection, workplace.settings)
        present = {table: present_rows(connection, table) for table in KEYS}
    for table, key in KEYS.items():
        of_table = [outcome for outcome in outcomes if outcome.source_table == table]
        if key in context.selected_asset_keys:
            yield dg.MaterializeResult(asset_key=key, metadata=table_metadata(of_table, present[table], plan))
    for check in [*table_checks(workplace.engine, outcomes), calls_check(plan)]:
        if check.asset_key is not None and dg.AssetCheckKey(check.asset_key, str(check.check_name)) in (
            context.selected_asset_check_keys
        ):
            yield check


@dg.asset(
    key=HEARTBEAT,
    deps=list(KEYS.values()),
    group_name="airtable",
    description="The last look at which every client's base was read. Fails, naming them, where one was not.",
)
def heartbeat(context: dg.AssetExecutionContext) -> None:
    """End the run as a failure if a table of a client could not be read in it."""
    failures = failed_reads(context.instance, context.run.run_id)
    if failures:
        raise dg.Failure(
            f"Not everything could be read; the rest is loaded and goes into the marts. {' '.join(failures)}",
            allow_retries=False,
        )


def table_metadata(
    outcomes: Sequence[TableOutcome], rows: int, plan: Budget
) -> dict[str, int | float | str | dg.MetadataValue]:
    """Return what the page of a table shows and plots, over all clients: records, API calls, seconds."""
    return {
        "dagster/row_count": rows,
        "read": sum(outcome.read for outcome in outcomes),
        "changed": sum(outcome.changed for outcome in outcomes),
        "deleted": sum(outcome.deleted for outcome in outcomes),
        "api_calls": sum(outcome.calls for outcome in outcomes),
        "api_calls_this_month": plan.used,
        "api_calls_left": "no cap" if plan.left is None else plan.left,
        "seconds": round(sum(outcome.seconds for outcome in outcomes), 2),
        "clients": dg.TableMetadataValue(
            [
                dg.TableRecord(
                    {
                        "client": outcome.client,
                        "read": outcome.read,
                        "changed": outcome.changed,
                        "deleted": outcome.deleted,
                        "said": " ".join([outcome.error or outcome.alarm or "", *outcome.warnings]).strip(),
                    }
                )
                for outcome in outcomes
            ],
            dg.TableSchema([dg.TableColumn(name, kind) for name, kind in CLIENT_COLUMNS.items()]),
        ),
    }


def table_checks(engine: Engine, outcomes: Sequence[TableOutcome]) -> Iterator[dg.AssetCheckResult]:
    """Yield the checks of all tables: what could not be read, what is held back, what changed in Airtable, in words."""
    for table, key in KEYS.items():
        of_table = [outcome for outcome in outcomes if outcome.source_table == table]
        errors = {outcome.client: outcome.error for outcome in of_table if outcome.error}
        alarms = {outcome.client: outcome.alarm for outcome in of_table if outcome.alarm}
        with engine.connect() as connection:
            changes = recent_changes(connection, table)
        yield _check(key, READ_CHECK, errors, dg.AssetCheckSeverity.ERROR)
        yield _check(key, HELD_CHECK, alarms, dg.AssetCheckSeverity.ERROR)
        yield dg.AssetCheckResult(
            asset_key=key,
            check_name=DRIFT_CHECK,
            passed=not changes,
            severity=dg.AssetCheckSeverity.WARN,
            description=" ".join(changes) or None,
        )


def calls_check(plan: Budget) -> dg.AssetCheckResult:
    """Return whether the month's calls last."""
    return dg.AssetCheckResult(
        asset_key=KEYS["leads"],
        check_name=CALLS_CHECK,
        passed=plan.share_used < NOTE_SHARE,
        severity=dg.AssetCheckSeverity.ERROR if plan.share_used >= WRONG_SHARE else dg.AssetCheckSeverity.WARN,
        description=plan.said(),
        metadata={"used": plan.used, **{f"used_for_{kind}": calls for kind, calls in plan.by_kind.items()}},
    )


def _check(
    key: dg.AssetKey, name: str, said: Mapping[str, str], severity: dg.AssetCheckSeverity
) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key,
        check_name=name,
        passed=not said,
        severity=severity,
        description=" ".join(f"{client}: {sentence}" for client, sentence in said.items()) or None,
    )


def failed_reads(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    """Return what the checks of this run said of tables that could not be read, each sentence once."""
    events = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    checks = [entry.dagster_event.event_specific_data for entry in events if entry.dagster_event]
    said = [
        str(check.description)
        for check in checks
        if isinstance(check, dg.AssetCheckEvaluation) and check.check_name == READ_CHECK and not check.passed
    ]
    return list(dict.fromkeys(said))
