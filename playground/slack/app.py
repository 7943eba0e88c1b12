"""What the emulated Slack knows of the app: what its manifest declares, and nothing that it does not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# What an app must hold to be told of an event (docs.slack.dev, the page of each event); others need nothing.
EVENT_SCOPES = {"app_mention": "app_mentions:read", "message.im": "im:history"}


@dataclass(frozen=True)
class AppFeatures:
    """What the app may do and be sent.

    Attributes:
        commands: its slash commands.
        shortcuts: name by callback id of its message shortcuts.
        events: what it subscribes to, as `app_mention` or `message.im`; None: everything.
        has_home: whether people see its Home tab.
        is_interactive: whether presses, choices and submitted modals are sent to it.
        scopes: scopes of the bot token; None: scopes are not looked at.
    """

    commands: tuple[str, ...] = ("/uysp",)
    shortcuts: Mapping[str, str] = field(default_factory=dict)
    events: frozenset[str] | None = None
    has_home: bool = True
    is_interactive: bool = True
    scopes: frozenset[str] | None = None

    def hears_of(self, event: str) -> bool:
        """Return whether Slack sends the app this event."""
        needed = EVENT_SCOPES.get(event)
        subscribed = self.events is None or event in self.events
        return subscribed and (needed is None or self.scopes is None or needed in self.scopes)


def from_manifest(manifest: Mapping[str, Any]) -> AppFeatures:
    """Return what an app manifest (docs.slack.dev, app manifest reference, version 2) declares."""
    features: Mapping[str, Any] = manifest.get("features", {})
    settings: Mapping[str, Any] = manifest.get("settings", {})
    shortcuts = [one for one in features.get("shortcuts", []) if one["type"] == "message"]
    return AppFeatures(
        commands=tuple(one["command"] for one in features.get("slash_commands", [])),
        shortcuts={one["callback_id"]: one["name"] for one in shortcuts},
        events=frozenset(settings.get("event_subscriptions", {}).get("bot_events", [])),
        has_home=bool(features.get("app_home", {}).get("home_tab_enabled")),
        is_interactive=bool(settings.get("interactivity", {}).get("is_enabled")),
        scopes=frozenset(manifest.get("oauth_config", {}).get("scopes", {}).get("bot", [])),
    )
