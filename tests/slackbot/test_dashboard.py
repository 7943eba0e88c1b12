"""The dashboard of an installation whose history is young: what is unknown is neither 0 nor compared with."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy
from sqlalchemy import text

from slackbot.answers import ask
from slackbot.answers.model import Chart
from slackbot.blocks.message import answer_message
from slackbot.blocks.text import shown
from tests.slackbot import marts
from tests.slackbot.drawn import parts
from tests.slackbot.test_every_path import counted
from uysp.settings import Settings

Engine = sqlalchemy.Engine


def start(engine: Engine, days: float) -> datetime:
    """Let the history begin so many days ago; return the present moment."""
    with engine.begin() as connection:
        now: datetime = connection.execute(text("select now()")).scalar_one()
        connection.execute(text("insert into raw.clients values ('uysp', 'UYSP', 'app1', 'UTC', '{}')"))
        connection.execute(
            text("""
                insert into raw.loads (client, source_table, observed_at, is_first,
                                       records_read, created, updated, deleted, restored)
                values ('uysp', 'leads', :at, true, 1, 1, 0, 0, 0)
            """),
            {"at": now - timedelta(days=days)},
        )
    marts.mark_synced(engine, at=now)
    for period in ("24h", "7d", "30d", "all"):
        row = {**counted(marts.DASHBOARD), "period": period, "as_of": now, "history_since": now - timedelta(days=days)}
        row |= {"opt_outs_in_period": 7, "previous_opt_outs_in_period": 0, "bookings_in_period": 5}
        marts.add(engine, "dashboard", row)
    return now


def charts_of(engine: Engine, settings: Settings) -> tuple[Chart, ...]:
    answer = ask("dashboard", engine, settings)
    assert len(parts(answer_message(answer)["blocks"], "data_visualization")) == len(answer.findings.charts)
    return answer.findings.charts


def test_each_number_is_drawn_for_the_days_of_which_it_is_known(
    built: Engine, reading: Engine, settings: Settings
) -> None:
    now = start(built, 3)
    day = {"client": "uysp", "campaign": "Webinar", "new_leads": 1, "messages_sent": 2, "messages_delivered": 2}
    marts.add(built, "daily_activity", {**day, "day": (now - timedelta(days=9)).date(), "bookings": 44})
    marts.add(built, "daily_activity", {**day, "day": now.date(), "bookings": 1, "opt_outs": 2, "clicks": 3})
    whole, young = charts_of(reading, settings)
    assert [len(values) for values in whole.series.values()] == [20, 20, 20]
    assert sum(value or 0 for value in whole.series["Booked"]) == 45
    assert "45 booked" in whole.summary
    assert (list(young.series["Clicks"]), list(young.series["Opt-outs"])) == ([0, 0, 0, 3], [0, 0, 0, 2])
    assert "from when they are recorded: 3 clicks, 2 opt-outs" in young.summary


def test_where_all_is_known_what_came_of_it_stands_in_one_picture(
    built: Engine, reading: Engine, settings: Settings
) -> None:
    now = start(built, 90)
    day = {"client": "uysp", "campaign": "Webinar", "new_leads": 1, "messages_sent": 2, "messages_delivered": 2}
    marts.add(built, "daily_activity", {**day, "day": now.date(), "bookings": 1, "opt_outs": 2, "clicks": 3})
    _, came = charts_of(reading, settings)
    assert [len(values) for values in came.series.values()] == [20, 20, 20]
    assert came.title == "What came of it, last 20 days"


@pytest.mark.parametrize(("days", "period", "said"), [(90, "30d", "7 (+7)"), (45, "30d", "7"), (5, "30d", "7")])
def test_a_change_is_shown_only_against_a_period_that_is_known(
    built: Engine, reading: Engine, settings: Settings, days: float, period: str, said: str
) -> None:
    start(built, days)
    answer = ask(f"dashboard {period}", reading, settings)
    section = answer.sections["overview"]
    values = {column.label: shown(column, section.rows[0]) for column in section.columns}
    assert values["Opt-outs, last 30 days"] == said
    assert values["Booked, last 30 days"] == "5 (+2)"
    assert any("change is not shown" in note for note in answer.findings.notes) == (days == 45)
