"""The Web API as the real slack_sdk client meets it."""

import http.client
import json
from urllib.parse import urlencode

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_handlers import RateLimitErrorRetryHandler

from playground.slack.server import Slack, running_slack
from playground.slack.web_api import Credentials

SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "hello"}}


def refusal(client: WebClient, method: str, **arguments: object) -> str:
    with pytest.raises(SlackApiError) as caught:
        client.api_call(method, json=arguments)
    assert caught.value.response.status_code == 200
    return str(caught.value.response["error"])


def test_a_bot_learns_who_it_is(client: WebClient) -> None:
    who = client.auth_test()
    assert who["user_id"].startswith("U")
    assert who["bot_id"].startswith("B")
    assert who["team_id"].startswith("T")


def test_an_unknown_method_is_refused(client: WebClient) -> None:
    assert refusal(client, "chat.postTelegram") == "unknown_method"


def test_each_method_takes_only_its_kind_of_token(slack: Slack) -> None:
    def said(method: str, token: str | None) -> str:
        return refusal(WebClient(token=token, base_url=slack.api_url), method)

    assert said("auth.test", None) == "not_authed"
    assert said("auth.test", "xoxb-not-ours") == "invalid_auth"
    assert said("auth.test", slack.app_token) == "not_allowed_token_type"
    assert said("apps.connections.open", slack.bot_token) == "not_allowed_token_type"


def test_an_app_token_counts_only_in_the_header(slack: Slack) -> None:
    assert raw_post(slack, "apps.connections.open", {"token": slack.app_token})["error"] == "not_authed"
    url = WebClient(base_url=slack.api_url).apps_connections_open(app_token=slack.app_token)["url"]
    assert url.startswith("ws://127.0.0.1:")


def raw_post(slack: Slack, method: str, form: dict[str, str]) -> dict[str, object]:
    connection = http.client.HTTPConnection(slack.url.removeprefix("http://"))
    connection.request("POST", f"/api/{method}", urlencode(form), {"Content-Type": "application/x-www-form-urlencoded"})
    answer: dict[str, object] = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def test_forms_carry_blocks_as_json_text(slack: Slack) -> None:
    form = {"token": slack.bot_token, "channel": "#general", "blocks": json.dumps([SECTION])}
    assert raw_post(slack, "chat.postMessage", form)["ok"] is True
    assert slack.workspace.screen("ada", "general")[-1].blocks[0]["text"] == SECTION["text"]
    assert raw_post(slack, "chat.postMessage", form | {"blocks": "[{"})["error"] == "invalid_blocks_format"


def test_scopes_count_where_they_are_configured() -> None:
    with running_slack(credentials=Credentials(scopes=frozenset({"chat:write", "users:read"}))) as slack:
        client = WebClient(token=slack.bot_token, base_url=slack.api_url)
        with pytest.raises(SlackApiError) as caught:
            client.conversations_open(users="U0ADA00001")
        assert caught.value.response["error"] == "missing_scope"
        assert caught.value.response["needed"] == "im:write"
        assert caught.value.response["provided"] == "chat:write,users:read"
        assert "email" not in client.users_info(user="U0ADA00001")["user"]["profile"]


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("ada", set()),
        ("grace", {"is_admin"}),
        ("gus", {"is_restricted"}),
        ("solo", {"is_restricted", "is_ultra_restricted"}),
        ("stella", {"is_stranger"}),
        ("robot", {"is_bot"}),
        ("dee", {"deleted"}),
    ],
)
def test_people_carry_the_flags_of_their_standing(slack: Slack, client: WebClient, name: str, flags: set[str]) -> None:
    user = client.users_info(user=slack.workspace.person(name).id)["user"]
    watched = {"is_admin", "is_restricted", "is_ultra_restricted", "is_stranger", "is_bot", "deleted"}
    assert {flag for flag in watched if user.get(flag)} == flags
    assert (user["team_id"] != client.auth_test()["team_id"]) == (name == "stella")


def test_an_unknown_person_is_refused(client: WebClient) -> None:
    assert refusal(client, "users.info", user="U0NOBODY00") == "user_not_found"


def test_pages_of_people_together_are_everybody(slack: Slack, client: WebClient) -> None:
    found = [user["id"] for page in client.users_list(limit=2) for user in page["members"]]
    assert sorted(found) == sorted(slack.workspace.people)


