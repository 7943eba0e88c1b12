"""One cycle of ours without the marts, in a process that can be measured: prints what it did as JSON.

Settings come from the environment; arguments are options of `uysp.sync.sync_client`: full, fast, quick.
"""

import json
import sys
import time

from uysp.database import Role, open_database
from uysp.settings import load_settings
from uysp.sync import sync_client


def main() -> None:
    settings = load_settings()
    (client,) = settings.clients
    with open_database(settings, Role.PIPELINE) as engine:
        started, busy = time.perf_counter(), time.process_time()
        outcomes = sync_client(engine, settings, client, **dict.fromkeys(sys.argv[1:], True))  # type: ignore[arg-type]  # flags
        seconds, cpu = time.perf_counter() - started, time.process_time() - busy
    print(
        json.dumps(
            {
                "seconds": seconds,
                "cpu": cpu,
                "read": sum(outcome.read for outcome in outcomes),
                "changed": sum(outcome.changed for outcome in outcomes),
                "errors": [outcome.error for outcome in outcomes if outcome.error],
            }
        )
    )


if __name__ == "__main__":
    main()
