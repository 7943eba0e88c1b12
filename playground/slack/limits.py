"""What Slack refuses in the blocks of a message: one rule for each block and element type.

Source of the figures: Slack's Block Kit reference, 2026 (section, table, data_table, data_visualization and the others).
Where two captures of it differ the newer figure holds. Lengths are counted in code points.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MOST_BLOCKS_IN_MESSAGE = 50
MOST_TEXT = 40_000
MOST_TABLE_CHARACTERS = 10_000
MOST_DATA_TABLE_CHARACTERS = 20_000
MOST_MARKDOWN_CHARACTERS = 12_000
MOST_CHARTS = 2

Json = Mapping[str, Any]


@dataclass(frozen=True)
class BlockFault:
    """One thing Slack refuses, and where.

    Attributes:
        pointer: JSON pointer to the offending value, such as `/blocks/0/text`.
        code: the code `blocks.validate` gives.
    """

    pointer: str
    message: str
    code: str = "failed_constraint"

    def as_line(self) -> str:
        """Return the fault as a line of `response_metadata.messages`."""
        return f"[ERROR] {self.message} [json-pointer:{self.pointer}]"


Faults = Iterator[BlockFault]


def block_faults(blocks: object, at: str = "/blocks", most: int = MOST_BLOCKS_IN_MESSAGE) -> list[BlockFault]:
    """Return everything Slack would refuse in the blocks of a message, in reading order; empty if it takes them."""
    if not isinstance(blocks, list):
        return [BlockFault(at, "must provide an array")]
    faults = list(_count(blocks, at, 0, most))
    seen: set[str] = set()
    for position, block in enumerate(blocks):
        here = f"{at}/{position}"
        faults += _block(block, here)
        block_id = block.get("block_id") if isinstance(block, dict) else None
        if isinstance(block_id, str) and block_id in seen:
            faults.append(BlockFault(f"{here}/block_id", f"block_id {block_id} already exists", "duplicate_block_id"))
        seen.add(str(block_id))
    return faults + list(_totals([block for block in blocks if isinstance(block, dict)], at))


def _block(block: object, at: str) -> Faults:
    if not isinstance(block, dict):
        yield BlockFault(at, "must provide an object")
        return
    kind = block.get("type")
    rule = BLOCK_RULES.get(kind) if isinstance(kind, str) else None
    if rule is None:
        yield BlockFault(f"{at}/type", f"unsupported type: {kind}", "unsupported_type")
        return
    if "block_id" in block:
        yield from _string(block["block_id"], f"{at}/block_id", 255)
    yield from rule(block, at)


def _totals(blocks: list[Json], at: str) -> Faults:
    """Check what is counted over the whole message."""
    tables = [block for block in blocks if block.get("type") == "table"]
    if len(tables) > 1:
        yield BlockFault(at, "only one table allowed per message", "invalid_attachments")
    limits = (
        ("table", MOST_TABLE_CHARACTERS, _table_characters),
        ("data_table", MOST_DATA_TABLE_CHARACTERS, _table_characters),
        ("markdown", MOST_MARKDOWN_CHARACTERS, lambda block: len(str(block.get("text", "")))),
    )
    for kind, most, characters in limits:
        total = sum(characters(block) for block in blocks if block.get("type") == kind)
        if total > most:
            yield BlockFault(at, f"{kind} text must be no more than {most} characters in total, got {total}")
    charts = sum(block.get("type") == "data_visualization" for block in blocks)
    if charts > MOST_CHARTS:
        yield BlockFault(at, f"no more than {MOST_CHARTS} data_visualization blocks allowed")


def _table_characters(block: Json) -> int:
    rows = block.get("rows")
    cells = [cell for row in rows if isinstance(row, list) for cell in row] if isinstance(rows, list) else []
    return sum(_characters(cell) for cell in cells)


def _characters(cell: object) -> int:
    """Count the text of a cell, whatever depth a rich_text cell has it at."""
    if isinstance(cell, list):
        return sum(_characters(part) for part in cell)
    if isinstance(cell, dict):
        own = len(cell["text"]) if isinstance(cell.get("text"), str) else 0
        return own + _characters(cell.get("elements"))
    return 0


# Values


def _string(value: object, at: str, longest: int, shortest: int = 1) -> Faults:
    if not isinstance(value, str):
        yield BlockFault(at, "must provide a string")
    elif len(value) > longest:
        yield BlockFault(at, f"must be less than {longest + 1} characters")
    elif len(value) < shortest:
        yield BlockFault(at, f"must be more than {shortest - 1} characters")


def _optional(holder: Json, name: str, at: str, longest: int) -> Faults:
    if name in holder:
        yield from _string(holder[name], f"{at}/{name}", longest)


def _count(items: object, at: str, fewest: int, most: int) -> Faults:
    if not isinstance(items, list):
        yield BlockFault(at, "must provide an array")
    elif len(items) > most:
        yield BlockFault(at, f"no more than {most} items allowed")
    elif len(items) < fewest:
        yield BlockFault(at, f"no fewer than {fewest} items allowed")


def _items(holder: Json, name: str, at: str, fewest: int, most: int) -> tuple[list[Any], list[BlockFault]]:
    """Return a required list (empty if it is none) with what is wrong about its length."""
    if name not in holder:
        return [], [BlockFault(at, f"missing required field: {name}", "missing_field")]
    faults = list(_count(holder[name], f"{at}/{name}", fewest, most))
    return holder[name] if isinstance(holder[name], list) else [], faults


def _text(holder: Json, name: str, at: str, longest: int, *, plain: bool = False) -> Faults:
    """Check a required text object."""
    if name not in holder:
        yield BlockFault(at, f"missing required field: {name}", "missing_field")
    else:
        yield from _text_object(holder[name], f"{at}/{name}", longest, plain=plain)


def _text_object(text: object, at: str, longest: int, *, plain: bool = False) -> Faults:
    kinds = ("plain_text",) if plain else ("plain_text", "mrkdwn")
    if not isinstance(text, dict):
        yield BlockFault(at, "must provide an object")
    elif text.get("type") not in kinds:
        yield BlockFault(f"{at}/type", f"must be one of {', '.join(kinds)}")
    else:
        yield from _string(text.get("text"), f"{at}/text", longest)


# Blocks


def _nothing_more(_block: Json, _at: str) -> Faults:
    yield from ()


def _header(block: Json, at: str) -> Faults:
    yield from _text(block, "text", at, 150, plain=True)


def _section(block: Json, at: str) -> Faults:
    if "text" not in block and "fields" not in block:
        yield BlockFault(at, "missing required field: text", "missing_field")
    if "text" in block:
        yield from _text(block, "text", at, 3000)
    if "fields" in block:
        fields, faults = _items(block, "fields", at, 1, 10)
        yield from faults
        for position, one in enumerate(fields):
            yield from _text_object(one, f"{at}/fields/{position}", 2000)
    if "accessory" in block:
        yield from _element(block["accessory"], f"{at}/accessory")


def _context(block: Json, at: str) -> Faults:
    elements, faults = _items(block, "elements", at, 1, 10)
    yield from faults
    for position, element in enumerate(elements):
        here = f"{at}/elements/{position}"
        if isinstance(element, dict) and element.get("type") == "image":
            yield from _image(element, here)
        else:
            yield from _text_object(element, here, 3000)


def _actions(block: Json, at: str) -> Faults:
    elements, faults = _items(block, "elements", at, 1, 25)
    yield from faults
    seen: set[str] = set()
    for position, element in enumerate(elements):
        here = f"{at}/elements/{position}"
        yield from _element(element, here)
        action_id = element.get("action_id") if isinstance(element, dict) else None
        if isinstance(action_id, str) and action_id in seen:
            yield BlockFault(f"{here}/action_id", f"action_id {action_id} already exists in this block")
        seen.add(str(action_id))


def _input(block: Json, at: str) -> Faults:
    yield from _text(block, "label", at, 2000, plain=True)
    yield from _element(block.get("element"), f"{at}/element")
    if "hint" in block:
        yield from _text(block, "hint", at, 2000, plain=True)


def _image(block: Json, at: str) -> Faults:
    if "image_url" not in block and "slack_file" not in block:
        yield BlockFault(at, "missing required field: image_url", "missing_field")
    yield from _optional(block, "image_url", at, 3000)
    yield from _string(block.get("alt_text"), f"{at}/alt_text", 2000)


def _markdown(block: Json, at: str) -> Faults:
    yield from _string(block.get("text"), f"{at}/text", MOST_MARKDOWN_CHARACTERS)


def _rich_text(block: Json, at: str) -> Faults:
    elements, faults = _items(block, "elements", at, 0, 1000)
    yield from faults
    kinds = {"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"}
    for position, element in enumerate(elements):
        if not isinstance(element, dict) or element.get("type") not in kinds:
            yield BlockFault(f"{at}/elements/{position}", "unsupported type in rich_text", "unsupported_type")


def _table(block: Json, at: str) -> Faults:
    yield from _rows(block, at, fewest=1, most=100, header=False)
    if "column_settings" in block:
        yield from _count(block["column_settings"], f"{at}/column_settings", 0, 20)


def _data_table(block: Json, at: str) -> Faults:
    yield from _string(block.get("caption"), f"{at}/caption", 2000)
    page_size = block.get("page_size", 5)
    if type(page_size) is not int or not 1 <= page_size <= 100:
        yield BlockFault(f"{at}/page_size", "must be an integer from 1 to 100")
    yield from _rows(block, at, fewest=2, most=201, header=True)


def _rows(block: Json, at: str, *, fewest: int, most: int, header: bool) -> Faults:
    rows, faults = _items(block, "rows", at, fewest, most)
    yield from faults
    for number, row in enumerate(rows):
        here = f"{at}/rows/{number}"
        yield from _count(row, here, 1, 20)
        cells = row if isinstance(row, list) else []
        if header and isinstance(rows[0], list) and len(cells) != len(rows[0]):
            yield BlockFault(here, f"all rows must have the same number of cells, expected {len(rows[0])}")
        for column, cell in enumerate(cells):
            yield from _cell(cell, f"{here}/{column}", may_be_rich=not (header and number == 0))


def _cell(cell: object, at: str, *, may_be_rich: bool) -> Faults:
    kind = cell.get("type") if isinstance(cell, dict) else None
    if not isinstance(cell, dict) or kind not in {"raw_text", "raw_number", "rich_text"}:
        yield BlockFault(at, f"unsupported cell type: {kind}", "unsupported_type")
    elif kind == "rich_text":
        if not may_be_rich:
            yield BlockFault(at, "rich_text is not allowed in the header row")
        yield from _rich_text(cell, at)
    else:
        yield from _string(cell.get("text"), f"{at}/text", MOST_DATA_TABLE_CHARACTERS)
        if kind == "raw_number" and not _is_number(cell.get("value")):
            yield BlockFault(f"{at}/value", "must provide a number")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _data_visualization(block: Json, at: str) -> Faults:
    yield from _string(block.get("title"), f"{at}/title", 50)
    chart = block.get("chart")
    kind = chart.get("type") if isinstance(chart, dict) else None
    if not isinstance(chart, dict) or kind not in {"pie", "bar", "line", "area"}:
        yield BlockFault(f"{at}/chart", f"unsupported chart type: {kind}", "unsupported_type")
    elif kind == "pie":
        segments, faults = _items(chart, "segments", f"{at}/chart", 1, 12)
        yield from faults
        yield from _points(segments, f"{at}/chart/segments", above_zero=True)
    else:
        yield from _series(chart, f"{at}/chart")


def _series(chart: Json, at: str) -> Faults:
    axis = chart.get("axis_config")
    categories = axis.get("categories") if isinstance(axis, dict) else None
    if not isinstance(axis, dict) or not isinstance(categories, list):
        yield BlockFault(f"{at}/axis_config/categories", "must provide an array")
        return
    yield from _count(categories, f"{at}/axis_config/categories", 1, 20)
    for name in ("x_label", "y_label"):
        yield from _optional(axis, name, f"{at}/axis_config", 50)
    all_series, faults = _items(chart, "series", at, 1, 12)
    yield from faults
    for position, one in enumerate(all_series):
        here = f"{at}/series/{position}"
        if not isinstance(one, dict):
            yield BlockFault(here, "must provide an object")
            continue
        yield from _string(one.get("name"), f"{here}/name", 20)
        points, faults = _items(one, "data", here, 1, 20)
        yield from faults
        yield from _points(points, f"{here}/data", above_zero=False)
        if sorted(str(point.get("label")) for point in points if isinstance(point, dict)) != sorted(
            map(str, categories)
        ):
            yield BlockFault(f"{here}/data", "must have one value for every category")


def _points(points: list[Any], at: str, *, above_zero: bool) -> Faults:
    for position, point in enumerate(points):
        here = f"{at}/{position}"
        if not isinstance(point, dict):
            yield BlockFault(here, "must provide an object")
            continue
        yield from _string(point.get("label"), f"{here}/label", 20)
        value = point.get("value")
        if not _is_number(value) or (above_zero and value <= 0):
            yield BlockFault(f"{here}/value", "must provide a number" + (" above 0" if above_zero else ""))


# Elements


def _element(element: object, at: str) -> Faults:
    kind = element.get("type") if isinstance(element, dict) else None
    rule = ELEMENT_RULES.get(kind) if isinstance(kind, str) else None
    if not isinstance(element, dict) or rule is None:
        yield BlockFault(f"{at}/type", f"unsupported type: {kind}", "unsupported_type")
        return
    yield from _optional(element, "action_id", at, 255)
    if "placeholder" in element:
        yield from _text(element, "placeholder", at, 150, plain=True)
    if "confirm" in element:
        yield from _confirm(element["confirm"], f"{at}/confirm")
    yield from rule(element, at)


def _confirm(confirm: object, at: str) -> Faults:
    if not isinstance(confirm, dict):
        yield BlockFault(at, "must provide an object")
        return
    yield from _text(confirm, "title", at, 100, plain=True)
    yield from _text(confirm, "text", at, 300)
    for name in ("confirm", "deny"):
        yield from _text(confirm, name, at, 30, plain=True)


def _button(button: Json, at: str) -> Faults:
    yield from _text(button, "text", at, 75, plain=True)
    yield from _optional(button, "value", at, 2000)
    yield from _optional(button, "url", at, 3000)
    yield from _optional(button, "accessibility_label", at, 75)
    if button.get("style", "primary") not in {"primary", "danger"}:
        yield BlockFault(f"{at}/style", "must be one of primary, danger")


def _choices(most: int) -> Callable[[Json, str], Faults]:
    def rule(element: Json, at: str) -> Faults:
        options, faults = _items(element, "options", at, 1, most)
        yield from faults
        for position, option in enumerate(options):
            yield from _option(option, f"{at}/options/{position}")

    return rule


def _select(element: Json, at: str) -> Faults:
    if "option_groups" not in element:
        yield from _choices(100)(element, at)
        return
    groups, faults = _items(element, "option_groups", at, 1, 100)
    yield from faults
    for position, group in enumerate(groups):
        here = f"{at}/option_groups/{position}"
        if isinstance(group, dict):
            yield from _text(group, "label", here, 75, plain=True)
            yield from _choices(100)(group, here)
        else:
            yield BlockFault(here, "must provide an object")


def _option(option: object, at: str) -> Faults:
    if not isinstance(option, dict):
        yield BlockFault(at, "must provide an object")
        return
    yield from _text(option, "text", at, 75)
    yield from _string(option.get("value"), f"{at}/value", 150)
    if "description" in option:
        yield from _text(option, "description", at, 75)


Rule = Callable[[Json, str], Faults]

ELEMENT_RULES: dict[str, Rule] = {
    "button": _button,
    "image": _image,
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
    _nothing_more,
)

BLOCK_RULES: dict[str, Rule] = {
    "header": _header,
    "section": _section,
    "context": _context,
    "actions": _actions,
    "input": _input,
    "image": _image,
    "markdown": _markdown,
    "rich_text": _rich_text,
    "table": _table,
    "data_table": _data_table,
    "data_visualization": _data_visualization,
} | dict.fromkeys(
    ("divider", "video", "context_actions", "task_card", "plan", "alert", "card", "carousel", "container"),
    _nothing_more,
)
