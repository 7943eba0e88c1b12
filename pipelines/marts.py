"""The dbt models as assets, their tests as checks: what dbt's results mean to Dagster.

Keys come from dbt: source table `airtable.leads` is `airtable/leads`, model `leads` in the schema marts is
`marts/leads`. dbt runs in this process (pipelines/warehouse.py), not through dagster-dbt's command-line resource, which
starts dbt twice more in every run.
"""

import json
from collections.abc import Iterator, Sequence
from graphlib import TopologicalSorter
from pathlib import Path

import dagster as dg
from dagster_dbt import dbt_assets

from pipelines.resources import Workplace
from pipelines.warehouse import BuildResult, NodeOutcome, build_marts

UNIQUE_ID = "dagster_dbt/unique_id"  # where dagster-dbt notes which node of dbt an asset or a check is
DbtEvent = dg.MaterializeResult[None] | dg.AssetCheckResult


def marts_from(manifest: Path) -> dg.AssetsDefinition:
    """Return all models of a manifest as one asset definition that can build any part of itself."""
    parents = json.loads(manifest.read_text())["parent_map"]
    order = [unique_id for unique_id in TopologicalSorter(parents).static_order() if unique_id.startswith("model.")]

    @dbt_assets(manifest=manifest, name="marts", pool="marts")
    def marts(context: dg.AssetExecutionContext, workplace: Workplace) -> Iterator[DbtEvent]:
        select = _selected_models(context) if context.is_subset else ()
        built = build_marts(workplace.settings, workplace.engine, context.log.info, select)
        yield from _events(context, built, order)
        if not built.success:
            raise dg.Failure("Models or their tests failed. " + " ".join(built.failures), allow_retries=False)

    return marts


def _selected_models(context: dg.AssetExecutionContext) -> list[str]:
    """Return the names of the models that are asked for, as dbt's --select takes them."""
    ids = [context.assets_def.metadata_by_key[key][UNIQUE_ID] for key in context.selected_asset_keys]
    return sorted(str(unique_id).split(".")[-1] for unique_id in ids)


def _events(context: dg.AssetExecutionContext, built: BuildResult, order: Sequence[str]) -> Iterator[DbtEvent]:
    """Yield models in an order in which each comes after what it needs, as Dagster demands, then tests.

    A model that failed or was skipped has no result, nor has a test that was not run. A view that a build had no need
    to make again is as new as what it reads.
    """
    assets = {str(spec.metadata[UNIQUE_ID]): spec.key for spec in context.assets_def.specs}
    checks = {str((check.metadata or {})[UNIQUE_ID]): check for check in context.assets_def.check_specs}
    nodes = {node.unique_id: node for node in built.nodes}
    for unique_id in order:
        key, node = assets.get(unique_id), nodes.get(unique_id)
        if key not in context.selected_asset_keys:
            continue
        if node and node.status == "success":
            count = "dagster/row_count" if built.is_whole else "rows_written"
            counts = {} if node.rows is None else {count: node.rows}
            yield dg.MaterializeResult(asset_key=key, metadata={"seconds": round(node.seconds, 3), **counts})
        elif node is None and built.success:
            yield dg.MaterializeResult(asset_key=key)
    for node in built.nodes:
        check = checks.get(node.unique_id)
        if check and check.key in context.selected_asset_check_keys and node.status != "skipped":
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
