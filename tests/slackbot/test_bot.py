"""The bot as people meet it: through the emulated Slack, over Socket Mode and over signed HTTP."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy
from pydantic import SecretStr
from slack_sdk.socket_mode.builtin.connection import Connection
from sqlalchemy import text

from playground.slack.delivery import signature
from playground.slack.limits.blocks import block_faults
from playground.slack.server import Slack, running_slack
from playground.slack.workspace import Message
from slackbot.app import running
from slackbot.checks import check_slack
from slackbot.web import LARGEST_BODY
from tests.slackbot import marts
from tests.slackbot.conftest import HTTP, SOCKETS, bot_settings, both
from tests.slackbot.drawn import HOSTILE, strings
from tests.waiting import eventually
from uysp.doctor import State
from uysp.errors import ConfigurationError, UyspError
from uysp.settings import Client, Settings

Engine = sqlalchemy.Engine


def shown(message: Message) -> str:
    """Return everything a message shows."""
    return "\n".join([message.text, *strings(list(message.blocks))])


def get(port: int, path: str) -> tuple[int, Any]:
    """Return status and JSON of a GET."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def post(port: int, path: str, body: bytes, headers: dict[str, str]) -> int:
    """Return the status of a POST."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", path, body, headers)
    return connection.getresponse().status


def denials(engine: Engine) -> list[tuple[str, str]]:
    """Return person and reason of every refusal in the activity log."""
    query = "select actor_id, details ->> 'reason' from app.activity_log where action = 'ACCESS_DENIED' order by id"
    with engine.connect() as connection:
        return [(row[0], row[1]) for row in connection.execute(text(query))]


@pytest.fixture
def campaign(built: Engine) -> Engine:
    """A base with one campaign and one lead."""
    marts.mark_synced(built)
    marts.add_campaign(built, "Webinar", leads=1200, bookings=30, booking_rate=0.025)
    marts.add_lead(built, 1, name="Jane Doe", email="jane@acme.example", phone="4155550100", notes="likes tea")
    return built


@both
def test_a_command_is_acknowledged_at_once_and_answered_to_its_person_alone(
    campaign: Engine, bot: Settings, slack: Slack
) -> None:
    asked = slack.command("ada", "campaigns", "general")
    assert asked.error is None
    assert asked.ack_text == "Looking up campaigns…"
    assert asked.acked_after is not None
    assert asked.acked_after < 1
    answer = asked.wait_for_answer()
    assert answer.only_for == "U0ADA00001"
    assert answer.text.startswith("1 campaign, 1,200 leads, 30 booked (2.5%)")
    kinds = [block["type"] for block in answer.blocks]
    assert kinds[:2] == ["header", "section"]
    assert "data_table" in kinds
    assert slack.workspace.screen("ben", "general") == []


def test_personal_data_of_a_lead_reaches_the_asker_alone(campaign: Engine, bot: Settings, slack: Slack) -> None:
    answer = slack.command("ada", "lead JANE", "partners").wait_for_answer()
    assert all(each in shown(answer) for each in ("jane@acme.example", "4155550100", "likes tea"))
    assert answer.only_for == "U0ADA00001"
    assert all("jane" not in shown(message).casefold() for message in slack.workspace.screen("stella", "partners"))


@both
def test_a_delivery_that_is_repeated_is_answered_once(campaign: Engine, bot: Settings, slack: Slack) -> None:
    asked = slack.command("ada", "campaigns", "general")
    asked.wait_for_answer()
    assert slack.redeliver(asked).error is None
    assert slack.redeliver(asked, new_envelope=True).error is None
    slack.command("ada", "help", "general").wait_for_answer()
    assert asked.uses == 1


def test_what_is_not_understood_is_explained_and_nothing_is_looked_up(
    campaign: Engine, bot: Settings, slack: Slack
) -> None:
    answer = slack.command("ada", "campains", "general").wait_for_answer()
    assert "Did you mean campaigns or campaign?" in answer.text


@both
def test_who_is_no_full_member_is_refused_and_the_refusal_is_logged(
    campaign: Engine, bot: Settings, slack: Slack
) -> None:
    people = {
        ("gus", "general"): "a guest",
        ("solo", "helpdesk"): "a guest",
        ("stella", "partners"): "other workspace",
        ("dee", "general"): "deactivated",
        ("robot", "general"): "a bot",
    }
    for who, where in people:
        answer = slack.command(who, "lead jane", where).wait_for_answer()
        assert "othing was looked up" in answer.text
        assert "jane@acme.example" not in shown(answer)
    assert denials(campaign) == [(slack.workspace.person(who).id, reason) for (who, _), reason in people.items()]


@both
def test_a_person_whom_slack_does_not_describe_is_refused(campaign: Engine, bot: Settings, slack: Slack) -> None:
    slack.fail("users.info", error="fatal_error")
    answer = slack.command("ada", "lead jane", "general").wait_for_answer()
    assert "Slack did not tell who you are" in answer.text
    assert [reason for _, reason in denials(campaign)] == ["lookup failed: fatal_error"]
    slack.recover()
    assert "jane@acme.example" in shown(slack.command("ada", "lead jane", "general").wait_for_answer())


def test_slack_is_asked_once_about_a_person_in_five_minutes(campaign: Engine, bot: Settings, slack: Slack) -> None:
    for _ in range(3):
        slack.command("ada", "help", "general").wait_for_answer()
    assert [call.method for call in slack.calls].count("users.info") == 1


@pytest.fixture
def two_clients(
    built: Engine, reading: Engine, settings: Settings, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    """Clients alpha (everywhere), beta (in #outreach) and gamma (of a user group), each with a campaign."""
    clients = (
        Client("alpha", "Alpha", "app1", SecretStr("t")),
        Client("beta", "Beta", "app2", SecretStr("t"), slack_channels=("C0OUTREACH",)),
        Client("gamma", "Gamma", "app3", SecretStr("t"), slack_user_groups=("sales",)),
    )
    for client in (*clients, Client("gone", "Gone", "app4", SecretStr("t"))):
        marts.mark_synced(built, client.key)
        marts.add_campaign(built, f"Campaign of {client.key}", client=client.key)
    ours = bot_settings(settings, slack, HTTP)
    ours.__dict__["clients"] = clients  # what reading a clients file gives
    with running(ours, reading):
        yield ours


def test_a_client_is_shown_only_in_its_channels_and_to_its_groups(two_clients: Settings, slack: Slack) -> None:
    def campaigns(who: str, where: str) -> set[str]:
        answer = shown(slack.command(who, "campaigns", where).wait_for_answer())
        return {key for key in ("alpha", "beta", "gamma", "gone") if f"Campaign of {key}" in answer}

    assert campaigns("ben", "general") == {"alpha"}
    assert campaigns("ada", "general") == {"alpha", "gamma"}
    assert campaigns("ada", "outreach") == {"alpha", "beta", "gamma"}
    refused = slack.command("ben", "campaigns client:beta", "general").wait_for_answer()
    assert "There is no client “beta”. There are: alpha." in refused.text


def test_hostile_values_are_shown_as_text_and_nobody_is_mentioned(
    built: Engine, reading: Engine, settings: Settings, slack: Slack
) -> None:
    marts.mark_synced(built)
    for number, value in enumerate(HOSTILE):
        harmless = value.replace("\x00", "").encode(errors="ignore").decode()  # Postgres holds neither
        marts.add_campaign(built, harmless, leads=number)
        marts.add_lead(built, number, name=f"Twin {harmless}", company=harmless, notes=harmless, email=harmless)
    with running(bot_settings(settings, slack, HTTP), reading):
        for line in ("campaigns", "lead twin", *(f"lead {marts.record_id(number)}" for number in range(len(HOSTILE)))):
            answer = slack.command("ada", line, "general").wait_for_answer()
            assert block_faults(list(answer.blocks)) == []
            assert "<" not in answer.text
            assert answer.blocks[0]["type"] == "header"
        told = slack.command("ada", "lead <!channel> & <@U0BEN00001>", "general").wait_for_answer()
        assert "&lt;!channel&gt; &amp; &lt;@U0BEN00001&gt;" in told.text


def test_a_workspace_without_the_newer_blocks_gets_simpler_ones(campaign: Engine, bot: Settings, slack: Slack) -> None:
    for refused, unwanted in ((1, {"data_visualization"}), (2, {"data_visualization", "data_table"})):
        slack.fail("response_url", status=400, error="invalid_blocks", times=refused)
        answer = slack.command("ada", "campaigns", "general").wait_for_answer()
        assert "Webinar" in shown(answer)
        assert not unwanted & {block["type"] for block in answer.blocks}
        slack.recover()


def test_an_answer_whose_response_url_is_gone_comes_by_direct_message(
    campaign: Engine, bot: Settings, slack: Slack
) -> None:
    slack.fail("response_url", status=404, error="expired_url")
    answer = slack.command("ada", "lead jane", "general").wait_for_answer()
    assert answer.channel == slack.workspace.direct_message("U0ADA00001").id
    assert "jane@acme.example" in shown(answer)


def test_a_database_that_is_away_is_told_with_a_reference_and_nothing_personal_is_logged(
    settings: Settings, slack: Slack, caplog: pytest.LogCaptureFixture
) -> None:
    away = sqlalchemy.create_engine("postgresql+psycopg://someone:hidden@127.0.0.1:1/none")
    ours = bot_settings(settings, slack, HTTP)
    with running(ours, away):
        answer = slack.command("ada", "lead jane@acme.example", "general").wait_for_answer()
        assert get(ours.port, "/healthz") == (503, {"slack": True, "database": False})
    reference = answer.text.split("Reference ")[1].rstrip(".")
    assert "cannot be reached" in answer.text
    assert reference in caplog.text
    for secret in ("jane", "hidden", slack.bot_token, slack.app_token, "response_url"):
        assert secret not in caplog.text


def test_a_fault_of_ours_is_told_with_a_reference_and_logged_without_values(
    campaign: Engine, bot: Settings, slack: Slack, caplog: pytest.LogCaptureFixture
) -> None:
    with campaign.begin() as connection:
        connection.execute(text("alter table marts.leads drop column notes"))
    answer = slack.command("ada", "lead jane", "general").wait_for_answer()
    reference = answer.text.split("Reference ")[1].rstrip(".")
    assert reference in caplog.text
    assert "jane" not in caplog.text.casefold()


@both
def test_health_tells_what_is_reachable(campaign: Engine, bot: Settings, slack: Slack) -> None:
    assert get(bot.port, "/healthz") == (200, {"slack": True, "database": True})


def test_health_tells_that_slack_is_gone(settings: Settings, reading: Engine, slack: Slack) -> None:
    ours = bot_settings(settings, slack, HTTP)
    with running(ours, reading):
        slack.fail("auth.test", error="invalid_auth")
        assert get(ours.port, "/healthz") == (503, {"slack": False, "database": True})


def test_health_tells_that_the_connection_of_socket_mode_is_gone_and_is_back(
    settings: Settings, reading: Engine, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("slackbot.health.REMEMBERED_SECONDS", 0)
    ours = bot_settings(settings, slack, SOCKETS)
    with running(ours, reading):
        slack.wait_for_connections()
        assert get(ours.port, "/healthz") == (200, {"slack": True, "database": True})
        slack.fail("apps.connections.open", error="internal_error")
        slack.drop_sockets()
        assert eventually(lambda: get(ours.port, "/healthz") == (503, {"slack": False, "database": True}))
        slack.recover()
        assert eventually(lambda: get(ours.port, "/healthz") == (200, {"slack": True, "database": True}), 30)
        assert eventually(lambda: slack.command("ada", "help", "general").error is None)


def test_the_address_is_one_that_slack_accepts_when_it_is_entered(
    settings: Settings, reading: Engine, slack: Slack
) -> None:
    ours = bot_settings(settings, slack, HTTP)
    body, now = json.dumps({"type": "url_verification", "challenge": "sesame", "token": "x"}), str(int(time.time()))
    signed = {"x-slack-signature": signature(slack.signing_secret, now, body.encode())}
    headers = {**signed, "x-slack-request-timestamp": now, "content-type": "application/json"}
    with running(ours, reading):
        connection = http.client.HTTPConnection("127.0.0.1", ours.port, timeout=10)
        connection.request("POST", "/slack/events", body, headers)
        response = connection.getresponse()
        assert (response.status, json.loads(response.read())) == (200, {"challenge": "sesame"})


@pytest.mark.parametrize("timestamp", ["", "soon", "1700000000", None])
def test_requests_that_slack_did_not_sign_are_turned_away_and_not_logged(
    settings: Settings, reading: Engine, slack: Slack, caplog: pytest.LogCaptureFixture, timestamp: str | None
) -> None:
    ours = bot_settings(settings, slack, HTTP)
    caplog.set_level("DEBUG")
    now = str(int(time.time())) if timestamp is None else timestamp
    headers = {
        "x-slack-signature": "v0=0000",
        "x-slack-request-timestamp": now,
        "content-type": "application/x-www-form-urlencoded",
    }
    with running(ours, reading):
        assert post(ours.port, "/slack/events", b"command=%2Fuysp&text=lead+jane", headers) == 401
        assert (
            post(ours.port, "/slack/events", b"x" * (LARGEST_BODY + 1), {**headers, "x-slack-request-timestamp": "1"})
            == 413
        )
    assert "jane" not in caplog.text


def test_requests_that_slack_did_not_sign_are_turned_away_before_anything_reads_them(
    settings: Settings, reading: Engine, slack: Slack, caplog: pytest.LogCaptureFixture
) -> None:
    ours = bot_settings(settings, slack, HTTP)
    form, document = "application/x-www-form-urlencoded", "application/json"
    bodies = [
        (b"payload=%7Bbad", form),
        (b"payload=%5B1%5D", form),
        (b"[1,2]", document),
        (b"{bad", document),
        (b"[" * 100_000, document),
    ]
    with running(ours, reading):
        caplog.clear()
        for signature in ("v0=00", "v0=\xe9", ""):
            for body, kind in bodies:
                sent = {"x-slack-signature": signature, "x-slack-request-timestamp": str(int(time.time()))}
                assert post(ours.port, "/slack/events", body, {**sent, "content-type": kind}) == 401
        long = {"x-slack-signature": "v0=00", "x-slack-request-timestamp": "9" * 5000}
        assert post(ours.port, "/slack/events", b"{}", long) == 401
        assert [record for record in caplog.records if record.levelname in ("ERROR", "CRITICAL")] == []
    assert "Traceback" not in caplog.text


def test_dropped_connections_are_opened_again(
    campaign: Engine, settings: Settings, reading: Engine, slack: Slack
) -> None:
    with running(bot_settings(settings, slack, SOCKETS), reading):
        slack.wait_for_connections()
        slack.renew_sockets()
        slack.wait_for_connections(timeout=20)
        assert eventually(lambda: slack.command("ada", "help", "general").error is None)


def test_socket_mode_ends_without_waiting_for_what_slack_may_send_next(
    settings: Settings, reading: Engine, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = Connection.connect

    def connect_to_wait(self: Connection) -> None:
        connect(self)
        assert self.sock is not None
        self.sock.settimeout(60)

    monkeypatch.setattr(Connection, "connect", connect_to_wait)
    with running(bot_settings(settings, slack, SOCKETS), reading):
        slack.wait_for_connections()
        began = time.monotonic()
    assert time.monotonic() - began < 10


def test_what_was_asked_before_the_end_is_answered(
    campaign: Engine, settings: Settings, reading: Engine, slack: Slack
) -> None:
    with campaign.connect() as blocker:
        blocker.execute(text("lock table marts.campaign_performance in access exclusive mode"))
        with running(bot_settings(settings, slack, HTTP), reading):
            asked = slack.command("ada", "campaigns", "general")
            assert not asked.answers()
            blocker.rollback()
    assert asked.answers()[0].text.startswith("1 campaign")


def test_proxies_of_the_environment_do_not_stand_before_this_machine(
    campaign: Engine, settings: Settings, reading: Engine, slack: Slack, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "internal.example")
    with running(bot_settings(settings, slack, SOCKETS), reading):
        slack.wait_for_connections()
        assert slack.command("ada", "campaigns", "general").wait_for_answer().text.startswith("1 campaign")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"slack_bot_token": None}, "SLACK_BOT_TOKEN is not set"),
        ({"slack_app_token": None}, "neither SLACK_APP_TOKEN"),
        ({"slack_bot_token": SecretStr("xoxb-wrong")}, r"SLACK_BOT_TOKEN \(invalid_auth\)"),
        ({"slack_app_token": SecretStr("xapp-wrong")}, r"SLACK_APP_TOKEN \(invalid_auth\)"),
        ({"slack_api_url": "http://127.0.0.1:9/api/"}, "Slack cannot be reached at 127.0.0.1"),
    ],
)
def test_tokens_that_will_not_do_end_with_one_clear_line(
    settings: Settings, slack: Slack, change: dict[str, Any], said: str
) -> None:
    ours = bot_settings(settings, slack, SOCKETS).model_copy(update=change)
    engine = sqlalchemy.create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(UyspError, match=said) as caught, running(ours, engine):
        pass
    assert "\n" not in str(caught.value)
    assert "wrong" not in str(caught.value)
    [*_, last] = check_slack(ours)
    assert last.state is (
        State.NOTE if "slack_bot_token" in change and change["slack_bot_token"] is None else State.WRONG
    )


