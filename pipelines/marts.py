"""The dbt models as assets, their tests as checks: what dbt's results mean to Dagster.

Keys come from dbt: source table `airtable.leads` is `airtable/leads`, model `leads` in the schema marts is
`marts/leads`. dbt runs in this process (pipelines/warehouse.py), not through dagster-dbt's command-line resource, which
starts dbt twice more in every run.
"""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
from dagster_dbt import dbt_assets

from pipelines.resources import Workplace
from pipelines.warehouse import BuildResult, NodeOutcome, build_marts

UNIQUE_ID = "dagster_dbt/unique_id"  # where dagster-dbt notes which node of dbt an asset or a check is
DbtEvent = dg.MaterializeResult[None] | dg.AssetCheckResult


def marts_from(manifest: Path) -> dg.AssetsDefinition:
    """Return all models of a manifest as one asset definition that can build any part of itself."""

    @dbt_assets(manifest=manifest, name="marts", pool="marts")
    def marts(context: dg.AssetExecutionContext, workplace: Workplace) -> Iterator[DbtEvent]:
        select = _selected_models(context) if context.is_subset else ()
        built = build_marts(workplace.settings, workplace.engine, context.log.info, select)
        yield from _events(context, built)
        if not built.success:
            raise dg.Failure("Models or their tests failed. " + " ".join(built.failures), allow_retries=False)

    return marts


def _selected_models(context: dg.AssetExecutionContext) -> list[str]:
    """Return the names of the models that are asked for, as dbt's --select takes them."""
    ids = [context.assets_def.metadata_by_key[key][UNIQUE_ID] for key in context.selected_asset_keys]
    return sorted(str(unique_id).split(".")[-1] for unique_id in ids)


def _events(context: dg.AssetExecutionContext, built: BuildResult) -> Iterator[DbtEvent]:
    """Yield what is selected in dbt's order, in which a model comes after what it needs, as Dagster demands.

    A model that failed or was skipped has no result, nor has a test that was skipped.
    """
    assets = {str(spec.metadata[UNIQUE_ID]): spec.key for spec in context.assets_def.specs}
    checks = {str((check.metadata or {})[UNIQUE_ID]): check for check in context.assets_def.check_specs}
    for node in built.nodes:
        key, check = assets.get(node.unique_id), checks.get(node.unique_id)
        if key in context.selected_asset_keys and node.status == "success":
            counts = {} if node.rows is None else {"dagster/row_count": node.rows}
            yield dg.MaterializeResult(asset_key=key, metadata={"seconds": round(node.seconds, 3), **counts})
        elif check and check.key in context.selected_asset_check_keys and node.status != "skipped":
            yield _check_result(check, node)


def _check_result(check: dg.AssetCheckSpec, node: NodeOutcome) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=check.asset_key,
        check_name=check.name,
        passed=node.status == "pass",
        severity=dg.AssetCheckSeverity.WARN if node.status == "warn" else dg.AssetCheckSeverity.ERROR,
        metadata={"failing_rows": node.rows or 0},
        description=None if node.status == "pass" else node.message,
    )
