"""What `uysp doctor` looks at in Slack: tokens, and the scopes that the manifest asks for."""

import json
from collections.abc import Iterator
from pathlib import Path

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from slackbot.app import check_tokens
from slackbot.connection import (
    UNREACHABLE,
    is_local,
    keep_proxies_from_loopback,
    refusal,
    unreachable,
    web_client,
)
from uysp.doctor import Finding, State
from uysp.errors import UyspError
from uysp.settings import Settings

MANIFEST = Path(__file__).parent / "manifest.json"
_PART = "Slack"


def check_slack(settings: Settings) -> Iterator[Finding]:
    """Look at the tokens; without a bot token there is nothing wrong, only no bot."""
    if settings.slack_bot_token is None:
        yield Finding(_PART, State.NOTE, "SLACK_BOT_TOKEN is not set, so no bot is started")
        return
    if is_local(settings.slack_api_url):
        keep_proxies_from_loopback()
    try:
        check_tokens(settings)
        client = web_client(settings)
        yield _bot(client)
        if settings.slack_app_token is not None:
            yield _sockets(client, settings.slack_app_token.get_secret_value())
    except UyspError as error:
        yield Finding(_PART, State.WRONG, str(error))


def wanted_scopes() -> tuple[str, ...]:
    """Return the scopes of the bot token that the manifest asks for."""
    return tuple(json.loads(MANIFEST.read_text(encoding="utf-8"))["oauth_config"]["scopes"]["bot"])


def _bot(client: WebClient) -> Finding:
    try:
        said = client.auth_test()
    except SlackApiError as error:
        raise refusal(error, "SLACK_BOT_TOKEN") from None
    except UNREACHABLE:
        raise unreachable(client.base_url) from None
    team = said.get("team") or said["team_id"]
    granted = {name.lower(): value for name, value in said.headers.items()}.get("x-oauth-scopes")
    if granted is None:
        return Finding(_PART, State.OK, f"the bot token works in {team}; Slack did not tell its scopes")
    held = {scope.strip() for scope in granted.split(",")}
    missing = [scope for scope in wanted_scopes() if scope not in held]
    if missing:
        remedy = "add them under OAuth & Permissions (slackbot/manifest.json has all) and install the app again"
        return Finding(_PART, State.WRONG, f"the bot token lacks the scopes {', '.join(missing)}", remedy)
    return Finding(_PART, State.OK, f"the bot token works in {team} and has its scopes")


def _sockets(client: WebClient, app_token: str) -> Finding:
    try:
        client.apps_connections_open(app_token=app_token)
    except SlackApiError as error:
        raise refusal(error, "SLACK_APP_TOKEN") from None
    except UNREACHABLE:
        raise unreachable(client.base_url) from None
    return Finding(_PART, State.OK, "Socket Mode can be opened")
