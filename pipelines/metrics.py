"""MetricFlow over the marts: `python -m pipelines.metrics query --metrics booking_rate --group-by campaign`.

The same as `mf` in a shell, but it finds the database, the project and its newest semantic models by itself, asks under
the analyst's role, and does not look for news of itself on the internet. `mf` comes with `make setup-test`.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager
from typing import TYPE_CHECKING

from pipelines.warehouse import PROFILES, WarehouseError, run_dbt
from uysp.database import Role, open_database
from uysp.errors import ConfigurationError, UyspError
from uysp.settings import PROJECT, Settings, load_settings, set_environment

if TYPE_CHECKING:
    from metricflow.engine.metricflow_engine import MetricFlowEngine


def run_metricflow(settings: Settings, arguments: Sequence[str]) -> None:
    """Run one command of MetricFlow (query, list, validate-configs, ...) in this process; its output is printed.

    Raises:
        ConfigurationError: MetricFlow is not installed, has no such command or metric, or a metric has no such cut.
        WarehouseError: the dbt project cannot be read.
        SystemExit: MetricFlow ended; the status tells how.
    """
    try:
        from dbt_metricflow.cli.cli_configuration import CLIConfiguration
        from dbt_metricflow.cli.main import cli
    except ModuleNotFoundError:
        raise ConfigurationError("MetricFlow is not installed here; run make setup-test.") from None
    command = cli.commands.get(arguments[0] if arguments else "")
    if command is None:
        raise ConfigurationError(f"Say one of {', '.join(sorted(cli.commands))}, with its options; --help tells them.")
    with prepared_project(settings):
        configuration = CLIConfiguration()
        if command.name == "query" and "--help" not in arguments:
            configuration.setup()
            asked = command.make_context("mf query", list(arguments[1:]), resilient_parsing=True).params
            check_query(configuration.mf, asked["metrics"] or (), asked["group_by"] or ())
        # Not the group above the commands, which asks the package index for a newer release first.
        command.main(args=list(arguments[1:]), prog_name=f"mf {command.name}", obj=configuration)


def check_query(metricflow: "MetricFlowEngine", metrics: Sequence[str], cuts: Sequence[str]) -> None:
    """See that there are such metrics and that each can be cut so, which MetricFlow tells in a page about its resolver.

    Raises:
        ConfigurationError: names what there is instead.
    """
    known = sorted(metric.name for metric in metricflow.list_metrics(include_dimensions=False))
    unknown = [name for name in metrics if name.lower() not in known]
    if unknown:
        raise ConfigurationError(f"There is no metric {unknown[0]!r}; there are: {', '.join(known)}.")
    for cut in cuts:
        for metric in metrics:
            if not _has_cut(metricflow, metric, cut):
                others = ", ".join(_cuts(metricflow, metric))
                raise ConfigurationError(f"{metric} cannot be cut by {cut!r}; it can be cut by {others}.")


def _has_cut(metricflow: "MetricFlowEngine", metric: str, cut: str) -> bool:
    from metricflow.engine.metricflow_engine import MetricFlowQueryRequest
    from metricflow_semantics.errors.error_classes import InformativeUserError

    try:
        metricflow.explain(MetricFlowQueryRequest.create(metric_names=[metric], group_by_names=[cut]))
    except InformativeUserError:
        return False
    return True


def _cuts(metricflow: "MetricFlowEngine", metric: str) -> list[str]:
    """Return what a metric can be cut by, in the words that a query takes."""
    names = {getattr(item, "dunder_name", item.name) for item in metricflow.list_group_bys([metric])}
    # MetricFlow gives what is reached by way of the lead without saying so.
    ways = [(name, f"lead__{name}") for name in names]
    return sorted(next(way for way in both if _has_cut(metricflow, metric, way)) for both in ways)


@contextmanager
def prepared_project(settings: Settings) -> Iterator[None]:
    """Have MetricFlow find the project, its newest semantic models and the database, while the block runs.

    Raises:
        WarehouseError: the dbt project cannot be read.
    """
    with open_database(settings, Role.ANALYST) as engine, chdir(PROJECT):
        # MetricFlow looks in this folder, whatever it is told.
        parsed = run_dbt(["parse"], settings, engine, PROJECT / "target")
        if not parsed.success:
            raise WarehouseError(f"The dbt project cannot be read: {' '.join(str(parsed.exception).split())}")
        set_environment({"DBT_PROFILES_DIR": str(PROFILES), "DBT_PROJECT_DIR": str(PROJECT)})
        yield


def main() -> None:
    """Run the command that the arguments name."""
    try:
        run_metricflow(load_settings(), sys.argv[1:])
    except UyspError as error:
        sys.exit(f"uysp: {error}")


if __name__ == "__main__":
    main()
