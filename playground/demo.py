"""`make demo`: the whole system on this machine, around an Airtable and a Slack of its own.

Starts what `uysp up` starts, with the emulators and the outside automations beside it. Product code never knows that
it is a demo: it gets an endpoint, tokens and a base through its environment, as it would for real.
"""

import fcntl
import json
import os
import re
import shlex
import socket
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer

from playground.sample.__main__ import main as write_base_file
from playground.sample.base import LEADS
from playground.slack.web_api import Credentials
from playground.slack.workspace import DEFAULT_PEOPLE, PersonKind
from uysp.database import Role, open_database
from uysp.errors import ConfigurationError, UyspError
from uysp.programs import Program
from uysp.settings import PROJECT, Settings, load_settings, set_environment
from uysp.supervisor import PYTHON, WEB_PORT, answers, run, web_url

AIRTABLE_PORT, SLACK_PORT, BOT_PORT = 4010, 4000, 3000  # where they are free; else any
READS_A_SECOND = 100  # the emulator is asked as fast as it answers, so that nobody waits for a demo
ENVIRONMENT_FILE = "demo.env"  # in the home: what a terminal needs to talk to this system
ADMIN = next(person.id for person in DEFAULT_PEOPLE if person.kind is PersonKind.ADMIN)
_TRIES = 20  # at free ports, should other demos hold them
EVERYTHING = re.compile(r".")
NOTHING = re.compile(r"(?!)")
UYSP = [PYTHON, "-m", "uysp"]


def main(
    leads: Annotated[int, typer.Option(min=1, help="Leads of a new sample base.")] = LEADS,
    speed: Annotated[float, typer.Option(min=0.01, help="Runs of the outside automations in a minute.")] = 6,
) -> None:
    """Run the whole system on this machine with sample data, until Ctrl-C; the next start keeps the data."""
    started = time.monotonic()
    try:
        _refuse_real_configuration(load_settings())
        home = load_settings().uysp_home
        with open_database(load_settings(), Role.PIPELINE):
            pass  # it makes the home, so that the account of the embedded server can reach its data
        base_file = home / "playground" / "base.json"
        is_first = not base_file.exists()
        if is_first:
            _make_up_base(base_file, leads)
        ports = Ports()
        airtable, slack = (f"http://127.0.0.1:{ports.take(port)}" for port in (AIRTABLE_PORT, SLACK_PORT))
        document = json.loads(base_file.read_bytes())
        tokens = [token["token"] for token in document["tokens"]]
        base_id = document["bases"][0]["id"]
        credentials = Credentials()
        variables = {
            "UYSP_HOME": str(home),
            "AIRTABLE_ENDPOINT_URL": airtable,
            "AIRTABLE_API_KEY": tokens[0],
            "AIRTABLE_BASE_ID": base_id,
            "UYSP_AIRTABLE_RATE": str(READS_A_SECOND),
            "UYSP_ADMINS": ADMIN,
            "SLACK_API_URL": f"{slack}/api/",
            "SLACK_BOT_TOKEN": credentials.bot_token,
            "SLACK_APP_TOKEN": credentials.app_token,
            "PORT": str(ports.take(BOT_PORT)),
        }
        set_environment(variables | {"COLUMNS": "120"})
        _write_environment(home / ENVIRONMENT_FILE, variables)
        web_port = ports.take(WEB_PORT)
        run(
            load_settings(),
            web_port=web_port,
            first=_source_programs(base_file, airtable, is_first=is_first),
            extra=_outside_programs(airtable, slack, tokens[1], base_id, speed),
            say=_say,
            on_ready=lambda: _say(
                _where_to_look(slack, web_url(web_port), home, _somebody(document), time.monotonic() - started)
            ),
        )
    except UyspError as error:
        print(f"demo: {error}", file=sys.stderr)
        sys.exit(error.exit_status)


def _refuse_real_configuration(settings: Settings) -> None:
    """Sample data must never get beside real data, nor sample messages into a real Slack.

    What a terminal has from an earlier demo's own file is not real.
    """
    real = {
        "DATABASE_URL": settings.database_url,
        "AIRTABLE_API_KEY": settings.airtable_api_key,
        "UYSP_CLIENTS_FILE": settings.uysp_clients_file,
        "SLACK_BOT_TOKEN": settings.slack_bot_token,
    }
    if (settings.airtable_endpoint_url or "").startswith("http://127.0.0.1:"):
        del real["AIRTABLE_API_KEY"]
    token = settings.slack_bot_token
    if token is not None and token.get_secret_value() == Credentials().bot_token:
        del real["SLACK_BOT_TOKEN"]
    configured = [name for name, value in real.items() if value is not None]
    if configured:
        raise ConfigurationError(
            f"{', '.join(configured)} is set for real use, so the demo was not started; unset it (or move .env away), "
            "or run the demo in another copy of the project."
        )


