"""Methods of views: `views.open`, `views.push`, `views.update`, `views.publish`."""

import json
from collections.abc import Mapping
from typing import Any, Literal

from playground.slack.limits.views import is_too_large, view_faults
from playground.slack.refusal import RefusalError
from playground.slack.surfaces import View, view_json
from playground.slack.workspace import APP_ID, BOT_ID, TEAM_ID, PersonKind, Workspace

Arguments = dict[str, Any]
Answer = dict[str, Any]


def open_view(workspace: Workspace, arguments: Arguments) -> Answer:
    """Answer `views.open`."""
    content = checked_view(arguments.get("view"), "modal")
    return _shown(workspace.surfaces.open(_trigger_id(arguments), content))


def push_view(workspace: Workspace, arguments: Arguments) -> Answer:
    """Answer `views.push`."""
    content = checked_view(arguments.get("view"), "modal")
    return _shown(workspace.surfaces.push(_trigger_id(arguments), content))


def update_view(workspace: Workspace, arguments: Arguments) -> Answer:
    """Answer `views.update`."""
    view_id, external_id = str(arguments.get("view_id") or ""), str(arguments.get("external_id") or "")
    known = workspace.surfaces.find(view_id, external_id)
    content = checked_view(arguments.get("view"), "home" if known and known.content["type"] == "home" else "modal")
    view_hash = str(arguments.get("hash") or "")
    shown = workspace.surfaces.update(content, view_id=view_id, external_id=external_id, view_hash=view_hash)
    return _shown(shown)


def publish_view(workspace: Workspace, arguments: Arguments) -> Answer:
    """Answer `views.publish`."""
    content = checked_view(arguments.get("view"), "home")
    person = workspace.people.get(str(arguments.get("user_id")))
    if person is None or person.kind in (PersonKind.BOT, PersonKind.DEACTIVATED):
        raise RefusalError("invalid_arguments")
    return _shown(workspace.surfaces.publish(person.id, content, str(arguments.get("hash") or "")))


def checked_view(given: object, kind: Literal["modal", "home"]) -> Mapping[str, Any]:
    """Return a view as an app sent it, perhaps as JSON text.

    Raises:
        RefusalError: Slack would not show it.
    """
    try:
        view = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        raise RefusalError("invalid_arguments") from None
    if is_too_large(view):
        raise RefusalError("view_too_large")
    faults = view_faults(view, kind)
    if faults or not isinstance(view, dict):
        lines = [fault.as_line() for fault in faults]
        raise RefusalError("invalid_arguments", response_metadata={"messages": lines})
    return view


def shown_view(view: View) -> Answer:
    """Return a view as Slack sends it."""
    return view_json(view, TEAM_ID, APP_ID, BOT_ID)


def _shown(view: View) -> Answer:
    return {"view": shown_view(view)}


def _trigger_id(arguments: Arguments) -> str:
    trigger_id = arguments.get("trigger_id")
    if not isinstance(trigger_id, str) or not trigger_id:
        raise RefusalError(
            "invalid_arguments", response_metadata={"messages": ["[ERROR] missing required field: trigger_id"]}
        )
    return trigger_id
