"""The bot before a database that hangs: it takes connections and what is sent, and says nothing."""

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest
import sqlalchemy
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from playground.slack.server import Slack
from slackbot.answers.failure import NOT_STORED, database_failure
from slackbot.app import running
from tests.slackbot import marts
from tests.slackbot.conftest import HTTP, bot_settings
from tests.slackbot.test_bot import denials, get, listens, process_of
from tests.waiting import eventually
from uysp import patience
from uysp.database import Role, exclusive, open_database
from uysp.settings import Settings

Engine = sqlalchemy.Engine


class Line:
    """A way to the database that can be blocked: nothing gets lost on it, and nothing arrives.

    Attributes:
        port: of this machine, where it begins.
        used: set once somebody has come in.
    """

    def __init__(self, host: str, port: int) -> None:
        self.used = threading.Event()
        self._target = host, port
        self._flows = threading.Event()
        self._flows.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def block(self) -> None:
        self._flows.clear()

    def free(self) -> None:
        self._flows.set()

    def close(self) -> None:
        self.free()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.used.set()
                far = socket.create_connection(self._target)
                for source, sink in ((near, far), (far, near)):
                    threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                self._flows.wait()
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def line(settings: Settings, built: Engine) -> Iterator[Line]:
    """The way to the test's database, which has one campaign."""
    marts.mark_synced(built)
    marts.add_campaign(built, "Webinar", leads=1200)
    assert built.url.host is not None
    assert built.url.port is not None
    line = Line(built.url.host, built.url.port)
    yield line
    line.close()


@pytest.fixture
def behind(settings: Settings, line: Line) -> Settings:
    """The settings of the database behind the line."""
    assert settings.database_url is not None
    url = make_url(settings.database_url.get_secret_value()).set(host="127.0.0.1", port=line.port)
    return settings.model_copy(update={"database_url": SecretStr(url.render_as_string(hide_password=False))})


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "ANSWER_SECONDS", 1.0)
    monkeypatch.setattr(patience, "CONNECT_SECONDS", 2)


def test_a_database_that_hangs_is_given_up_and_asked_again_when_it_answers(
    behind: Settings, line: Line, built: Engine, slack: Slack, impatient: None
) -> None:
    with open_database(behind, Role.BOT) as engine, running(bot_settings(behind, slack, HTTP), engine):
        assert "1,200 leads" in slack.command("ada", "campaigns", "general").wait_for_answer().text
        line.block()
        asked = [slack.command("ada", "campaigns", "general"), slack.command("grace", "hot", "general")]
        refused = slack.command("gus", "campaigns", "general")
        for one in asked:
            told = one.wait_for_answer().text
            assert "The database cannot be reached, so there is no answer; nothing was changed." in told
            assert "Reference" in told
        assert "a guest" in refused.wait_for_answer().text
        line.free()
        assert "1,200 leads" in slack.command("ada", "campaigns", "general").wait_for_answer().text
    assert denials(built) == []  # the line of the refusal got lost, and the log of the process says so


def test_health_says_so_while_the_database_hangs(
    behind: Settings, line: Line, slack: Slack, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slackbot.health.REMEMBERED_SECONDS", 0)
    ours = bot_settings(behind, slack, HTTP)
    with open_database(behind, Role.BOT) as engine, running(ours, engine):
        assert get(ours.port, "/healthz") == (200, {"slack": True, "database": True})
        line.block()
        assert get(ours.port, "/healthz") == (503, {"slack": True, "database": False})
        line.free()
        assert get(ours.port, "/healthz") == (200, {"slack": True, "database": True})


def test_what_the_database_says_too_late_answers_nothing_else(behind: Settings, line: Line, impatient: None) -> None:
    with open_database(behind, Role.BOT) as engine:
        with pytest.raises(DBAPIError, match="no answer in 1 s"), engine.connect() as connection:
            connection.execute(text("select pg_sleep(2), 'late'"))
        with engine.connect() as connection:
            assert connection.execute(text("select 'new'")).scalar_one() == "new"


def test_what_was_lost_at_its_commit_is_not_said_to_be_lost(behind: Settings, line: Line, impatient: None) -> None:
    def failure(engine: Engine, *, before: bool) -> DBAPIError:
        """Return what is raised where the line is blocked before or after the last statement."""
        try:
            with engine.begin() as connection:
                if before:
                    line.block()
                connection.execute(text("select 1"))
                line.block()
        except DBAPIError as error:
            return error
        finally:
            line.free()
        raise AssertionError

    with open_database(behind, Role.BOT) as engine:
        lost, unknown = failure(engine, before=True), failure(engine, before=False)
    assert "so nothing was stored" in str(database_failure(lost, "a write", NOT_STORED))
    assert "it is not known whether this was stored" in str(database_failure(unknown, "a write", NOT_STORED))


def test_a_failure_that_comes_in_time_is_what_it_is(behind: Settings, line: Line, impatient: None) -> None:
    with open_database(behind, Role.BOT) as engine, engine.connect() as connection:
        connection.execute(text("set local statement_timeout = 200"))
        with pytest.raises(DBAPIError) as caught:
            connection.execute(text("select pg_sleep(9)"))
        assert isinstance(caught.value.orig, psycopg.errors.QueryCanceled)
        connection.rollback()
        assert connection.execute(text("select 1")).scalar_one() == 1


def test_whoever_waits_for_a_name_waits_for_as_long_as_it_takes(
    settings: Settings, built: Engine, impatient: None
) -> None:
    waits = threading.Event()
    has_it = threading.Event()

    def second() -> None:
        with open_database(settings, Role.BOT) as engine, exclusive(engine, "sync", waits.set):
            has_it.set()

    thread = threading.Thread(target=second)
    with exclusive(built, "sync"):
        thread.start()
        assert waits.wait(20)
        assert not has_it.wait(2)  # longer than it waits for other things
    assert has_it.wait(20)
    thread.join(10)


PATIENT = "uysp.patience.ANSWER_SECONDS = 600"  # as good as for ever
BRIEF = "slackbot.app.DRAIN_SECONDS = 2; slackbot.app.END_SECONDS = 1"


def test_the_process_ends_on_a_signal_though_an_answer_hangs(behind: Settings, line: Line, slack: Slack) -> None:
    ours = bot_settings(behind, slack, HTTP)
    with process_of(ours, PATIENT, BRIEF) as process:
        assert eventually(lambda: listens(ours.port), 30)
        slack.command("ada", "campaigns", "general").wait_for_answer()
        line.block()
        asked = slack.command("ada", "campaigns", "general")
        assert asked.error is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 1
        assert process.stderr is not None
        log = process.stderr.read()
    assert "1 answers were not finished" in log
    assert "Something hangs" in log
    assert asked.answers() == []


def test_the_process_ends_on_a_signal_though_its_start_hangs(behind: Settings, line: Line, slack: Slack) -> None:
    line.block()
    ours = bot_settings(behind, slack, HTTP)
    with process_of(ours, "uysp.database.CONNECT_ARGUMENTS['connect_timeout'] = 600", BRIEF) as process:
        assert line.used.wait(60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 1
