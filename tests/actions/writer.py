"""A process that carries requests out, to be killed: forked from one that has imported everything."""

import multiprocessing
import threading
from datetime import timedelta
from multiprocessing.context import ForkServerContext

from uysp.actions.worker import Worker
from uysp.airtable.limiter import Limiter
from uysp.database import Role, open_database
from uysp.settings import Settings

IN_FLIGHT = timedelta(seconds=1)
SETTLE = timedelta(seconds=0.2)


def nursery() -> ForkServerContext:
    """Where writers are forked from."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.actions.writer"])
    return context


def run(settings: Settings, threads: int) -> None:
    """Work until the end of the process."""
    with open_database(settings, Role.BOT) as engine:
        worker = Worker(engine, settings, pace=lambda _client: Limiter(rate=1e6), in_flight=IN_FLIGHT, settle=SETTLE)
        worker.run(threading.Event(), threads)
