"""Charts: what is drawn, what is left out, and what is said of it."""

from typing import Any

from slackbot.answers.model import Chart, Kind, Shape
from slackbot.blocks.message import Form, answer_message
from tests.slackbot.drawn import answer_of, parts, strings


def drawn(chart: Chart) -> tuple[dict[str, Any], str]:
    """Return what Slack is to draw, and the words below it."""
    blocks = answer_message(answer_of(charts=(chart,)))["blocks"]
    (block,) = parts(blocks, "data_visualization")
    below = blocks[blocks.index(block) + 1]
    return block["chart"], " ".join(strings(below)) if below["type"] == "context" else ""


def values(chart: dict[str, Any]) -> list[list[tuple[str, float]]]:
    """Return the points of each series."""
    return [[(point["label"], point["value"]) for point in series["data"]] for series in chart["series"]]


def test_every_series_has_a_number_at_every_point_and_its_summary_stands_below() -> None:
    chart, said = drawn(Chart("Sent", Shape.BAR, ["a", "b"], {"Sent": [3, 4], "Booked": [0, 1]}, summary="Up by 1."))
    assert chart["type"] == "bar"
    assert chart["axis_config"] == {"categories": ["a", "b"]}
    assert [series["name"] for series in chart["series"]] == ["Sent", "Booked"]
    assert values(chart) == [[("a", 3), ("b", 4)], [("a", 0), ("b", 1)]]
    assert said == "Up by 1."


def test_fractions_are_drawn_as_percentages() -> None:
    chart, _ = drawn(Chart("Rate", Shape.LINE, ["a"], {"Rate": [0.1254]}, Kind.RATE))
    assert values(chart) == [[("a", 12.5)]]
    assert chart["axis_config"]["y_label"] == "%"


def test_what_has_no_number_is_left_out_and_said() -> None:
    series: dict[str, list[float | None]] = {"Sent": [1.0, None, 3.0, float("nan")], "Never": [None] * 4}
    chart, said = drawn(Chart("T", Shape.BAR, list("abcd"), series))
    assert values(chart) == [[("a", 1), ("c", 3)]]
    assert said == "2 points have no number."


def test_of_too_many_points_a_line_keeps_the_last_and_bars_the_first() -> None:
    names = [f"day {number}" for number in range(30)]
    line, said = drawn(Chart("T", Shape.LINE, names, {"Sent": list(range(30))}))
    assert line["axis_config"]["categories"] == names[10:]
    assert said == "Drawn are the last 20 of 30 points."
    bars, said = drawn(Chart("T", Shape.BAR, names, {"Sent": list(range(30))}))
    assert bars["axis_config"]["categories"] == names[:20]
    assert said == "Drawn are the first 20 of 30 points."


def test_names_that_are_cut_to_the_same_are_numbered() -> None:
    chart, _ = drawn(Chart("T", Shape.BAR, ["campaign " * 9, "campaign " * 8], {"Leads": [1, 2]}))
    first, second = chart["axis_config"]["categories"]
    assert first != second
    assert max(len(first), len(second)) <= 20
    assert second.endswith(" (2)")


def test_where_nothing_is_drawn_the_summary_stands_for_it() -> None:
    chart = Chart("T", Shape.LINE, ["a", "b"], {"Sent": [1, 2]}, summary="Sent went from 1 to 2.")
    nothing = Chart("T", Shape.LINE, ["a"], {"Sent": [None]}, summary="Nothing was sent.")
    for form, given in ((Form.TABLE, chart), (Form.SECTIONS, chart), (Form.DATA_TABLE, nothing)):
        blocks = answer_message(answer_of(charts=(given,)), form)["blocks"]
        assert parts(blocks, "data_visualization") == []
        assert given.summary in strings(blocks)
