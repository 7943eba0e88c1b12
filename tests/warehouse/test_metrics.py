"""What `mf query` answers equals the marts, for every metric there is."""

import csv
import json
import math
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from pipelines.metrics import check_query, prepared_project, run_metricflow
from uysp.database import Role, open_database
from uysp.errors import ConfigurationError
from uysp.settings import PROJECT, Settings

Rows = dict[tuple[Any, ...], tuple[Any, ...]]  # metrics by what they are grouped by

OF_LEADS = (
    *("leads", "bookings", "booking_rate", "opt_outs", "opt_out_rate", "clickers", "click_rate"),
    *("messages_sent", "clicks", "replies", "reply_rate", "messages_per_lead"),
)
OF_VARIANTS = OF_LEADS[:8]
OF_STEPS = ("bookings", "booking_rate", "opt_outs", "opt_out_rate", "clickers", "click_rate", "clicks")
OF_DAYS = ("new_leads", "messages_sent", "messages_delivered", "bookings", "opt_outs", "clicks")
# By the names that they have in MetricFlow, after lead__.
CUTS = {name: name for name in ("variant", "lead_source", "engagement_level")} | {"step": "reached_step"}
# Written out anew, over the mart of leads, where no mart is grouped so.
RECOMPUTED = """
    select {group}, count(*), count(*) filter (where booked), count(*) filter (where booked)::float / count(*),
        count(*) filter (where stop_cause = 'opted_out'),
        count(*) filter (where stop_cause = 'opted_out')::float / count(*),
        count(*) filter (where clicked), count(*) filter (where clicked)::float / count(*), sum(messages_sent)
    from marts.leads where not is_test group by 1
"""
# The rate of all steps together: a campaign's furthest lead has no step to move on to.
MOVING_ON = """
    select {group}, sum(reached_step)::float / nullif(sum(least(reached_step + 1, last)), 0)
    from (
        select *, max(reached_step) over (partition by client, campaign) as last from marts.leads where not is_test
    ) as leads group by 1
"""
MESSAGES = """
    select {group}, count(*) filter (where not failed)
    from marts.messages left join marts.leads using (client, lead_id) group by 1
"""
# Metrics, what they are grouped by, and the same numbers in the marts: groups first, then each metric.
QUERIES: dict[str, tuple[Sequence[str], Sequence[str], str]] = {
    "in all": (
        OF_LEADS[:7],
        (),
        f"select {', '.join(OF_LEADS[:7])} from marts.dashboard where period = 'all'",
    ),
    "by campaign": (
        OF_LEADS,
        ("campaign",),
        f"select campaign, {', '.join(OF_LEADS)} from marts.campaign_performance where leads > 0",
    ),
    "by client and campaign": (
        ("leads",),
        ("client", "campaign"),
        "select client, campaign, leads from marts.campaign_performance where leads > 0",
    ),
    "by variant": (
        OF_VARIANTS,
        ("campaign", "lead__variant"),
        f"select campaign, variant, {', '.join(OF_VARIANTS)} from marts.variant_performance",
    ),
    "by step": (
        OF_STEPS,
        ("campaign", "step"),
        f"select campaign, step, {', '.join(OF_STEPS)} from marts.sequence_steps where leads_furthest > 0",
    ),
    "moving on": (
        ("leads_reached", "conversion_rate"),
        ("campaign", "step"),
        "select campaign, step, leads_reached, conversion_rate from marts.sequence_steps",
    ),
    "moving on from any step": (
        ("leads_before_last", "leads_moved_on"),
        ("campaign",),
        "select campaign, sum(leads_reached) filter (where step < last), sum(leads_reached) filter (where step > 0)"
        " from (select *, max(step) over (partition by client, campaign) as last from marts.sequence_steps) as steps"
        " group by campaign",
    ),
    "what happened on a day": (
        [f"day_{name}" for name in OF_DAYS],
        ("campaign", "metric_time__day"),
        f"select campaign, day, {', '.join(OF_DAYS)} from marts.daily_activity",
    ),
    "messages by day": (
        ("messages",),
        ("metric_time__day",),
        "select sent_at::date, count(*) filter (where not failed) from marts.messages group by 1",
    ),
    "messages by campaign": (
        ("messages", "delivered_messages", "failed_messages", "delivery_rate"),
        ("campaign",),
        "select campaign, count(*) filter (where not failed),"
        " count(*) filter (where delivered_at is not null and not failed),"
        " count(*) filter (where failed), count(*) filter (where delivered_at is not null and not failed)::float"
        " / nullif(count(*) filter (where not failed), 0) from marts.messages group by campaign",
    ),
    "cohorts": (OF_VARIANTS, ("metric_time__day",), RECOMPUTED.format(group="created_at::date")),
    "by source": (OF_VARIANTS, ("lead__lead_source",), RECOMPUTED.format(group="lead_source")),
    "moving on by day": (("conversion_rate",), ("metric_time__day",), MOVING_ON.format(group="created_at::date")),
    **{
        f"{metric} by {column}": ((metric,), (f"lead__{name}",), query.format(group=column))
        for metric, query in (("conversion_rate", MOVING_ON), ("messages", MESSAGES))
        for name, column in CUTS.items()
        if (metric, name) != ("conversion_rate", "step")  # told above
    },
    "by engagement": (OF_VARIANTS, ("lead__engagement_level",), RECOMPUTED.format(group="engagement_level")),
}


