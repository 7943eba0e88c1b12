"""Rules of the elements that stand in blocks: buttons, selects, choices, images."""

from collections.abc import Callable

from playground.slack.limits.values import BlockFault, Faults, Json, items, optional, string, text

Rule = Callable[[Json, str], Faults]


def element(element: object, at: str) -> Faults:
    """Check an element of any kind."""
    kind = element.get("type") if isinstance(element, dict) else None
    rule = ELEMENT_RULES.get(kind) if isinstance(kind, str) else None
    if not isinstance(element, dict) or rule is None:
        yield BlockFault(f"{at}/type", f"unsupported type: {kind}", "unsupported_type")
        return
    yield from optional(element, "action_id", at, 255)
    if "placeholder" in element:
        yield from text(element, "placeholder", at, 150, plain=True)
    if "confirm" in element:
        yield from _confirm(element["confirm"], f"{at}/confirm")
    yield from rule(element, at)


def _confirm(confirm: object, at: str) -> Faults:
    if not isinstance(confirm, dict):
        yield BlockFault(at, "must provide an object")
        return
    yield from text(confirm, "title", at, 100, plain=True)
    yield from text(confirm, "text", at, 300)
    for name in ("confirm", "deny"):
        yield from text(confirm, name, at, 30, plain=True)


def _button(button: Json, at: str) -> Faults:
    yield from text(button, "text", at, 75, plain=True)
    yield from optional(button, "value", at, 2000)
    yield from optional(button, "url", at, 3000)
    yield from optional(button, "accessibility_label", at, 75)
    if button.get("style", "primary") not in {"primary", "danger"}:
        yield BlockFault(f"{at}/style", "must be one of primary, danger")


def _choices(most: int) -> Callable[[Json, str], Faults]:
    def rule(element: Json, at: str) -> Faults:
        options, faults = items(element, "options", at, 1, most)
        yield from faults
        for position, option in enumerate(options):
            yield from _option(option, f"{at}/options/{position}")

    return rule


def _select(element: Json, at: str) -> Faults:
    if "option_groups" not in element:
        yield from _choices(100)(element, at)
        return
    groups, faults = items(element, "option_groups", at, 1, 100)
    yield from faults
    for position, group in enumerate(groups):
        here = f"{at}/option_groups/{position}"
        if isinstance(group, dict):
            yield from text(group, "label", here, 75, plain=True)
            yield from _choices(100)(group, here)
        else:
            yield BlockFault(here, "must provide an object")


def _option(option: object, at: str) -> Faults:
    if not isinstance(option, dict):
        yield BlockFault(at, "must provide an object")
        return
    yield from text(option, "text", at, 75)
    yield from string(option.get("value"), f"{at}/value", 150)
    if "description" in option:
        yield from text(option, "description", at, 75)


def image(block: Json, at: str) -> Faults:
    """Check an image, a block or an element."""
    if "image_url" not in block and "slack_file" not in block:
        yield BlockFault(at, "missing required field: image_url", "missing_field")
    yield from optional(block, "image_url", at, 3000)
    yield from string(block.get("alt_text"), f"{at}/alt_text", 2000)


def nothing_more(_block: Json, _at: str) -> Faults:
    """Accept a block or element of which only the general rules are known."""
    yield from ()


ELEMENT_RULES: dict[str, Rule] = {
    "button": _button,
    "image": image,
    "overflow": _choices(5),
    "radio_buttons": _choices(10),
    "checkboxes": _choices(10),
    "static_select": _select,
    "multi_static_select": _select,
} | dict.fromkeys(
    (
        *("external_select", "users_select", "conversations_select", "channels_select"),
        *("multi_external_select", "multi_users_select", "multi_conversations_select", "multi_channels_select"),
        *("datepicker", "timepicker", "datetimepicker", "plain_text_input", "email_text_input", "url_text_input"),
        *("number_input", "rich_text_input", "file_input", "workflow_button", "feedback_buttons", "icon_button"),
    ),
    nothing_more,
)
