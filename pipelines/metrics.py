"""MetricFlow over the marts: `python -m pipelines.metrics query --metrics booking_rate --group-by campaign`.

The same as `mf` in a shell, but it finds the database, the project and its newest semantic models by itself, asks under
the analyst's role, and does not look for news of itself on the internet. `mf` comes with `make setup-test`.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import chdir, contextmanager

from pipelines.warehouse import PROFILES, WarehouseError, run_dbt
from uysp.database import Role, open_database
from uysp.errors import ConfigurationError, UyspError
from uysp.settings import PROJECT, Settings, load_settings, set_environment


def run_metricflow(settings: Settings, arguments: Sequence[str]) -> None:
    """Run one command of MetricFlow (query, list, validate-configs, ...) in this process; its output is printed.

    Raises:
        ConfigurationError: MetricFlow is not installed, or has no such command.
        WarehouseError: the dbt project cannot be read.
        SystemExit: MetricFlow ended; the status tells how.
    """
    try:
        from dbt_metricflow.cli.main import cli
    except ModuleNotFoundError:
        raise ConfigurationError("MetricFlow is not installed here; run make setup-test.") from None
    command = cli.commands.get(arguments[0] if arguments else "")
    if command is None:
        raise ConfigurationError(f"Say one of {', '.join(sorted(cli.commands))}, with its options; --help tells them.")
    with prepared_project(settings):
        # Not the group above the commands, which asks the package index for a newer release first.
        command.main(args=list(arguments[1:]), prog_name=f"mf {command.name}")


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
