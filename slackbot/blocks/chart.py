"""A chart of an answer as Slack's `data_visualization`, inside its limits whatever the numbers are."""

from collections.abc import Iterator

from slackbot.answers.model import Chart, Kind, Shape
from slackbot.blocks.elements import Block, context, section
from slackbot.blocks.fit import (
    LARGEST_NUMBER,
    MOST_CHART_TITLE,
    MOST_POINT_LABEL,
    MOST_POINTS,
    MOST_SERIES,
    clipped,
    distinct,
)
from slackbot.blocks.text import NOTHING, clean


def chart_blocks(chart: Chart, *, native: bool) -> Iterator[Block]:
    """Yield a chart and what it shows in words; the words alone where it cannot be drawn or `native` is False.

    Slack wants a number of every series at every point: points that lack one are left out, which the words say. Of
    more points than it takes the last are drawn of a line, whose points are moments, and the first of bars.
    """
    summary = clean(chart.summary)
    drawn, said = _drawn(chart) if native else (None, "")
    if drawn is None:
        yield from [section(summary)] if summary else []
        return
    yield drawn
    yield from context([" ".join(filter(None, (summary, said)))])


def _drawn(chart: Chart) -> tuple[Block | None, str]:
    """Return the block and what of the chart it does not show; None where nothing can be drawn."""
    numbered = [(name, values) for name, values in chart.series.items() if any(value is not None for value in values)]
    series = numbered[:MOST_SERIES]
    points = [
        (clean(label) or NOTHING, [_number(values[place], chart.kind) for _, values in series])
        for place, label in enumerate(chart.categories[: min((len(values) for _, values in series), default=0)])
    ]
    complete = [(label, values) for label, values in points if None not in values]
    shown = complete[-MOST_POINTS:] if chart.shape is Shape.LINE else complete[:MOST_POINTS]
    if not shown:
        return None, ""
    labels = distinct([label for label, _ in shown], MOST_POINT_LABEL)
    names = distinct([clean(name) or NOTHING for name, _ in series], MOST_POINT_LABEL)
    axis: Block = {"categories": labels}
    if chart.kind is Kind.RATE:
        axis["y_label"] = "%"
    block = {
        "type": "data_visualization",
        "title": clipped(clean(chart.title), MOST_CHART_TITLE) or NOTHING,
        "chart": {
            "type": chart.shape.name.lower(),
            "series": [
                {
                    "name": name,
                    "data": [
                        {"label": label, "value": values[place]}
                        for label, (_, values) in zip(labels, shown, strict=True)
                    ],
                }
                for place, name in enumerate(names)
            ],
            "axis_config": axis,
        },
    }
    return block, _left_out(chart, len(points) - len(complete), len(complete), len(shown), len(numbered))


def _left_out(chart: Chart, incomplete: int, complete: int, shown: int, series: int) -> str:
    told = []
    if shown < complete:
        which = "last" if chart.shape is Shape.LINE else "first"
        told.append(f"Drawn are the {which} {shown} of {complete:,} points.")
    if incomplete:
        told.append(f"{incomplete:,} point{' has' if incomplete == 1 else 's have'} no number.")
    if series > MOST_SERIES:
        told.append(f"Drawn are the first {MOST_SERIES} of {series:,} series.")
    return " ".join(told)


def _number(value: float | None, kind: Kind) -> float | None:
    """Return a number that can be drawn, a fraction as the percentage it is written as; None where there is none."""
    if value is None or not abs(value) <= LARGEST_NUMBER:  # also when it is no number
        return None
    return round(value * 100, 1) if kind is Kind.RATE else value
