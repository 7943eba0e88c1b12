"""dbt's source freshness: `python -m pipelines.freshness`, or `make freshness`.

How long ago each table of Airtable, and what the loader notes down of them, was last looked at with success, against
the limits that stand with the sources in `dbt_project/models/staging/`. Ends with status 1 where a limit is passed.
"""

import sys
from dataclasses import dataclass
from typing import Any

from pipelines.warehouse import FAILED, WarehouseError, run_dbt
from uysp.database import Role, open_database
from uysp.errors import UyspError
from uysp.settings import Settings, load_settings

_NEVER = 10 * 365 * 86_400  # dbt takes a source that was never looked at for one of the year 1


@dataclass(frozen=True)
class Freshness:
    """How fresh a source is.

    Attributes:
        table: as dbt selects it, such as airtable.leads.
        status: dbt's word: pass, warn or error.
        minutes: since the last good look; None where some client's table was never looked at.
    """

    table: str
    status: str
    minutes: float | None

    @property
    def is_stale(self) -> bool:
        """Whether it is older than it may be."""
        return self.status in FAILED

    def __str__(self) -> str:
        """Return a line for a person."""
        age = "never looked at" if self.minutes is None else f"looked at {self.minutes:.0f} min ago"
        return f"{self.status:<5} {self.table}: {age}"


def source_freshness(settings: Settings) -> list[Freshness]:
    """Return how fresh each source with a limit is, by name.

    Raises:
        WarehouseError: dbt could not read its project, or the database.
    """
    arguments = ["source", "freshness", "--no-write-json"]
    with open_database(settings, Role.PIPELINE) as engine:
        done: Any = run_dbt(arguments, settings, engine, settings.uysp_home / "dbt" / "target")
    if done.exception is not None:
        raise WarehouseError(f"The sources could not be looked at: {' '.join(str(done.exception).split())}")
    return sorted(
        (_freshness(result) for result in done.result.results if result.node.unique_id.startswith("source.")),
        key=lambda freshness: freshness.table,
    )


def _freshness(result: Any) -> Freshness:
    age = getattr(result, "age", _NEVER)
    table = f"{result.node.source_name}.{result.node.name}"
    return Freshness(table, str(result.status), age / 60 if age < _NEVER else None)


def main() -> None:
    """Print a line for each source, and end with status 1 if one is stale."""
    try:
        found = source_freshness(load_settings())
    except UyspError as error:
        sys.exit(f"uysp: {error}")
    print(*found, sep="\n")
    sys.exit(any(freshness.is_stale for freshness in found))


if __name__ == "__main__":
    main()
