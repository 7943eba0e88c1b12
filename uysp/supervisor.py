"""The whole system in the foreground (`uysp up`): which programs it consists of, and what they share.

One code server for Dagster's web server and daemon: each would otherwise load the definitions into a process of its own
(some 250 MB). Dagster's storage is in our database, so we hold that open for as long as anything runs.
"""

import fcntl
import re
import shutil
import socket
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from uysp.database import Role, open_database
from uysp.errors import UyspError
from uysp.programs import SHOWN, Program, Say, keep_running
from uysp.settings import PROJECT, Settings

WEB_HOST = "127.0.0.1"
WEB_PORT = 3030  # Dagster's own 3000 is the bot's PORT
DATABASE_POLL_SECONDS = 5
PYTHON = sys.executable
# In SQLAlchemy 2.1 a plain postgresql:// means psycopg 3, with which Dagster's NOTIFY fails.
STORAGE_DRIVER = "postgresql+psycopg2"


class AlreadyRunningError(UyspError):
    """Another supervisor works on this home, or something else on a port of ours; nothing was started."""


def run(
    settings: Settings,
    *,
    web_port: int = WEB_PORT,
    first: Sequence[Program] = (),
    extra: Sequence[Program] = (),
    say: Say = print,
    on_ready: Callable[[], None] | None = None,
) -> None:
    """Run Dagster (and the bot, if Slack is configured) until Ctrl-C or SIGTERM.

    Args:
        settings: as the programs themselves will read them: they inherit our environment.
        web_port: port of Dagster's pages on this machine.
        first: programs that have to be ready before Dagster and the bot are started.
        extra: more programs to keep running.
        say: told, a line at a time, what people should know.
        on_ready: called once everything answers; default: says where Dagster's pages are.

    Raises:
        AlreadyRunningError: this home is in use, or a port; nothing was started.
        ConfigurationError, DatabaseError: no database.
        ProgramError: a program did not start; everything is stopped again.
    """
    for line in not_configured(settings):
        say(line)
    with_bot = has_bot(settings)
    _check_free("Dagster's web server", web_port, "uysp up --dagster-port")
    if with_bot:
        _check_free("the bot", settings.port, "PORT")

    def ready() -> None:
        say(f"Ready: Dagster at {web_url(web_port)}; logs in {settings.uysp_home / 'logs'}; Ctrl-C stops everything")

    with ExitStack() as stack:
        # The database first: it makes the home so that the account of an embedded server can reach its data.
        engine = stack.enter_context(open_database(settings, Role.PIPELINE))
        stack.enter_context(_only_one(settings.uysp_home))
        stack.enter_context(_database_kept_alive(settings, engine, say))
        sockets = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="uysp-")))
        programs = dagster_programs(settings, engine.url, sockets / "code", web_port)
        if with_bot:
            programs.append(bot_program(settings))
        elif settings.clients:
            programs.append(writer_program(settings))  # the bot carries out writes too
        names = tuple(program.name for program in first)
        later = [replace(program, after=(*program.after, *names)) for program in programs]
        keep_running([*first, *later, *extra], settings.uysp_home / "logs", say, on_ready or ready)


def dagster_programs(settings: Settings, database: URL, code_socket: Path, web_port: int) -> list[Program]:
    """Return what runs the pipeline, and put Dagster's configuration where it looks for it.

    Args:
        settings: for the home.
        database: the login that owns the schema `dagster`.
        code_socket: where the code server listens; in a folder that only we may enter, since it asks no password.
        web_port: of the web server.
    """
    home = settings.uysp_home / "dagster"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copyfile(PROJECT / "pipelines" / "dagster.yaml", home / "dagster.yaml")
    workspace = home / "workspace.yaml"
    # The location keeps the name that workspace.yaml in the project gives it.
    workspace.write_text(
        f"load_from:\n  - grpc_server: {{socket: {code_socket}, location_name: pipelines.definitions}}\n"
    )
    environment = {
        "DAGSTER_HOME": str(home),
        "UYSP_HOME": str(settings.uysp_home),
        "UYSP_DAGSTER_STORAGE": storage_url(database),
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        # A look waits while Airtable locks the base (30 s), and once more; usually it takes a second.
        "DAGSTER_SENSOR_GRPC_TIMEOUT_SECONDS": "180",
        "DAGSTER_SCHEDULE_GRPC_TIMEOUT_SECONDS": "180",
        "DO_NOT_TRACK": "1",
    }
    code = [PYTHON, "-m", "pipelines.code_server", "api", "grpc", "--socket", str(code_socket)]
    code += ["--log-level", "warning", "--module-name", "pipelines.definitions", "--working-directory", str(PROJECT)]
    code += ["--location-name", "pipelines.definitions", "--max-workers", "8"]
    web = [PYTHON, "-m", "dagster_webserver", "--host", WEB_HOST, "--port", str(web_port)]
    web += ["--workspace", str(workspace), "--uvicorn-log-level", "warning"]
    started = ("dagster-storage", "dagster-code")
    return [
        # Before everything else: two programs that make Dagster's tables at once get in each other's way.
        Program("dagster-storage", [PYTHON, "-m", "dagster", "instance", "migrate"], environment, once=True),
        Program("dagster-code", code, environment, ("dagster-storage",), is_ready=lambda: _listens(code_socket)),
        Program("dagster-web", web, environment, started, is_ready=lambda: answers(f"{web_url(web_port)}/server_info")),
        Program(
            "dagster-daemon",
            [PYTHON, "-m", "dagster._daemon", "run", "--workspace", str(workspace)],
            environment,
            started,
            # At every start the daemon warns that it does not catch up on missed ticks, which is what we want.
            shown=re.compile(f"{SHOWN.pattern}(?!.*not trying to catch up)"),
        ),
    ]


