"""Faults of Slack's own, which pass: what does no harm twice is called again."""

import pytest
from pydantic import SecretStr
from slack_sdk.errors import SlackApiError

from playground.slack.server import Slack
from slackbot.blocks.actions import EXPLAIN
from slackbot.connection import web_client
from tests.slackbot.test_bot import campaign, shown
from tests.slackbot.test_listeners import button, put, ready
from uysp.settings import Settings

__all__ = ["campaign"]
pytestmark = pytest.mark.usefixtures("campaign")


@pytest.mark.parametrize("method", ["views.open", "views.update"])
def test_a_window_is_filled_though_slack_failed_at_it(bot: Settings, slack: Slack, method: str) -> None:
    slack.fail(method, status=500, times=1)
    slack.press("ada", put(slack, button(EXPLAIN, "campaigns")), EXPLAIN)
    assert "Leads" in str(slack.wait_for_modal("ada", ready).blocks)
    assert [call.status for call in slack.calls if call.method == method] == [500, 200]


def test_home_is_shown_though_slack_failed_at_it(bot: Settings, slack: Slack) -> None:
    slack.fail("views.publish", status=503, times=1)
    slack.open_home("ada")
    assert "1,200" in str(slack.wait_for_home("ada").blocks)


def test_who_waits_before_a_window_that_slack_does_not_fill_is_told(
    bot: Settings, slack: Slack, caplog: pytest.LogCaptureFixture
) -> None:
    slack.fail("views.update", status=500)
    pressed = slack.press("ada", put(slack, button(EXPLAIN, "campaigns")), EXPLAIN)
    told = shown(pressed.wait_for_answer())
    assert "Slack did not fill the window" in told
    assert "nothing was changed" in told
    assert told.split("Reference ")[1].split(".")[0] in caplog.text


def test_what_would_be_there_twice_is_sent_once(settings: Settings, slack: Slack) -> None:
    ours = {"slack_bot_token": SecretStr(slack.bot_token), "slack_api_url": slack.api_url}
    client = web_client(settings.model_copy(update=ours))
    slack.fail("chat.postMessage", status=500)
    with pytest.raises(SlackApiError):
        client.chat_postMessage(channel="U0ADA00001", text="once")
    assert [call.method for call in slack.calls] == ["chat.postMessage"]
