"""dbt's documentation as one page: `python -m pipelines.documentation`, or `make docs`.

Every model and column with its meaning, tests, lineage and SQL. One file with everything in it: it opens without a
server and without the internet, and sends nothing to anybody.
"""

import sys
from pathlib import Path

from pipelines.warehouse import Progress, WarehouseError, run_dbt
from uysp.database import Role, open_database
from uysp.errors import UyspError
from uysp.settings import Settings, load_settings

PAGE = "uysp.html"


def build_documentation(settings: Settings, progress: Progress | None = None) -> Path:
    """Write the documentation page and return its path, under UYSP_HOME.

    Reads from the database which tables there are and how many rows they have; before the first sync it tells of the
    models alone.

    Raises:
        WarehouseError: dbt could not read its project, or the database.
    """
    target = settings.uysp_home / "dbt" / "docs"
    with open_database(settings, Role.PIPELINE) as engine:
        result = run_dbt(["docs", "generate", "--static"], settings, engine, target, progress)
    if not result.success:
        raise WarehouseError(f"The documentation could not be written: {' '.join(str(result.exception).split())}")
    page = target / PAGE
    # Whoever the page is handed to need not know where compiled files lay on this machine.
    page.write_text((target / "static_index.html").read_text().replace(str(target), "target"))
    return page


def main() -> None:
    """Write the page and say where it is."""
    try:
        page = build_documentation(load_settings(), lambda step: print(step, file=sys.stderr))
    except UyspError as error:
        sys.exit(f"uysp: {error}")
    print(f"Open {page.resolve().as_uri()}")


if __name__ == "__main__":
    main()
