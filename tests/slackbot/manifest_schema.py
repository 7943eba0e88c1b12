"""What Slack takes as a manifest, as far as ours goes: a JSON Schema of our own, after slackapi/manifest-schema 2.0.0.

Where docs.slack.dev (app manifest reference) says something narrower, that holds.
"""

from typing import Any

Schema = dict[str, Any]

_FLAG: Schema = {"type": "boolean"}
_URL: Schema = {"type": "string", "pattern": "^https?://", "maxLength": 3500}


def _text(longest: int, shortest: int = 1, **more: Any) -> Schema:
    return {"type": "string", "minLength": shortest, "maxLength": longest, **more}


def _object(required: tuple[str, ...] = (), **properties: Schema) -> Schema:
    return {
        "type": "object",
        "required": list(required),
        "properties": properties,
        "additionalProperties": False,
    }


def _list(items: Schema, most: int, fewest: int = 0) -> Schema:
    return {"type": "array", "items": items, "minItems": fewest, "maxItems": most, "uniqueItems": True}


MANIFEST = _object(
    ("display_information",),
    _metadata=_object(major_version={"type": "integer"}, minor_version={"type": "integer"}),
    display_information=_object(
        ("name",),
        name=_text(35),
        description=_text(140),
        long_description=_text(4000, 175),
        background_color=_text(7, 4, pattern="^#[0-9a-fA-F]{3}([0-9a-fA-F]{3})?$"),
    ),
    features=_object(
        app_home=_object(home_tab_enabled=_FLAG, messages_tab_enabled=_FLAG, messages_tab_read_only_enabled=_FLAG),
        bot_user=_object(("display_name",), display_name=_text(80), always_online=_FLAG),
        shortcuts=_list(
            _object(
                ("name", "type", "callback_id", "description"),
                name=_text(24),
                type={"enum": ["message", "global"]},
                callback_id=_text(255),
                description=_text(150),
            ),
            most=10,
            fewest=1,
        ),
        slash_commands=_list(
            _object(
                ("command", "description"),
                command=_text(32, 2, pattern="^/"),
                url=_URL,
                description=_text(2000),
                usage_hint=_text(1000),
                should_escape=_FLAG,
            ),
            most=50,
            fewest=1,
        ),
    ),
    oauth_config=_object(scopes=_object(bot=_list(_text(50), 255), bot_optional=_list(_text(50), 255))),
    settings=_object(
        event_subscriptions=_object(request_url=_URL, bot_events=_list(_text(50), 100)),
        interactivity=_object(("is_enabled",), is_enabled=_FLAG, request_url=_URL, message_menu_options_url=_URL),
        org_deploy_enabled=_FLAG,
        socket_mode_enabled=_FLAG,
        token_rotation_enabled=_FLAG,
    ),
)