def bot_program(settings: Settings) -> Program:
    """Return the bot; ready when its health page answers."""
    return Program(
        "bot",
        [PYTHON, "-c", "from uysp.cli import main; main()", "bot"],
        {"UYSP_HOME": str(settings.uysp_home)},
        is_ready=lambda: answers(f"http://127.0.0.1:{settings.port}/healthz"),
    )


def writer_program(settings: Settings) -> Program:
    """Return what carries out the writes that people ask for in the terminal."""
    command = [PYTHON, "-c", "from uysp.cli import main; main()", "writer"]
    return Program("writer", command, {"UYSP_HOME": str(settings.uysp_home)})


def has_bot(settings: Settings) -> bool:
    """Return whether Slack is configured: a bot token, and a way for events to reach us."""
    return settings.slack_bot_token is not None and bool(settings.slack_app_token or settings.slack_signing_secret)


def not_configured(settings: Settings) -> list[str]:
    """Return what will not happen because it is not configured, and what to set, a sentence each."""
    missing = []
    if not settings.clients:
        missing.append("No Airtable base is configured, so nothing is read: set AIRTABLE_API_KEY and AIRTABLE_BASE_ID.")
    if not has_bot(settings):
        missing.append(
            "Slack is not configured, so no bot is started: set SLACK_BOT_TOKEN, and SLACK_APP_TOKEN or "
            "SLACK_SIGNING_SECRET."
        )
    return missing


def storage_url(database: URL) -> str:
    """Return the URL of Dagster's storage: the same database, in the schema `dagster`."""
    url = database.set(drivername=STORAGE_DRIVER).update_query_dict({"options": "-csearch_path=dagster"})
    return url.render_as_string(hide_password=False)


def web_url(port: int) -> str:
    """Return where Dagster's pages are."""
    return f"http://{WEB_HOST}:{port}"


@contextmanager
def _only_one(home: Path) -> Iterator[None]:
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / "supervisor.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(
                f"The system is already running on {home}; nothing was started. Stop it first (Ctrl-C where it runs), "
                "or set UYSP_HOME to another folder."
            ) from None
        yield


def _check_free(name: str, port: int, setting: str) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: a closed connection is no user
        try:
            probe.bind((WEB_HOST, port))
        except OSError as error:
            raise AlreadyRunningError(
                f"Port {port} for {name} cannot be used ({error.strerror}); nothing was started. Stop what uses it, or "
                f"choose another port ({setting})."
            ) from None


@contextmanager
def _database_kept_alive(settings: Settings, engine: Engine, say: Say) -> Iterator[None]:
    """Start the embedded database again, on the same port, if it dies; of any other, say that it is gone."""
    stopping = threading.Event()

    def watch() -> None:
        answered = True
        while not stopping.wait(DATABASE_POLL_SECONDS):
            try:
                engine.connect().close()
            except DBAPIError:
                if answered:
                    say("The database does not answer; waiting for it")
                answered = _opened(settings)
                if answered:
                    say("The database answers again")
            else:
                answered = True

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def _opened(settings: Settings) -> bool:
    try:
        with open_database(settings, Role.PIPELINE):
            return True
    except UyspError:
        return False


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def answers(url: str) -> bool:
    """Return whether a page of ours answers with 200."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 (an address of our own)
            return bool(response.status == 200)
    except OSError:
        return False