def test_a_port_in_use_is_told(settings: Settings, slack: Slack) -> None:
    taken = int(slack.url.rsplit(":", 1)[1])
    ours = bot_settings(settings, slack, SOCKETS).model_copy(update={"port": taken})
    engine = sqlalchemy.create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(ConfigurationError, match=f"Port {taken} cannot be used"), running(ours, engine):
        pass


def test_any_other_command_is_told_which_one_there_is(settings: Settings, reading: Engine) -> None:
    with running_slack(commands=("/uysp", "/other")) as slack, running(bot_settings(settings, slack, HTTP), reading):
        told = slack.command("ada", "campaigns", "general", command="/other")
        assert told.ack_text == "I only know /uysp; type /uysp help."


@contextmanager
def process_of(settings: Settings, *changes: str) -> Iterator[subprocess.Popen[str]]:
    """Run the bot as a process of its own; `changes` are statements that it begins with."""
    assert settings.database_url is not None
    assert settings.slack_bot_token is not None
    assert settings.slack_signing_secret is not None
    environment = {
        "PATH": "/usr/bin:/bin",
        "UYSP_HOME": str(settings.uysp_home),
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "SLACK_BOT_TOKEN": settings.slack_bot_token.get_secret_value(),
        "SLACK_SIGNING_SECRET": settings.slack_signing_secret.get_secret_value(),
        "SLACK_API_URL": settings.slack_api_url,
        "PORT": str(settings.port),
    }
    program = ["import slackbot.app, uysp.database, uysp.patience, uysp.settings", *changes]
    program.append("slackbot.app.serve(uysp.settings.load_settings())")
    with subprocess.Popen(
        [sys.executable, "-c", "\n".join(program)], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_the_process_answers_what_was_asked_before_it_ends_on_a_signal(
    campaign: Engine, settings: Settings, slack: Slack
) -> None:
    ours = bot_settings(settings, slack, HTTP)
    with process_of(ours) as process:
        assert eventually(lambda: listens(ours.port), 30)
        with campaign.connect() as blocker:
            blocker.execute(text("lock table marts.campaign_performance in access exclusive mode"))
            asked = slack.command("ada", "campaigns", "general")
            assert asked.error is None
            process.send_signal(signal.SIGTERM)
            assert eventually(lambda: "restarted" in str(slack.command("ada", "help", "general").ack_text))
            blocker.rollback()
        assert asked.wait_for_answer().text.startswith("1 campaign")
        assert process.wait(20) == 0
        assert process.stderr is not None
        log = process.stderr.read()
    assert "Stopping" in log
    assert all(secret not in log for secret in (slack.bot_token, slack.signing_secret, "response_url"))


def listens(port: int) -> bool:
    """Return whether something takes connections at a port."""
    with socket.socket() as attempt:
        return attempt.connect_ex(("127.0.0.1", port)) == 0
