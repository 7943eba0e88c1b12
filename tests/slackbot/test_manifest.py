"""The manifest: valid, with the fewest scopes, and explained; the doctor compares it with what was granted."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from playground.slack.server import running_slack
from slackbot.answers import VERBS
from slackbot.answers.writes import WRITES
from slackbot.blocks.actions import NOTE_SHORTCUT
from slackbot.checks import MANIFEST, check_slack, wanted_scopes
from slackbot.grammar import parse
from slackbot.listeners.commands import COMMAND
from tests.slackbot.conftest import HTTP, SOCKETS, bot_settings, our_features
from tests.slackbot.manifest_schema import MANIFEST as SCHEMA
from uysp.doctor import State
from uysp.settings import PROJECT, Settings

manifest: dict[str, Any] = json.loads(Path(MANIFEST).read_text(encoding="utf-8"))


def test_the_manifest_is_one_that_slack_takes() -> None:
    jsonschema.Draft202012Validator(SCHEMA).validate(manifest)


@pytest.mark.parametrize(
    ("where", "wrong"),
    [
        (("display_information", "name"), "x" * 36),
        (("display_information", "background_color"), "blue"),
        (("settings", "interactivity"), {}),
        (("features", "slash_commands"), [{"command": "uysp", "description": "x"}]),
        (("features", "shortcuts"), [{"name": "x" * 25, "type": "message", "callback_id": "x", "description": "x"}]),
        (("oauth_config", "redirects"), []),
    ],
)
def test_what_slack_would_refuse_is_found(where: tuple[str, str], wrong: Any) -> None:
    part, name = where
    broken = {**manifest, part: {**manifest[part], name: wrong}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(SCHEMA).validate(broken)


def test_its_command_is_ours_and_its_hint_can_be_typed() -> None:
    (command,) = manifest["features"]["slash_commands"]
    assert command["command"] == COMMAND
    for example in command["usage_hint"].split(" | "):
        assert parse(example, (*VERBS, *WRITES), "help").verb in {verb.name for verb in (*VERBS, *WRITES)}


def test_every_scope_and_event_has_its_reason_in_the_documentation() -> None:
    page = (PROJECT / "docs" / "slack.md").read_text(encoding="utf-8")
    _, _, scopes = page.partition("| scope | for |")
    table, _, _ = scopes.partition("\n\n")
    assert tuple(re.findall(r"^\| `(\S+)` \| \S", table, re.MULTILINE)) == wanted_scopes()
    assert not [scope for scope in wanted_scopes() if scope.endswith(":history") and scope != "im:history"]


def test_the_doctor_names_the_scopes_that_were_not_granted(settings: Settings) -> None:
    features = our_features()
    assert features.scopes is not None
    granted = replace(features, scopes=features.scopes - {"files:write", "im:history"})
    with running_slack(features=granted) as slack:
        (finding, sockets) = check_slack(bot_settings(settings, slack, SOCKETS))
    assert finding.state is State.WRONG
    assert "files:write, im:history" in finding.text
    assert "install the app again" in finding.remedy
    assert sockets.state is State.OK


def test_the_doctor_is_content_with_just_what_the_manifest_asks_for(settings: Settings) -> None:
    with running_slack(features=our_features()) as slack:
        assert [finding.state for finding in check_slack(bot_settings(settings, slack, HTTP))] == [State.OK]


def test_its_shortcut_is_the_one_that_is_listened_to() -> None:
    (shortcut,) = manifest["features"]["shortcuts"]
    assert (shortcut["type"], shortcut["callback_id"]) == ("message", NOTE_SHORTCUT)
