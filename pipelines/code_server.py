"""Dagster's code server (`dagster api grpc`), with run workers that need not import the libraries.

Dagster starts the worker of each run as a new interpreter, which then imports Dagster and dbt: nine seconds of CPU
before its first line, more than all that it does afterwards. Here workers are forked from a process that has done
nothing but import, and so never has a thread or a connection that a fork would break. It costs some 200 MB for as
long as the code server runs, most of which the workers share.
"""

import multiprocessing
import runpy
import sys
from multiprocessing import forkserver
from typing import Any

from dagster._grpc import server

# Libraries alone. Our own modules take a tenth of a second, and are read anew by each run; what they do when imported
# must not happen before a fork (dbt's parser keeps threads).
PRELOADED = [
    "dagster._cli.api",
    "dagster_dbt",
    "dagster_postgres",
    "dbt.adapters.postgres",
    "dbt.cli.main",
    "dbt.task.build",
    "psycopg",
    "pyairtable",
    "sqlalchemy.dialects.postgresql.psycopg",
    "tenacity",
]


class WarmServer(server.DagsterApiServer):
    """The code server, but for how it starts its workers."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        vars(self)["_mp_ctx"] = context
        forkserver.ensure_running()  # now, and not when the first run is asked for


def main() -> None:
    """Run what Dagster's own command line would run."""
    # Elsewhere (macOS) libraries of the system do not bear a fork.
    if sys.platform == "linux":
        vars(server)["DagsterApiServer"] = WarmServer
    runpy.run_module("dagster", run_name="__main__")


if __name__ == "__main__":
    main()
