"""The chat page and the process that serves it."""

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from urllib.request import ProxyHandler, Request, build_opener

import pytest
from slack_bolt import Ack

from playground.slack.server import Slack
from tests.playground.slack.conftest import bolt_app, over_http
from uysp.settings import PROJECT

OPENER = build_opener(ProxyHandler({}))


def get(url: str) -> str:
    with OPENER.open(url, timeout=20) as response:
        text: str = response.read().decode()
        return text


def test_the_page_and_all_it_needs_come_from_here(slack: Slack) -> None:
    page = get(f"{slack.url}/")
    assert "default-src 'self'" in page
    for name in ("chat.css", "chat.js", "blocks.js"):
        names = ("https?://", "http://www.w3.org/2000/svg")  # a pattern and a namespace, from where nothing is fetched
        script = get(f"{slack.url}/{name}")
        assert "://" not in script.replace(names[0], "").replace(names[1], "")
    assert set(re.findall(r'(?:src|href)="([^"]+)"', page)) == {"data:,", "chat.css", "chat.js"}


def test_data_never_becomes_markup(slack: Slack) -> None:
    scripts = get(f"{slack.url}/chat.js") + get(f"{slack.url}/blocks.js")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", scripts)


def test_a_command_typed_in_the_page_is_answered_on_its_screen(slack: Slack) -> None:
    app = bolt_app(slack)

    @app.command("/uysp")
    def listen(ack: Ack, command: dict[str, str]) -> None:
        ack(f"you asked: {command['text']}")

    people = json.loads(get(f"{slack.url}/chat/people"))["people"]
    ada = next(one for one in people if one["name"].startswith("Ada"))
    with over_http(slack, app):
        said = {"person": ada["id"], "channel": ada["channels"][0]["id"], "text": "/uysp campaigns sort:clicks"}
        assert post(f"{slack.url}/chat/say", said)["error"] is None
    where = f"{slack.url}/chat/screen?person={ada['id']}&channel={said['channel']}"
    screen = json.loads(get(where))
    (message,) = screen["messages"]
    assert message["text"] == "you asked: campaigns sort:clicks"
    assert message["ephemeral"] is True
    assert "messages" not in json.loads(get(f"{where}&place={screen['place']}"))


def post(url: str, body: dict[str, str]) -> dict[str, object]:
    request = Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with OPENER.open(request, timeout=20) as response:
        answer: dict[str, object] = json.loads(response.read())
        return answer


def test_the_page_offers_people_their_own_conversations_only(slack: Slack) -> None:
    people = {one["name"]: one for one in json.loads(get(f"{slack.url}/chat/people"))["people"]}
    assert "Dee Departed" not in people
    names = [channel["name"] for channel in people["Solo Guest"]["channels"]]
    assert names == ["#helpdesk", "UYSP (direct message)"]


@pytest.fixture
def process() -> Iterator["subprocess.Popen[str]"]:
    running = subprocess.Popen(
        [
            *(sys.executable, "-m", "playground.slack", "--port", "0", "--bot-token", "xoxb-of-mine"),
            *("--manifest", str(PROJECT / "slackbot" / "manifest.json")),
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def test_the_process_says_where_it_is_and_stops_when_told(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    said = "".join(process.stdout.readline() for _ in range(4))
    url = re.search(r"chat page at (\S+/)", said)
    assert url is not None
    assert "<title>" in get(url[1])
    assert json.loads(get(f"{url[1]}chat/people"))["commands"] == ["/uysp"]
    assert "SLACK_BOT_TOKEN=xoxb-of-mine" in said
    assert "SLACK_APP_TOKEN=xapp-" in said
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0


def test_a_taken_port_is_said_in_one_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        arguments = [sys.executable, "-m", "playground.slack", "--port", port]
        ended = subprocess.run(arguments, capture_output=True, text=True, timeout=20, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"The Slack emulator cannot use port {port}")
    assert ended.stderr.count("\n") == 1
