"""`python -m uysp`, and the script `uysp`: the command line, which Ctrl-C ends quietly from its first moment on."""

import os
import signal


def main() -> None:
    """Import the command line, which takes a second, and run it."""
    # Where SIGINT is ignored, as in the background of a script, it stays so.
    listens = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if listens:
        # Not by an exception, which some modules would take for a failure of what they import.
        signal.signal(signal.SIGINT, lambda _signal, _frame: os._exit(130))
    from uysp.cli import main as run

    if listens:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


if __name__ == "__main__":
    main()