def test_a_message_is_seen_by_the_members_of_its_channel_only(slack: Slack, client: WebClient) -> None:
    client.chat_postMessage(channel="C0OUTREACH", text="for the team")
    assert [one.text for one in slack.workspace.seen_by("ada")] == ["for the team"]
    assert slack.workspace.seen_by("ben") == []


def test_an_ephemeral_message_is_seen_by_one_person_and_cannot_be_updated(slack: Slack, client: WebClient) -> None:
    posted = client.chat_postEphemeral(channel="C0GENERAL1", user="U0ADA00001", text="psst")
    assert [one.text for one in slack.workspace.screen("ada", "general")] == ["psst"]
    assert slack.workspace.screen("grace", "general") == []
    assert (
        refusal(client, "chat.update", channel="C0GENERAL1", ts=posted["message_ts"], text="x") == "message_not_found"
    )
    assert (
        refusal(client, "chat.postEphemeral", channel="C0OUTREACH", user="U0BEN00001", text="x")
        == "user_not_in_channel"
    )


def test_an_update_replaces_the_message_and_keeps_what_was_seen_before(slack: Slack, client: WebClient) -> None:
    posted = client.chat_postMessage(channel="C0GENERAL1", text="first")
    client.chat_update(channel="C0GENERAL1", ts=posted["ts"], text="second")
    assert [one.text for one in slack.workspace.screen("ada", "general")] == ["second"]
    seen = slack.workspace.seen_by("ada")
    assert [one.text for one in seen] == ["first", "second"]
    assert seen[0].seen_at < seen[1].seen_at


def test_the_bot_posts_only_where_it_is_a_member(client: WebClient) -> None:
    assert refusal(client, "chat.postMessage", channel="C0SECRET01", text="x") == "channel_not_found"
    assert refusal(client, "chat.postMessage", channel="C0NOWHERE1", text="x") == "channel_not_found"
    assert refusal(client, "chat.postMessage", channel="C0GENERAL1") == "no_text"
    assert refusal(client, "chat.postMessage", channel="C0GENERAL1", text="x" * 40_001) == "msg_too_long"


def test_a_direct_message_reaches_its_person_by_conversation_or_by_user_id(slack: Slack, client: WebClient) -> None:
    opened = client.conversations_open(users="U0BEN00001")["channel"]["id"]
    assert client.chat_postMessage(channel="U0BEN00001", text="hello")["channel"] == opened
    assert client.conversations_info(channel=opened)["channel"]["is_im"] is True
    assert [one.text for one in slack.workspace.seen_by("ben")] == ["hello"]
    assert slack.workspace.seen_by("ada") == []
    assert refusal(client, "conversations.open", users="U0DEE00001") == "user_disabled"


def test_a_shared_channel_says_so_and_a_private_one_without_the_bot_is_unknown(client: WebClient) -> None:
    assert client.conversations_info(channel="C0PARTNERS")["channel"]["is_ext_shared"] is True
    assert client.conversations_info(channel="C0GENERAL1")["channel"]["is_ext_shared"] is False
    assert client.conversations_info(channel="C0OUTREACH")["channel"]["is_private"] is True
    assert refusal(client, "conversations.info", channel="C0SECRET01") == "channel_not_found"


def test_a_rate_limited_call_says_when_to_come_back(slack: Slack, client: WebClient) -> None:
    slack.fail("users.info", status=429, retry_after=7, times=1)
    with pytest.raises(SlackApiError) as caught:
        client.users_info(user="U0ADA00001")
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["Retry-After"] == "7"
    assert client.users_info(user="U0ADA00001")["ok"]


def test_the_sdk_waits_out_a_rate_limit(slack: Slack, client: WebClient) -> None:
    client.retry_handlers.append(RateLimitErrorRetryHandler(max_retry_count=1))
    slack.fail("users.info", status=429, retry_after=0, times=1)
    assert client.users_info(user="U0ADA00001")["ok"]
    assert [call.status for call in slack.calls] == [429, 200]


def test_failures_on_demand_end_when_told(slack: Slack, client: WebClient) -> None:
    slack.fail("users.info", status=503)
    for _ in range(2):
        with pytest.raises(SlackApiError):
            client.users_info(user="U0ADA00001")
    slack.recover()
    assert client.users_info(user="U0ADA00001")["ok"]


def test_the_journal_of_calls_holds_no_token(slack: Slack) -> None:
    raw_post(slack, "users.info", {"token": slack.bot_token, "user": "U0ADA00001"})
    (call,) = slack.calls
    assert call.method == "users.info"
    assert call.arguments == {"user": "U0ADA00001"}
    assert call.answer["ok"] is True