def _make_up_base(path: Path, leads: int) -> None:
    _say(f"Making up a base with {leads:,} leads")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_base_file(out=path, leads=leads)


def _somebody(document: dict[str, Any]) -> str:
    """Return a name that one lead alone has, to ask for."""
    leads = next(table for table in document["bases"][0]["tables"] if table["name"] == "Leads")["records"]
    names = Counter(f"{lead['fields'].get('First Name')} {lead['fields'].get('Last Name')}" for lead in leads)
    plain = (name for name, count in names.items() if count == 1 and re.fullmatch("[A-Z][a-z]+ [A-Z][a-z]+", name))
    return next(plain, "jane doe")


def _source_programs(base_file: Path, airtable: str, *, is_first: bool) -> list[Program]:
    """Return Airtable, a sync and an answer: before them nothing else is worth starting.

    The answer comes after the first sync; on later starts at once, from what was loaded then.
    """
    port = airtable.rpartition(":")[2]
    emulator = [PYTHON, "-m", "playground.airtable", "--base", str(base_file), "--port", port, "--no-rate-limit"]
    answer = ("airtable", "campaigns")
    return [
        Program("airtable", emulator, is_ready=lambda: answers(f"{airtable}/_emulator/state"), must_start=True),
        Program("sync", [*UYSP, "sync"], after=("airtable",) if is_first else answer, once=True, shown=EVERYTHING),
        Program(
            "campaigns",
            [*UYSP, "ask", "campaigns"],
            after=("sync",) if is_first else (),
            once=True,
            named=False,
            shown=EVERYTHING,
        ),
    ]


def _outside_programs(airtable: str, slack: str, token: str, base_id: str, speed: float) -> list[Program]:
    chat = [PYTHON, "-m", "playground.slack", "--socket-mode", "--port", slack.rpartition(":")[2]]
    chat += ["--manifest", str(PROJECT / "slackbot" / "manifest.json")]
    outside = [PYTHON, "-m", "playground.sample.automations", "--endpoint", airtable, "--token", token]
    outside += ["--base", base_id, "--speed", str(speed)]
    return [
        Program("slack", chat, is_ready=lambda: answers(f"{slack}/"), must_start=True),
        Program("automations", outside, after=("sync",), shown=NOTHING),
    ]


def _write_environment(path: Path, variables: dict[str, str]) -> None:
    """Write a file that a shell reads, so that every command in another terminal talks to this system."""
    path.touch(mode=0o600)
    path.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()))


def _where_to_look(slack: str, dagster: str, home: Path, lead: str, seconds: float) -> str:
    return f"""
Everything runs, after {seconds:.0f} s. Ctrl-C stops it; the next start keeps the data.

  Chat page   {slack}/   (type /uysp dashboard, or open UYSP: Home; grace administers)
  Dagster     {dagster}/
  Logs        {home / "logs"}

To try in another terminal, after this line in it:

  . {shlex.quote(str(home / ENVIRONMENT_FILE))}

  .venv/bin/uysp ask campaigns
  .venv/bin/uysp ask "lead {lead}"
  .venv/bin/uysp note "{lead}" "Wants a demo" --type Call --as ada@example.invalid
  .venv/bin/uysp remove "{lead}" --reason "Not a fit" --as ada@example.invalid
  .venv/bin/uysp history "{lead}"
"""


class Ports:
    """Ports for what the demo starts, held against demos of other homes for as long as this process lives.

    Between the choice of a port and the moment when its program listens lie seconds or minutes, in which the port is
    free: a lock on a file of its number tells the next demo that it is taken.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder or Path(tempfile.gettempdir())
        self._held: list[int] = []

    def take(self, preferred: int) -> int:
        """Return the preferred port if it is free, else one that is."""
        for port in (preferred, *[0] * _TRIES):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(("127.0.0.1", port))
                    found = int(probe.getsockname()[1])
                    self._hold(found)
                except OSError:  # in use, or of another demo
                    continue
                return found
        raise ConfigurationError(f"No port on 127.0.0.1 is free in place of {preferred}, so the demo was not started.")

    def _hold(self, port: int) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
        lock = os.open(self._folder / f"uysp-demo-{port}.lock", flags, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(lock)
            raise
        self._held.append(lock)


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    typer.run(main)
