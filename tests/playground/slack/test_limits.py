"""Messages that Slack refuses: each limit is met exactly, then passed by one."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from playground.slack.server import running_slack

Blocks = list[Any]


@pytest.fixture(scope="module")
def client() -> Iterator[WebClient]:
    with running_slack() as slack:
        yield WebClient(token=slack.bot_token, base_url=slack.api_url)


def plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> dict[str, str]:
    return {"type": "mrkdwn", "text": text}


def cell(text: str) -> dict[str, Any]:
    return {"type": "raw_text", "text": text}


def button(**more: Any) -> dict[str, Any]:
    return {"type": "button", "text": plain("Go")} | more


def table(rows: int, columns: int = 1, text: str = "x") -> dict[str, Any]:
    return {"type": "table", "rows": [[cell(text)] * columns] * rows}


def data_table(rows: int, columns: int = 1, text: str = "x", **more: Any) -> dict[str, Any]:
    return table(rows, columns, text) | {"type": "data_table", "caption": "Numbers"} | more


def chart(points: int = 1, series: int = 1, title: str = "T", label: str = "") -> dict[str, Any]:
    categories = [f"{label}{number}" for number in range(points)]
    data = [{"label": category, "value": 0} for category in categories]
    all_series = [{"name": f"s{number}", "data": data} for number in range(series)]
    return {
        "type": "data_visualization",
        "title": title,
        "chart": {"type": "line", "series": all_series, "axis_config": {"categories": categories}},
    }


def pie(slices: int, value: float = 1) -> dict[str, Any]:
    segments = [{"label": f"s{number}", "value": value} for number in range(slices)]
    return {"type": "data_visualization", "title": "T", "chart": {"type": "pie", "segments": segments}}


def menu(options: int, kind: str = "static_select", text: str = "o", value: str = "v") -> dict[str, Any]:
    option = {"text": plain(text), "value": value}
    return {"type": "actions", "elements": [{"type": kind, "action_id": "a", "options": [option] * options}]}


LIMITS: dict[str, tuple[int, Callable[[int], Blocks]]] = {
    "blocks in a message": (50, lambda n: [{"type": "divider"}] * n),
    "section text": (3000, lambda n: [{"type": "section", "text": mrkdwn("x" * n)}]),
    "section fields": (10, lambda n: [{"type": "section", "fields": [mrkdwn("x")] * n}]),
    "field text": (2000, lambda n: [{"type": "section", "fields": [plain("x" * n)]}]),
    "header": (150, lambda n: [{"type": "header", "text": plain("x" * n)}]),
    "context elements": (10, lambda n: [{"type": "context", "elements": [plain("x")] * n}]),
    "actions": (25, lambda n: [{"type": "actions", "elements": [button()] * n}]),
    "button text": (75, lambda n: [{"type": "actions", "elements": [button(text=plain("x" * n))]}]),
    "button value": (2000, lambda n: [{"type": "actions", "elements": [button(value="x" * n)]}]),
    "action_id": (255, lambda n: [{"type": "actions", "elements": [button(action_id="x" * n)]}]),
    "block_id": (255, lambda n: [{"type": "divider", "block_id": "x" * n}]),
    "select options": (100, lambda n: [menu(n)]),
    "overflow options": (5, lambda n: [menu(n, "overflow")]),
    "option text": (75, lambda n: [menu(1, text="x" * n)]),
    "option value": (150, lambda n: [menu(1, value="x" * n)]),
    "table rows": (100, lambda n: [table(n)]),
    "table columns": (20, lambda n: [table(1, n)]),
    "table characters": (10_000, lambda n: [table(1, 1, "x" * n)]),
    "tables": (1, lambda n: [table(1)] * n),
    "data_table rows with header": (201, lambda n: [data_table(n)]),
    "data_table columns": (20, lambda n: [data_table(2, n)]),
    "data_table characters": (10_000, lambda n: [data_table(2, 1, "x" * n)]),
    "data_table page size": (100, lambda n: [data_table(2, page_size=n)]),
    "markdown characters in all": (6_000, lambda n: [{"type": "markdown", "text": "x" * n}] * 2),
    "charts": (2, lambda n: [chart()] * n),
    "chart title": (50, lambda n: [chart(title="x" * n)]),
    "chart points": (20, lambda n: [chart(points=n)]),
    "chart series": (12, lambda n: [chart(series=n)]),
    "chart labels": (19, lambda n: [chart(label="x" * n)]),
    "pie slices": (12, lambda n: [pie(n)]),
}


@pytest.mark.parametrize("name", LIMITS)
def test_what_just_fits_is_taken_and_one_more_is_refused(client: WebClient, name: str) -> None:
    most, blocks = LIMITS[name]
    client.chat_postMessage(channel="C0GENERAL1", text="x", blocks=blocks(most))
    assert messages(client, blocks(most + 1))


WRONG: dict[str, tuple[Blocks, str]] = {
    "a null block": ([{"type": "divider"}, None], "/blocks/1"),
    "an unknown type": ([{"type": "hologram"}], "/blocks/0/type"),
    "a block_id twice": ([{"type": "divider", "block_id": "a"}] * 2, "/blocks/1/block_id"),
    "an action_id twice": (
        [{"type": "actions", "elements": [button(action_id="a")] * 2}],
        "/blocks/0/elements/1/action_id",
    ),
    "an empty text": ([{"type": "section", "text": mrkdwn("")}], "/blocks/0/text/text"),
    "a section of nothing": ([{"type": "section"}], "/blocks/0"),
    "mrkdwn in a header": ([{"type": "header", "text": mrkdwn("x")}], "/blocks/0/text/type"),
    "mrkdwn on a button": ([{"type": "actions", "elements": [button(text=mrkdwn("x"))]}], "/blocks/0/elements/0/text"),
    "a number for a value": ([{"type": "actions", "elements": [button(value=7)]}], "/blocks/0/elements/0/value"),
    "a style of its own": ([{"type": "actions", "elements": [button(style="loud")]}], "/blocks/0/elements/0/style"),
    "an empty cell": ([table(1, 1, "")], "/blocks/0/rows/0/0/text"),
    "a bare string as cell": ([{"type": "table", "rows": [["x"]]}], "/blocks/0/rows/0/0"),
    "a header alone": ([data_table(1)], "/blocks/0/rows"),
    "no caption": ([table(2) | {"type": "data_table"}], "/blocks/0/caption"),
    "rows of different lengths": ([data_table(2) | {"rows": [[cell("a")], [cell("a")] * 2]}], "/blocks/0/rows/1"),
    "a rich header": (
        [data_table(2) | {"rows": [[{"type": "rich_text", "elements": []}], [cell("a")]]}],
        "/blocks/0/rows/0/0",
    ),
    "text for a number": (
        [data_table(2) | {"rows": [[cell("a")], [{"type": "raw_number", "value": "1", "text": "1"}]]}],
        "/blocks/0/rows/1/0/value",
    ),
    "a slice of nothing": ([pie(1, 0)], "/blocks/0/chart/segments/0/value"),
    "a series with a gap": (
        [chart(2) | {"chart": chart(2)["chart"] | {"axis_config": {"categories": ["0", "other"]}}}],
        "/blocks/0/chart/series/0/data",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_slack_cannot_show_is_refused_with_its_place(client: WebClient, name: str) -> None:
    blocks, pointer = WRONG[name]
    assert any(f"[json-pointer:{pointer}" in line for line in messages(client, blocks)), messages(client, blocks)


def messages(client: WebClient, blocks: Blocks) -> list[str]:
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel="C0GENERAL1", text="x", blocks=blocks)
    assert caught.value.response["error"] == "invalid_blocks"
    found: list[str] = caught.value.response["response_metadata"]["messages"]
    return found


def test_the_validator_says_the_same_as_posting_without_a_token(client: WebClient) -> None:
    validator = WebClient(base_url=client.base_url)
    good, bad = [data_table(3)], [{"type": "header", "text": plain("x" * 151)}]
    assert validator.api_call("blocks.validate", json={"blocks": good})["ok"]
    with pytest.raises(SlackApiError) as caught:
        validator.api_call("blocks.validate", json={"message": {"blocks": bad}})
    assert caught.value.response["error"] == "invalid_message"
    (fault,) = caught.value.response["errors"]
    assert fault["pointer"] == "/blocks/0/text/text"
    assert fault["message"] in messages(client, bad)[0]
