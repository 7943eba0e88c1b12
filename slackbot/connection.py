"""Reaching Slack: the Web API client, who we are there, and posting to a response_url."""

import logging
from dataclasses import dataclass
from urllib.error import URLError
from urllib.parse import urlsplit

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry import HttpRequest, HttpResponse, RetryHandler
from slack_sdk.http_retry.builtin_handlers import ConnectionErrorRetryHandler, RateLimitErrorRetryHandler
from slack_sdk.webhook import WebhookClient

from uysp.errors import ConfigurationError, UyspError
from uysp.settings import Settings, inherited_environment, set_environment

CALL_SECONDS = 10
SERVER_ERRORS = 500
# What may be called again though the first call may have been carried out: it shows the same once more, or opens a
# window for a trigger that opens one only. Of what is posted there would be two.
REPEATABLE = frozenset({"views.open", "views.update", "views.publish", "chat.update"})
_LOOPBACK = ("127.0.0.1", "localhost", "::1")

# Slack's words for a token that will never do, as opposed to a call that may work later.
TOKEN_ERRORS = frozenset(
    {"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "not_allowed_token_type"}
)
UNREACHABLE = (URLError, OSError, SlackClientError)

# Its messages may quote requests; what matters of a failure is logged where it is handled.
sdk_log = logging.getLogger("slackbot.sdk")
sdk_log.setLevel(logging.ERROR)


@dataclass(frozen=True)
class Identity:
    """Who the bot is, from auth.test."""

    team_id: str
    team: str
    user_id: str


class SlackUnreachableError(UyspError):
    """Slack gave no usable answer; it may later."""


class ServerErrorHandler(RetryHandler):
    """Calls again what Slack failed at by its own fault, where that does no harm."""

    def _can_retry(self, *, request: HttpRequest, response: HttpResponse | None = None, **_others: object) -> bool:
        failed = response is not None and response.status_code >= SERVER_ERRORS
        return failed and urlsplit(request.url).path.rpartition("/")[2] in REPEATABLE


def web_client(settings: Settings) -> WebClient:
    """Return a client of the Web API that retries after rate limits, lost connections and faults of Slack's.

    Raises:
        ConfigurationError: no bot token.
    """
    if settings.slack_bot_token is None:
        raise ConfigurationError(
            "SLACK_BOT_TOKEN is not set, so there is no bot; set it with SLACK_APP_TOKEN (Socket Mode) or "
            "SLACK_SIGNING_SECRET (HTTP) in the environment or in .env."
        )
    client = WebClient(
        settings.slack_bot_token.get_secret_value(), settings.slack_api_url, timeout=CALL_SECONDS, logger=sdk_log
    )
    client.retry_handlers = [
        ConnectionErrorRetryHandler(),
        RateLimitErrorRetryHandler(max_retry_count=2),
        ServerErrorHandler(max_retry_count=3),
    ]
    if is_local(settings.slack_api_url):
        client.proxy = None
    return client


def webhook(url: str) -> WebhookClient:
    """Return a client for one response_url."""
    client = WebhookClient(url, timeout=CALL_SECONDS, logger=sdk_log)
    client.retry_handlers = [ConnectionErrorRetryHandler(), RateLimitErrorRetryHandler(max_retry_count=2)]
    if is_local(url):
        client.proxy = None
    return client


def identity(client: WebClient) -> Identity:
    """Ask Slack who we are.

    Raises:
        ConfigurationError: Slack does not take the token.
        SlackUnreachableError: no usable answer.
    """
    try:
        said = client.auth_test()
    except SlackApiError as error:
        raise refusal(error, "SLACK_BOT_TOKEN") from None
    except UNREACHABLE:
        raise unreachable(client.base_url) from None
    return Identity(str(said["team_id"]), str(said.get("team", "")), str(said["user_id"]))


def refusal(error: SlackApiError, variable: str) -> UyspError:
    """Return what to tell a person when Slack refused a call made with the token of this variable."""
    word = error_word(error)
    if word in TOKEN_ERRORS:
        return ConfigurationError(
            f"Slack does not accept {variable} ({word}); correct it in the environment or in .env."
        )
    return SlackUnreachableError(f"Slack refused with “{word}”; try again, or run uysp doctor.")


def unreachable(url: str) -> SlackUnreachableError:
    """Return what to tell a person when no answer came from this address."""
    return SlackUnreachableError(
        f"Slack cannot be reached at {urlsplit(url).hostname}; check the network and SLACK_API_URL, then start again."
    )


def error_word(error: SlackApiError) -> str:
    """Return Slack's word for what it refused, or the HTTP status where it gave none."""
    said = error.response
    word = said.get("error") if hasattr(said, "get") else None
    return str(word or f"HTTP {getattr(said, 'status_code', '?')}")


def is_local(url: str) -> bool:
    """Return whether the address is on this machine."""
    return urlsplit(url).hostname in _LOOPBACK


def keep_proxies_from_loopback() -> None:
    """Let no HTTP proxy of the environment stand between us and this machine's own addresses."""
    environment = inherited_environment()
    present = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    wanted = ",".join(dict.fromkeys([*filter(None, present.split(",")), *_LOOPBACK]))
    set_environment({"no_proxy": wanted, "NO_PROXY": wanted})
