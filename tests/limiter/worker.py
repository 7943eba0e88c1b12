"""A process that asks the shared pace for turns: `python -m tests.limiter.worker KIND TURNS THREADS`.

Says "asking" once it is ready. Which turns it was given, and when, the database knows (see `test_processes`).
"""

import sys
import threading

from tests.limiter.simulation import client
from uysp.airtable.limiter import Kind, shared_limiter
from uysp.database import Role, open_database
from uysp.settings import load_settings


def main() -> None:
    """Take the turns, in several threads at once."""
    kind, turns, threads = Kind(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    settings = load_settings()
    with open_database(settings, Role.BOT if kind is Kind.WRITE else Role.PIPELINE) as engine:
        pace = shared_limiter(engine, settings, client())

        def ask() -> None:
            for _ in range(turns):
                pace.wait(kind)

        asking = [threading.Thread(target=ask) for _ in range(threads)]
        print("asking", flush=True)
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join()


if __name__ == "__main__":
    main()
