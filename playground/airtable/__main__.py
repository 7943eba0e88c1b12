"""Runs the emulator as a process: `python -m playground.airtable --base FILE [--port N]`."""

import argparse
import gc
import signal
import sys
from pathlib import Path

import uvicorn

from playground.airtable.behaviour import Behaviour
from playground.airtable.server import bound_socket, create_app, server_configuration
from playground.airtable.store import Store
from uysp.errors import UyspError


def main() -> int:
    """Serve until a signal says to stop, then keep what was changed; return the exit status."""
    options = _options()
    behaviour = Behaviour(
        requests_per_second=None if options.no_rate_limit else options.rate_limit,
        user_requests_per_second=None if options.no_rate_limit else 50,
        strict_rate_limit=not options.soft_rate_limit,
        iterator_seconds=options.iterator_seconds,
        read_delay_seconds=options.read_delay,
    )
    # uvicorn raises the signal that stopped it once more when it is done: by then it must not end the process.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    try:
        listening = bound_socket(options.host, options.port)
        store = Store.load(options.base, persist=not options.no_persist)
    except UyspError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    except OSError as error:
        print(f"Port {options.port} on {options.host} cannot be used: {error.strerror}.", file=sys.stderr)
        return 2
    gc.freeze()  # a look for garbage through a whole base would hold up all answers for a second
    with listening:
        print("Airtable emulator on http://{}:{}".format(*listening.getsockname()[:2]), flush=True)
        uvicorn.Server(server_configuration(create_app(store, behaviour))).run([listening])
    store.close()
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m playground.airtable", description="An emulated Airtable.")
    parser.add_argument("--base", type=Path, required=True, metavar="FILE", help="base file; edits are kept in it")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--rate-limit", type=float, default=5, metavar="N", help="requests a second on a base")
    parser.add_argument("--no-rate-limit", action="store_true")
    parser.add_argument("--soft-rate-limit", action="store_true", help="refuse the surplus, without the 30 s lock")
    parser.add_argument("--iterator-seconds", type=float, default=300, metavar="S", help="life of an idle list")
    parser.add_argument("--read-delay", type=float, default=0, metavar="S", help="lists show writes this much later")
    parser.add_argument("--no-persist", action="store_true", help="leave the base file as it is")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
