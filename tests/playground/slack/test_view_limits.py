"""Views that Slack refuses, blocks that belong on another surface, and elements that belong in another block."""

from collections.abc import Callable
from typing import Any, Literal

import pytest

from playground.slack.limits.blocks import block_faults
from playground.slack.limits.elements import option_faults
from playground.slack.limits.views import is_too_large, view_faults

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def modal(*blocks: Json, **more: Any) -> Json:
    return {"type": "modal", "title": plain("T"), "blocks": list(blocks)} | more


def asked(element: Json) -> Json:
    return {"type": "input", "label": plain("Note"), "element": element}


def pressed(element: Json) -> Json:
    return {"type": "actions", "elements": [element]}


def picker(**more: Any) -> Json:
    options = [{"text": plain("o"), "value": "v"}]
    return {"type": "static_select", "action_id": "a", "options": options} | more


TYPED = {"type": "plain_text_input", "action_id": "t"}
LIMITS: dict[str, tuple[int, Callable[[int], Json]]] = {
    "blocks": (100, lambda n: modal(*[{"type": "divider"}] * n)),
    "title": (24, lambda n: modal(title=plain("x" * n))),
    "submit": (24, lambda n: modal(submit=plain("x" * n))),
    "close": (24, lambda n: modal(close=plain("x" * n))),
    "private_metadata": (3000, lambda n: modal(private_metadata="x" * n)),
    "callback_id": (255, lambda n: modal(callback_id="x" * n)),
    "external_id": (255, lambda n: modal(external_id="x" * n)),
    "longest note": (3000, lambda n: modal(asked(TYPED | {"max_length": n}), submit=plain("Save"))),
    "prefilled note": (
        10,
        lambda n: modal(asked(TYPED | {"max_length": 10, "initial_value": "x" * n}), submit=plain("Save")),
    ),
}


@pytest.mark.parametrize("name", LIMITS)
def test_what_just_fits_into_a_view_is_taken_and_one_more_is_refused(name: str) -> None:
    most, view = LIMITS[name]
    assert view_faults(view(most), "modal") == []
    assert view_faults(view(most + 1), "modal") != []


def rich(part: Json) -> Json:
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [part]}]}


WRONG: dict[str, tuple[Json, str]] = {
    "no title": ({"type": "modal", "blocks": []}, "/view"),
    "a home for a modal": ({"type": "home", "blocks": []}, "/view/type"),
    "an input with nothing to submit": (modal(asked(TYPED)), "/view/submit"),
    "a button to type in": (modal(asked({"type": "button", "text": plain("x")}), submit=plain("S")), "/element/type"),
    "an input among buttons": (modal(pressed(TYPED)), "/view/blocks/0/elements/0/type"),
    "a multi-select among buttons": (modal(pressed(picker(type="multi_static_select"))), "/elements/0/type"),
    "a choice that is no option": (
        modal(pressed(picker(initial_option={"text": plain("o"), "value": "other"}))),
        "/elements/0/initial_option",
    ),
    "mark-up in an option": (
        modal(pressed(picker(options=[{"text": {"type": "mrkdwn", "text": "o"}, "value": "v"}]))),
        "/elements/0/options/0/text/type",
    ),
    "a search from minus one letters": (
        modal(pressed({"type": "external_select", "action_id": "a", "min_query_length": -1})),
        "/elements/0/min_query_length",
    ),
    "an empty run of text": (
        modal(rich({"type": "text", "text": ""})),
        "/view/blocks/0/elements/0/elements/0/text",
    ),
    "a date that is no number": (
        modal(rich({"type": "date", "timestamp": "1", "format": "{date}"})),
        "/view/blocks/0/elements/0/elements/0/timestamp",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_no_modal_is_refused_with_its_place(name: str) -> None:
    view, pointer = WRONG[name]
    pointers = [fault.pointer for fault in view_faults(view, "modal")]
    assert any(found.endswith(pointer) for found in pointers), pointers


CELLS = [[{"type": "raw_text", "text": "x"}]] * 2
POINTS = [{"label": "a", "value": 1}]
BLOCKS: dict[str, Json] = {
    "table": {"type": "table", "rows": CELLS},
    "data_table": {"type": "data_table", "caption": "c", "rows": CELLS},
    "data_visualization": {
        "type": "data_visualization",
        "title": "t",
        "chart": {"type": "bar", "series": [{"name": "s", "data": POINTS}], "axis_config": {"categories": ["a"]}},
    },
    "markdown": {"type": "markdown", "text": "x"},
    "alert": {"type": "alert"},
    "header": {"type": "header", "text": plain("x")},
}


@pytest.mark.parametrize(
    ("surface", "taken"),
    [
        ("message", {*BLOCKS}),
        ("home", {"table", "data_table", "data_visualization", "header"}),
        ("modal", {"alert", "header"}),
    ],
)
def test_each_surface_takes_its_own_blocks(surface: Literal["message", "home", "modal"], taken: set[str]) -> None:
    found = {name for name, block in BLOCKS.items() if block_faults([block], surface=surface) == []}
    assert found == taken


def test_a_home_has_no_title() -> None:
    assert view_faults({"type": "home", "blocks": []}, "home") == []
    assert [fault.pointer for fault in view_faults(modal() | {"type": "home"}, "home")] == ["/view/title"]


def test_two_series_or_points_of_one_name_are_refused() -> None:
    chart: Json = BLOCKS["data_visualization"]["chart"]
    twice = chart | {"series": chart["series"] * 2}
    points = [POINTS[0], POINTS[0]]
    same = chart | {"series": [{"name": "s", "data": points}], "axis_config": {"categories": ["a", "a"]}}
    for wrong in (twice, same):
        assert block_faults([BLOCKS["data_visualization"] | {"chart": wrong}]) != []


def test_a_view_is_too_large_from_250_kilobytes() -> None:
    def view(letters: int) -> Json:
        return modal({"type": "section", "text": plain("x" * letters)})

    room = 250_000 - len('{"type": "modal", "title": {"type": "plain_text", "text": "T"}, "blocks": [')
    room -= len('{"type": "section", "text": {"type": "plain_text", "text": ""}}]}')
    assert not is_too_large(view(room))
    assert is_too_large(view(room + 1))


def test_options_given_while_typing_are_looked_at_as_those_of_a_select() -> None:
    option = {"text": plain("x" * 75), "value": "v" * 150}
    assert option_faults([option] * 100, "/options") == []
    assert option_faults([], "/options", fewest=0) == []
    for wrong in ([option] * 101, [], [option | {"value": "v" * 151}], [{"value": "v"}], "options", [None]):
        assert option_faults(wrong, "/options") != []
