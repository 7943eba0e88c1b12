"""Rules of the elements that stand in blocks: buttons, selects, choices, images."""

from collections.abc import Callable

from playground.slack.limits.values import BlockFault, Faults, Json, count, items, optional, string, text

Rule = Callable[[Json, str], Faults]

_ONE_OF = ("static_select", "external_select", "users_select", "conversations_select", "channels_select")
_SOME_OF = tuple(f"multi_{kind}" for kind in _ONE_OF)
_TICKED = ("checkboxes", "radio_buttons", "datepicker", "timepicker")
_TYPED = ("plain_text_input", "email_text_input", "url_text_input", "number_input", "rich_text_input", "file_input")

# Which elements stand where: the "works with block types" of each element's page.
ACTIONS = frozenset({"button", "overflow", "workflow_button", "datetimepicker", *_ONE_OF, *_TICKED})
ACCESSORIES = frozenset({"button", "overflow", "workflow_button", "image", *_ONE_OF, *_SOME_OF, *_TICKED})
INPUTS = frozenset({"datetimepicker", *_ONE_OF, *_SOME_OF, *_TICKED, *_TYPED})


def element(element: object, at: str, allowed: frozenset[str]) -> Faults:
    """Check an element that must be one of these kinds."""
    kind = element.get("type") if isinstance(element, dict) else None
    rule = ELEMENT_RULES.get(kind) if isinstance(kind, str) and kind in allowed else None
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


def option_faults(options: object, at: str, fewest: int = 1, most: int = 100) -> list[BlockFault]:
    """Return what is wrong about the options of a select, which an app may also give while a person types."""
    faults = list(count(options, at, fewest, most))
    for position, option in enumerate(options if isinstance(options, list) else []):
        faults += _option(option, f"{at}/{position}")
    return faults


def _choices(most: int, *, marked_up: bool = False) -> Rule:
    """Return the rule of an element with options; `marked_up` ones may have mrkdwn for their text."""

    def rule(element: Json, at: str) -> Faults:
        options, faults = items(element, "options", at, 1, most)
        yield from faults
        for position, option in enumerate(options):
            yield from _option(option, f"{at}/options/{position}", plain=not marked_up)
        if "initial_option" in element and element["initial_option"] not in options:
            yield BlockFault(f"{at}/initial_option", "initial_option must match one of the options")
        if any(option not in options for option in element.get("initial_options", [])):
            yield BlockFault(f"{at}/initial_options", "initial_options must match the options")

    return rule


def _select(element: Json, at: str) -> Faults:
    if "option_groups" not in element:
        yield from _choices(100)(element, at)
        return
    groups, faults = items(element, "option_groups", at, 1, 100)
    yield from faults
    known = []
    for position, group in enumerate(groups):
        here = f"{at}/option_groups/{position}"
        if isinstance(group, dict):
            yield from text(group, "label", here, 75, plain=True)
            yield from _choices(100)(group, here)
            known += group.get("options", [])
        else:
            yield BlockFault(here, "must provide an object")
    if "initial_option" in element and element["initial_option"] not in known:
        yield BlockFault(f"{at}/initial_option", "initial_option must match one of the options")


def _external(element: Json, at: str) -> Faults:
    yield from _whole_number(element, "min_query_length", at, 0, None)
    if "initial_option" in element:
        yield from _option(element["initial_option"], f"{at}/initial_option")


def _plain_text_input(element: Json, at: str) -> Faults:
    yield from _whole_number(element, "min_length", at, 0, 3000)
    yield from _whole_number(element, "max_length", at, 1, 3000)
    if "initial_value" in element:
        yield from string(element["initial_value"], f"{at}/initial_value", element.get("max_length", 3000), 0)


def _number_input(element: Json, at: str) -> Faults:
    if not isinstance(element.get("is_decimal_allowed"), bool):
        yield BlockFault(at, "missing required field: is_decimal_allowed", "missing_field")


def _whole_number(element: Json, name: str, at: str, least: int, most: int | None) -> Faults:
    value = element.get(name, least)
    if type(value) is not int or value < least or (most is not None and value > most):
        yield BlockFault(f"{at}/{name}", f"must be an integer from {least}" + (f" to {most}" if most else ""))


def _option(option: object, at: str, *, plain: bool = True) -> Faults:
    if not isinstance(option, dict):
        yield BlockFault(at, "must provide an object")
        return
    yield from text(option, "text", at, 75, plain=plain)
    yield from string(option.get("value"), f"{at}/value", 150)
    if "description" in option:
        yield from text(option, "description", at, 75, plain=plain)


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
    "radio_buttons": _choices(10, marked_up=True),
    "checkboxes": _choices(10, marked_up=True),
    "static_select": _select,
    "multi_static_select": _select,
    "external_select": _external,
    "plain_text_input": _plain_text_input,
    "number_input": _number_input,
} | dict.fromkeys(
    (
        *("users_select", "conversations_select", "channels_select"),
        *("multi_external_select", "multi_users_select", "multi_conversations_select", "multi_channels_select"),
        *("datepicker", "timepicker", "datetimepicker", "email_text_input", "url_text_input"),
        *("rich_text_input", "file_input", "workflow_button"),
    ),
    nothing_more,
)
