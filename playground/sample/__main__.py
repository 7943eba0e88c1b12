"""`python -m playground.sample`: write a sample base to a file that the Airtable emulator loads."""

import time
from pathlib import Path
from typing import Annotated

import typer

from playground.sample.base import LEADS, write


def main(
    out: Annotated[Path, typer.Option(help="File to write.")],
    seed: Annotated[int, typer.Option(help="What everything follows from.")] = 1,
    leads: Annotated[int, typer.Option(min=0, help="Rows of Leads.")] = LEADS,
    audit: Annotated[int | None, typer.Option(min=0, help="Rows of SMS_Audit; default: 2.7 for each lead.")] = None,
) -> None:
    """Write a sample base; an existing file is replaced when the new one is complete."""
    started = time.monotonic()
    partial = out.with_name(out.name + ".partial")
    try:
        with partial.open("w", encoding="ascii") as file:
            written = write(file, seed, leads, audit)
        partial.replace(out)
    except OSError as error:
        partial.unlink(missing_ok=True)
        typer.echo(
            f"The sample base could not be written to {out}: {error.strerror}; nothing there was changed.", err=True
        )
        raise typer.Exit(1) from None
    counts = ", ".join(f"{count:,} {table}" for table, count in written.items())
    typer.echo(f"{out}: {counts}, {time.monotonic() - started:.1f} s")


if __name__ == "__main__":
    typer.run(main)
