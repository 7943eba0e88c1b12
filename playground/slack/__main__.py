"""The emulator as a process, for the demo: `python -m playground.slack --port 4000 --socket-mode`."""

import argparse
import json
import signal
import sys
import threading
from pathlib import Path

from playground.slack.app import AppFeatures, from_manifest
from playground.slack.server import Slack, running_slack
from playground.slack.web_api import Credentials


def main() -> int:
    """Run until SIGINT or SIGTERM; return the exit status."""
    options = _options()
    credentials = Credentials(options.bot_token, options.app_token, options.signing_secret)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    features = AppFeatures()
    if options.manifest is not None:
        features = from_manifest(json.loads(options.manifest.read_text(encoding="utf-8")))
    try:
        with running_slack(
            port=options.port, app_url=options.app_url, credentials=credentials, features=features
        ) as slack:
            print(_where_to_look(slack, options.app_url), flush=True)
            stop.wait()
    except OSError as error:
        print(
            f"The Slack emulator cannot use port {options.port}: {error.strerror}. Choose another --port.",
            file=sys.stderr,
        )
        return 1
    return 0


def _options() -> argparse.Namespace:
    defaults = Credentials()
    parser = argparse.ArgumentParser(prog="python -m playground.slack", description="A stand-in for Slack.")
    parser.add_argument(
        "--port", type=int, default=4000, help="port on 127.0.0.1; 0: any free one (default: %(default)s)"
    )
    way = parser.add_mutually_exclusive_group()
    way.add_argument("--app-url", help="deliver as signed HTTP to this URL, such as http://127.0.0.1:3000/slack/events")
    way.add_argument("--socket-mode", action="store_true", help="deliver over Socket Mode (the default)")
    parser.add_argument(
        "--manifest", type=Path, help="the app's manifest: nothing is sent or allowed that it does not declare"
    )
    parser.add_argument("--bot-token", default=defaults.bot_token, help="default: %(default)s")
    parser.add_argument("--app-token", default=defaults.app_token, help="default: %(default)s")
    parser.add_argument("--signing-secret", default=defaults.signing_secret, help="default: %(default)s")
    return parser.parse_args()


def _where_to_look(slack: Slack, app_url: str | None) -> str:
    delivery = (
        [f"SLACK_APP_TOKEN={slack.app_token}"] if app_url is None else [f"SLACK_SIGNING_SECRET={slack.signing_secret}"]
    )
    how = "Socket Mode" if app_url is None else f"signed HTTP to {app_url}"
    return "\n".join(
        [
            f"Slack emulator: chat page at {slack.url}/ (commands go out by {how}). For the bot:",
            f"SLACK_API_URL={slack.api_url}",
            f"SLACK_BOT_TOKEN={slack.bot_token}",
            *delivery,
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