@pytest.fixture(scope="module")
def metricflow(sample_settings: Settings) -> Iterator[Any]:
    """MetricFlow's engine, set up as its command line does."""
    from dbt_metricflow.cli.cli_configuration import CLIConfiguration

    with prepared_project(sample_settings):
        configuration = CLIConfiguration()
        configuration.setup(configure_file_logging=False)
        yield configuration.mf


@pytest.fixture(scope="module")
def marts(sample_settings: Settings) -> Iterator[Engine]:
    with open_database(sample_settings, Role.ANALYST) as engine:
        yield engine


def answered(metricflow: Any, metrics: Sequence[str], groups: Sequence[str]) -> Rows:
    from metricflow.engine.metricflow_engine import MetricFlowQueryRequest

    request = MetricFlowQueryRequest.create(metric_names=list(metrics), group_by_names=list(groups))
    table = metricflow.query(request).result_df
    where = [table.column_names.index(name) for name in (*groups, *metrics)]
    return keyed(([row[place] for place in where] for row in table.rows), len(groups))


def keyed(rows: Any, groups: int) -> Rows:
    read = [tuple(plain(value) for value in row) for row in rows]
    assert len({row[:groups] for row in read}) == len(read)
    return {row[:groups]: row[groups:] for row in read}


def plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.date()
    return value if value is None or isinstance(value, str | bool | date) else float(value)


@pytest.mark.parametrize("name", QUERIES)
def test_metrics_equal_their_marts(metricflow: Any, marts: Engine, name: str) -> None:
    metrics, groups, query = QUERIES[name]
    with marts.connect() as connection:
        expected = keyed(connection.execute(text(query)), len(groups))
    found = answered(metricflow, metrics, groups)
    assert found.keys() == expected.keys()
    assert any(value for row in expected.values() for value in row)
    for group, row in expected.items():
        for metric, value, wanted in zip(metrics, found[group], row, strict=True):
            same = value == wanted if None in (value, wanted) else math.isclose(value, wanted, rel_tol=1e-12)
            assert same, (group, metric, value, wanted)


def test_every_metric_is_held_against_a_mart(metricflow: Any) -> None:
    compared = {metric for metrics, _, _ in QUERIES.values() for metric in metrics}
    assert {metric.name for metric in metricflow.list_metrics()} == compared


def test_every_metric_is_described(metricflow: Any) -> None:  # the fixture has parsed the project
    manifest = json.loads((PROJECT / "target" / "semantic_manifest.json").read_text())
    assert all(metric["description"] and metric["label"] for metric in manifest["metrics"])


def test_the_command_line_answers(sample_settings: Settings, marts: Engine, tmp_path: Path) -> None:
    target = tmp_path / "answer.csv"
    arguments = ["query", "--metrics", "booking_rate", "--group-by", "campaign", "--csv", str(target)]
    with pytest.raises(SystemExit) as ended:
        run_metricflow(sample_settings, arguments)
    assert ended.value.code == 0
    with marts.connect() as connection:
        query = text("select campaign, booking_rate from marts.campaign_performance where leads > 0")
        expected = {row.campaign: row.booking_rate for row in connection.execute(query)}
    with target.open(newline="") as file:
        assert {row["campaign"]: float(row["booking_rate"]) for row in csv.DictReader(file)} == expected


@pytest.mark.parametrize(
    ("metrics", "cut", "said"),
    [
        ("leads,messages", "step", r"messages cannot be cut by 'step'; it can be cut by .*campaign,.* lead__step,"),
        (
            "leads,day_clicks",
            "lead__variant",
            r"day_clicks cannot be cut by 'lead__variant'; it can be .*campaign,",
        ),
        ("leeds", "campaign", r"no metric 'leeds'; there are: booking_rate, .*, replies, reply_rate\.$"),
    ],
)
def test_what_a_metric_has_not_is_said_in_a_sentence(metricflow: Any, metrics: str, cut: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as raised:
        check_query(metricflow, metrics.split(","), [cut])
    assert "\n" not in str(raised.value)


def test_an_unknown_command_is_said(sample_settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match=r"Say one of .*query"):
        run_metricflow(sample_settings, ["ask"])
