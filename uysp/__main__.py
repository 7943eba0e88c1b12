"""`python -m uysp`: the command line where no script is installed."""

from uysp.cli import main

main()
