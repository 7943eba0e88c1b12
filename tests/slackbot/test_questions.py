"""Every question against marts that dbt built: sections, columns, order, sums, and where every button leads."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from slackbot.answers import TOPICS, VERBS, ask, campaign, campaigns, question_of
from slackbot.answers.dashboard import best_campaigns
from slackbot.answers.filters import PAGE_ROWS, name_key
from slackbot.answers.model import Answer, Section
from slackbot.answers.writes import WRITES
from slackbot.blocks import json_text
from slackbot.grammar import NotUnderstoodError, line, said
from tests.slackbot.built import CLIENTS, warehouse, warehouse_settings
from tests.test_cli import uysp
from uysp.cli import app
from uysp.settings import PROJECT, Settings

__all__ = ["warehouse", "warehouse_settings"]  # fixtures

ACME = CLIENTS[0]
Rows = list[dict[str, Any]]

# spec/interface.md, `uysp ask --json`.
SECTIONS = {
    "dashboard": ["overview", "top_campaigns", "hot_leads"],
    "dashboard all": ["overview", "top_campaigns", "hot_leads"],
    "campaigns": ["campaigns"],
    'campaign "ChatGPT Use Cases"': ["campaign", "steps"],
    'campaign "ChatGPT Use Cases" step:1': ["campaign", "steps", "leads"],
    "clicks": ["summary", "by_campaign", "by_step", "top_clickers"],
    "hot": ["leads"],
    "lead ann": ["leads"],
    "variants": ["variants"],
    "quality": ["issues"],
    "status": ["tables"],
}


def asked(line_: str, engine: Engine, settings: Settings) -> dict[str, Any]:
    """Return the JSON of an answer, with whole lists."""
    document: dict[str, Any] = json.loads(json_text(ask(line_, engine, settings, whole=True)))
    return document


def data(line_: str, engine: Engine, settings: Settings) -> dict[str, Rows]:
    found: dict[str, Rows] = asked(line_, engine, settings)["data"]
    return found


def selected(engine: Engine, query: str, **values: object) -> Rows:
    """Return rows as JSON shows them."""
    with engine.connect() as connection:
        return [
            json.loads(row)
            for row in connection.scalars(text(f"select row_to_json(found)::text from ({query}) as found"), values)
        ]


def plain(rows: Iterable[dict[str, Any]]) -> Rows:
    """Return rows without what differs in writing only: how a time is spelt, whether 3 is 3.0."""
    return [{name: _plain(value) for name, value in row.items()} for row in rows]


def _plain(value: object) -> object:
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)", value):
        moment, _, fraction = value.removesuffix("Z").removesuffix("+00:00").partition(".")
        return f"{moment}.{fraction.ljust(6, '0')}"
    return round(value, 9) if isinstance(value, float) else value


@pytest.mark.parametrize("typed", SECTIONS)
def test_an_answer_has_the_sections_of_the_contract(
    typed: str, warehouse: Engine, warehouse_settings: Settings
) -> None:
    document = asked(f"{typed} client:{ACME}", warehouse, warehouse_settings)
    assert list(document) == ["verb", "filters", "as_of", "data_as_of", "data"]
    assert list(document["data"]) == SECTIONS[typed]
    assert document["filters"]["client"] == ACME


# What a section's rows must be, in order: straight from the marts.
HOT = 'icp_score desc nulls last, clicks desc, last_sent_at desc nulls last, name collate "C", lead_id, client'
PRICING = "regexp_replace(lower(campaign), '[^a-z0-9]', '', 'g') = 'pricingrules'"
QUERIES = {
    ("campaigns", "campaigns"): """
        select * from marts.campaign_performance where client = :client
        order by is_unassigned, is_internal, leads desc, campaign collate "C"
    """,
    ("campaign pricingrules", "campaign"): f"""
        select * from marts.campaign_performance where client = :client and {PRICING}
    """,
    ("campaign pricingrules", "steps"): f"""
        select * from marts.sequence_steps where client = :client and {PRICING} order by step
    """,
    ("campaign pricingrules step:0", "leads"): f"""
        select * from marts.leads
        where client = :client and {PRICING} and not is_test and step = 0
        order by icp_score desc nulls last, name collate "C", lead_id
    """,
    ("campaign pricingrules icp:>=50", "leads"): f"""
        select * from marts.leads
        where client = :client and {PRICING} and not is_test and icp_score >= 50
        order by icp_score desc nulls last, name collate "C", lead_id
    """,
    ("hot 7", "leads"): f"""
        select * from marts.leads where client = :client and is_hot and not is_test order by {HOT} limit 7
    """,
    ("dashboard", "hot_leads"): f"""
        select * from marts.leads where client = :client and is_hot and not is_test order by {HOT} limit 10
    """,
    ("clicks", "top_clickers"): """
        select * from marts.leads where client = :client and clicks > 0 and not is_test
        order by clicks desc, icp_score desc nulls last, name collate "C", lead_id limit 20
    """,
    ("variants", "variants"): """
        select * from marts.variant_performance where client = :client
        order by campaign collate "C", variant collate "C" nulls last
    """,
    ("quality", "issues"): """
        select * from marts.data_quality_issues where client = :client
        order by seen_at desc, source_table collate "C", record_id collate "C", field collate "C", rule collate "C"
    """,
    ("status", "tables"): """
        select * from marts.sync_status where client = :client order by source_table collate "C"
    """,
}


@pytest.mark.parametrize(("typed", "section"), QUERIES)
@pytest.mark.parametrize("client", CLIENTS)
def test_rows_are_those_of_the_marts_in_the_order_of_the_contract(
    typed: str, section: str, client: str, warehouse: Engine, warehouse_settings: Settings
) -> None:
    try:
        rows = data(f"{typed} client:{client}", warehouse, warehouse_settings)[section]
    except NotUnderstoodError:
        assert client != ACME  # every base has some campaigns, not all have this one
        return
    expected = selected(warehouse, QUERIES[typed, section], client=client)
    assert [set(row) for row in rows] == [set(row) for row in expected]
    assert plain(rows) == [{name: row[name] for name in rows[0]} for row in plain(expected)]
    if client == ACME:
        assert rows


@pytest.mark.parametrize("period", ["24h", "7d", "30d", "all"])
def test_the_overview_is_the_periods_row(period: str, warehouse: Engine, warehouse_settings: Settings) -> None:
    [row] = data(f"dashboard {period} client:{ACME}", warehouse, warehouse_settings)["overview"]
    [expected] = selected(
        warehouse,
        "select * from marts.dashboard where client = :client and period = :period",
        client=ACME,
        period=period,
    )
    assert set(row) == set(expected)
    [row], [expected] = plain([row]), plain([expected])
    assert {**row, "as_of": None} == {**expected, "as_of": None}


def test_top_campaigns_are_ranked_as_the_contract_says(warehouse: Engine, warehouse_settings: Settings) -> None:
    rows = data(f"dashboard client:{ACME}", warehouse, warehouse_settings)["top_campaigns"]
    expected = selected(
        warehouse,
        """
        select campaign from marts.campaign_performance
        where client = :client and leads > 0 and not is_internal and not is_unassigned
        order by case when bookings = 0 then 2 when leads >= 20 then 0 else 1 end,
            booking_rate desc, bookings desc, leads desc, campaign collate "C"
        limit 5
        """,
        client=ACME,
    )
    assert [row["campaign"] for row in rows] == [row["campaign"] for row in expected]
    assert best_campaigns([]) == []


@pytest.mark.parametrize(
    ("section", "key"),
    [("summary", "client"), ("by_campaign", "client, campaign"), ("by_step", "client, reached_step")],
)
def test_clicks_are_sums_with_rates_of_the_sums(
    section: str, key: str, warehouse: Engine, warehouse_settings: Settings
) -> None:
    rows = data("clicks", warehouse, warehouse_settings)[section]
    expected = selected(
        warehouse,
        f"""
        select {key}, sum(links)::bigint as links, sum(clicks)::bigint as clicks, sum(clickers)::bigint as clickers,
            sum(linked_clickers)::bigint as linked_clickers,
            sum(linked_clickers)::float8 / nullif(sum(links), 0) as link_click_rate,
            sum(booked_clickers)::bigint as booked_clickers,
            sum(booked_clickers)::float8 / nullif(sum(clickers), 0) as booking_rate_of_clickers,
            sum(others)::bigint as others, sum(booked_others)::bigint as booked_others,
            sum(booked_others)::float8 / nullif(sum(others), 0) as booking_rate_of_others
        from marts.click_tracking group by {key}
        """,
    )
    names = key.split(", ")

    def keyed(found: Rows) -> dict[tuple[object, ...], dict[str, Any]]:
        return {tuple(row[name] for name in names): row for row in plain(found)}

    assert keyed(rows) == keyed(expected)
    assert len(rows) == len(expected)


@pytest.mark.parametrize(
    ("typed", "section"), [("campaigns", "campaigns"), ("variants", "variants"), ("clicks", "by_step")]
)
def test_sums_over_all_leads_are_the_marts_own_numbers(
    typed: str, section: str, warehouse: Engine, warehouse_settings: Settings
) -> None:
    """The filter lets every lead through, so that what is summed here and what dbt computed must be the same."""
    summed = data(f"{typed} created:9999w", warehouse, warehouse_settings)[section]
    from_marts = data(typed, warehouse, warehouse_settings)[section]
    assert plain(summed) == plain(row for row in from_marts if row.get("leads", 1))
    assert summed


def test_filters_leave_the_leads_they_name_in_any_order(warehouse: Engine, warehouse_settings: Settings) -> None:
    [most] = selected(
        warehouse,
        """
        select lead_source as source, engagement_level as engagement, floor(max(icp_score)) as icp from marts.leads
        where client = :client and not is_test and lead_source ~ '^[A-Za-z ]+$' and engagement_level ~ '^[A-Za-z ]+$'
            and icp_score is not null
        group by 1, 2 order by count(*) desc, 1, 2 limit 1
        """,
        client=ACME,
    )
    source, engagement, icp = most["source"], most["engagement"], int(most["icp"])
    lines = (
        f'campaigns source:"{source.lower()}" engagement:"{engagement.lower()}" client:{ACME} icp:>={icp} sort:name',
        f"sort:NAME icp:≥{icp} Engagement:“{engagement}” client:{ACME.upper()} campaigns SOURCE:'{source}'",
    )
    documents = [asked(each, warehouse, warehouse_settings) for each in lines]
    assert documents[0]["data"] == documents[1]["data"]
    understood = {"source": source, "engagement": engagement, "client": ACME, "icp": f">={icp}", "sort": "name"}
    assert documents[0]["filters"] == documents[1]["filters"] == understood
    [counted] = selected(
        warehouse,
        """
        select count(*) as leads, count(*) filter (where booked) as bookings from marts.leads
        where client = :client and not is_test and lead_source = :source and engagement_level = :engagement
            and icp_score >= :icp
        """,
        client=ACME,
        source=source,
        engagement=engagement,
        icp=icp,
    )
    rows = documents[0]["data"]["campaigns"]
    assert sum(row["leads"] for row in rows) == counted["leads"] > 0
    assert sum(row["bookings"] for row in rows) == counted["bookings"]


# What is left of marts.leads, by the filter.
LEFT = {
    'status:"In Sequence"': "processing_status = 'In Sequence'",
    "icp:>=50": "icp_score >= 50",
    "icp:<50": "icp_score < 50",
    "created:7d": "created_at > now() - interval '7 days' and created_at <= now()",
    "created:900h": "created_at > now() - interval '900 hours' and created_at <= now()",
    "created:8w": "created_at > now() - interval '56 days' and created_at <= now()",
    'status:"In Sequence" icp:>=50': "processing_status = 'In Sequence' and icp_score >= 50",
}


@pytest.mark.parametrize("typed", LEFT)
def test_a_filter_leaves_the_same_leads_in_every_answer(
    typed: str, warehouse: Engine, warehouse_settings: Settings
) -> None:
    [left] = selected(
        warehouse,
        f"""
        select count(*) as leads, count(*) filter (where booked) as bookings, coalesce(sum(clicks), 0) as clicks,
            count(*) filter (where is_hot) as hot, count(*) filter (where {PRICING}) as of_one
        from marts.leads where client = :client and not is_test and {LEFT[typed]}
        """,
        client=ACME,
    )

    def found(verb: str, section: str) -> Rows:
        return data(f"{verb} {typed} client:{ACME}", warehouse, warehouse_settings)[section]

    for verb in ("campaigns", "variants"):
        rows = found(verb, verb)
        assert sum(row["leads"] for row in rows) == left["leads"]
        assert sum(row["bookings"] for row in rows) == left["bookings"]
    assert sum(row["clicks"] for row in found("clicks", "summary")) == left["clicks"]
    assert len(found("hot 1000", "leads")) == left["hot"]
    assert len(found("campaign pricingrules", "leads")) == left["of_one"]


def test_a_score_that_some_have_tells_leads_apart_by_every_sign(
    warehouse: Engine, warehouse_settings: Settings
) -> None:
    [middle] = selected(
        warehouse,
        """
        select icp_score as score from marts.leads
        where client = :client and not is_test and icp_score = floor(icp_score)
        order by abs(icp_score - 50), 1 limit 1
        """,
        client=ACME,
    )
    score = int(middle["score"])
    for typed, sign in {">": ">", ">=": ">=", "=>": ">=", "≥": ">=", "<": "<", "<=": "<=", "=": "=", "": "="}.items():
        rows = data(f"campaigns icp:{typed}{score} client:{ACME}", warehouse, warehouse_settings)["campaigns"]
        [left] = selected(
            warehouse,
            f"""
            select count(*) as leads from marts.leads
            where client = :client and not is_test and icp_score {sign} :score
            """,
            client=ACME,
            score=score,
        )
        assert sum(row["leads"] for row in rows) == left["leads"] > 0, typed


@pytest.mark.parametrize("state", ["active", "paused"])
def test_campaigns_are_told_apart_by_their_state(state: str, warehouse: Engine, warehouse_settings: Settings) -> None:
    rows = data(f"campaigns state:{state} client:{ACME}", warehouse, warehouse_settings)["campaigns"]
    expected = selected(
        warehouse,
        "select campaign from marts.campaign_performance where client = :client and is_paused = :paused",
        client=ACME,
        paused=state == "paused",
    )
    assert {row["campaign"] for row in rows} == {row["campaign"] for row in expected}
    assert rows


BY_COLUMN = {"messages": "messages_sent", "last_sent": "last_sent_at", "name": "campaign", "clicks": "clicks"}


@pytest.mark.parametrize("sort", campaigns.TOPIC.sorts)
def test_campaigns_come_in_the_order_that_is_asked_for(
    sort: str, warehouse: Engine, warehouse_settings: Settings
) -> None:
    rows = data(f"campaigns sort:{sort} client:{ACME}", warehouse, warehouse_settings)["campaigns"]
    column = BY_COLUMN.get(sort, sort)
    order = 'campaign collate "C"' if sort == "name" else f"{column} desc nulls last"
    expected = selected(
        warehouse,
        f"""
        select campaign from marts.campaign_performance where client = :client
        order by is_internal or is_unassigned, is_unassigned, {order}, campaign collate "C"
        """,
        client=ACME,
    )
    assert [row["campaign"] for row in rows] == [row["campaign"] for row in expected]


@pytest.mark.parametrize("sort", campaign.TOPIC.sorts)
def test_leads_of_a_campaign_come_in_the_order_that_is_asked_for(
    sort: str, warehouse: Engine, warehouse_settings: Settings
) -> None:
    rows = data(f"campaign pricingrules created:9999w sort:{sort} client:{ACME}", warehouse, warehouse_settings)[
        "leads"
    ]
    orders = {
        "icp": "icp_score desc nulls last, name",
        "name": "name",
        "last_sent": "last_sent_at desc nulls last, name",
        "messages": "messages_sent desc, name",
        "clicks": "clicks desc, icp_score desc nulls last, name",
    }
    expected = selected(
        warehouse,
        f"""
        select lead_id from (
            select lead_id, icp_score, last_sent_at, messages_sent, clicks, name collate "C" as name
            from marts.leads where client = :client and {PRICING} and not is_test
        ) as leads
        order by {orders[sort]}, lead_id
        """,
        client=ACME,
    )
    assert [row["lead_id"] for row in rows] == [row["lead_id"] for row in expected]
    assert len(rows) > 1


def test_a_single_lead_comes_with_its_timeline(warehouse: Engine, warehouse_settings: Settings) -> None:
    [busiest] = selected(
        warehouse,
        """
        select client, lead_id, count(*) as events from marts.lead_timeline
        group by client, lead_id order by events desc, lead_id limit 1
        """,
    )
    name = f"{busiest['client']}/{busiest['lead_id']}"
    found = data(f"lead {name}", warehouse, warehouse_settings)
    assert list(found) == ["leads", "timeline"]
    assert [row["lead_id"] for row in found["leads"]] == [busiest["lead_id"]]
    expected = selected(
        warehouse,
        """
        select * from marts.lead_timeline where client = :client and lead_id = :lead_id
        order by at desc, event_id desc
        """,
        client=busiest["client"],
        lead_id=busiest["lead_id"],
    )
    assert plain(found["timeline"]) == plain(expected)
    assert data(f"timeline {name}", warehouse, warehouse_settings)["timeline"] == found["timeline"]


def test_pages_of_a_list_follow_each_other_and_miss_nothing(warehouse: Engine, warehouse_settings: Settings) -> None:
    typed = f"quality client:{ACME}"
    whole = data(typed, warehouse, warehouse_settings)["issues"]
    assert len(whole) > 2 * PAGE_ROWS
    paged: Rows = []
    following: str | None = typed
    while following:
        answer = ask(following, warehouse, warehouse_settings)
        section = answer.sections["issues"]
        page = section.page
        assert page is not None
        assert page.first == len(paged) + 1
        assert page.total == len(whole)
        assert (page.before is None) == (not paged)
        paged += json.loads(json_text(answer))["data"]["issues"]
        following = page.after
    assert paged == whole
    with pytest.raises(NotUnderstoodError, match="no page 900"):
        ask(f"{typed} page:900", warehouse, warehouse_settings)


def lines_of(answer: Answer) -> Iterable[str]:
    """Return every line that an answer offers."""
    yield answer.findings.line
    for link in answer.findings.links:
        yield link.line
    for choice in answer.findings.choices:
        assert choice.chosen in {option.line for option in choice.options}
        yield from (option.line for option in choice.options)
    for section in answer.sections.values():
        if section.page:
            yield from (each for each in (section.page.before, section.page.after) if each)
        if section.link:
            yield from (section.link(row).line for row in section.rows[:3])


def test_every_line_that_answers_offer_is_answered_and_asks_the_same_again(
    warehouse: Engine, warehouse_settings: Settings
) -> None:
    """Walk from the dashboards over all links, choices and pages, a few hundred answers deep."""
    waiting = [f"dashboard client:{ACME}", "dashboard", "help", "campaigns state:paused", f"lead ann client:{ACME}"]
    seen: dict[str, str] = {}
    while waiting and len(seen) < 250:
        typed = waiting.pop(0)
        answer = ask(typed, warehouse, warehouse_settings)
        seen[typed] = answer.verb
        again = ask(answer.findings.line, warehouse, warehouse_settings)
        assert rows_of(again) == rows_of(answer), typed
        assert again.findings.line == answer.findings.line
        waiting += [each for each in dict.fromkeys(lines_of(answer)) if each not in seen and each not in waiting]
    assert {verb.name for verb in VERBS} - set(seen.values()) == set()


def rows_of(answer: Answer) -> dict[str, Rows]:
    """Return what an answer found, without the moment it was found at."""
    found: dict[str, Rows] = json.loads(json_text(answer))["data"]
    return {name: [{**row, "as_of": None} for row in rows] for name, rows in found.items()}


def test_every_definition_is_a_described_column_of_a_mart(warehouse: Engine, warehouse_settings: Settings) -> None:
    described = {
        f"{row['mart']}.{row['name']}"
        for row in selected(
            warehouse,
            """
            select relname as mart, attname as name from pg_attribute
            join pg_class on pg_class.oid = attrelid
            where relnamespace = 'marts'::regnamespace and col_description(attrelid, attnum) is not null
            """,
        )
    }
    used = set()
    lines = [f"{typed} client:{ACME}" for typed in SECTIONS]
    with_leads = selected(warehouse, "select client, lead_id from marts.lead_timeline limit 1")[0]
    lines.append(f"lead {with_leads['client']}/{with_leads['lead_id']}")
    for typed in lines:
        for section in ask(typed, warehouse, warehouse_settings).sections.values():
            used |= {column.definition for column in section.columns if column.definition}
    assert used - described == set()
    assert len(used) > 80


def test_charts_have_a_number_for_every_category(warehouse: Engine, warehouse_settings: Settings) -> None:
    charts = [
        chart
        for typed in ("dashboard all", "campaigns", "campaign chatgptusecases")
        for chart in ask(f"{typed} client:{ACME}", warehouse, warehouse_settings).findings.charts
    ]
    days, _, compared, steps = (chart.title for chart in charts)
    assert days.endswith(", last 20 days")
    assert (compared, steps) == ("Campaigns compared", "Leads that reached each step")
    for chart in charts:
        assert 2 <= len(chart.categories) <= 20
        assert chart.summary.endswith(".")
        for numbers in chart.series.values():
            assert len(numbers) == len(chart.categories)


# In braces, a campaign by its letters and digits: how it is spelt most often is the generator's affair.
SUGGESTED = {
    f"campaign chatgbtusecases client:{ACME}": f"campaign {{chatgptusecases}} client:{ACME}",
    f"clicks pricingrulz icp:>=40 client:{ACME}": f"clicks {{pricingrules}} icp:>=40 client:{ACME}",
    f"campaigns status:insequense client:{ACME}": f'campaigns status:"In Sequence" client:{ACME}',
    f"dashboard 7 client:{ACME}": f"dashboard 7d client:{ACME}",
    f"campaigns sort:lead client:{ACME}": f"campaigns sort:leads client:{ACME}",
    f"dashbord 7d client:{ACME}": f"dashboard 7d client:{ACME}",
    f"campain pricingrules client:{ACME}": f"campaign pricingrules client:{ACME}",
}


def spelt(engine: Engine) -> dict[str, str]:
    """Return a client's campaigns as they stand in lines, by their letters and digits."""
    names = selected(engine, "select campaign from marts.campaign_performance where client = :client", client=ACME)
    return {name_key(row["campaign"]): line("", row["campaign"]).strip() for row in names}


@pytest.mark.parametrize("typed", SUGGESTED)
def test_what_is_misspelt_gets_lines_that_work(typed: str, warehouse: Engine, warehouse_settings: Settings) -> None:
    with pytest.raises(NotUnderstoodError) as caught:
        ask(typed, warehouse, warehouse_settings)
    assert caught.value.suggestions[0] == SUGGESTED[typed].format(**spelt(warehouse))
    for suggestion in caught.value.suggestions:
        ask(suggestion, warehouse, warehouse_settings)


@pytest.mark.parametrize("wrong", ["icp:high", "created:yesterday", "step:two", "step:101", "page:0", "created:7"])
def test_a_value_that_means_nothing_is_told_with_what_would(
    wrong: str, warehouse: Engine, warehouse_settings: Settings
) -> None:
    with pytest.raises(NotUnderstoodError, match=wrong.split(":")[0]):
        ask(f'campaign "ChatGPT Use Cases" {wrong} client:{ACME}', warehouse, warehouse_settings)


def test_the_documentation_lists_every_verb_with_its_filters_and_orders() -> None:
    page = (PROJECT / "docs" / "questions.md").read_text()
    listed = {
        usage.split()[0]: re.findall(r"`([a-z]+):`", filters)
        for usage, filters in re.findall(r"^\| `([a-z][^`:]*)` \| .* \| (.*) ?\|$", page, re.MULTILINE)
    }
    assert listed == {verb.name: list(verb.filters) for verb in (*VERBS, *WRITES)}
    explained = set(re.findall(r"^\| `([a-z]+):` \|", page, re.MULTILINE))
    assert explained == {name for verb in VERBS for name in verb.filters}
    for topic in TOPICS:
        for sort in topic.sorts:
            assert f"`{sort}`" in page
        assert bool(topic.sorts) == ("sort" in topic.verb.filters)
        for example in topic.verb.examples:
            question = question_of(example)
            assert question.verb == topic.verb.name
            assert question_of(said(question)) == question


def test_personal_columns_are_marked(warehouse: Engine, warehouse_settings: Settings) -> None:
    sections: list[Section] = []
    for typed in SECTIONS:
        sections += ask(f"{typed} client:{ACME}", warehouse, warehouse_settings).sections.values()
    personal = {"leads.email", "leads.phone", "leads.notes", "data_quality_issues.value"}
    for section in sections:
        for column in section.columns:
            assert column.is_personal == (column.definition in personal), column.label


def test_the_terminal_answers_every_question(
    warehouse: Engine, warehouse_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert warehouse_settings.database_url is not None
    environment = {"DATABASE_URL": warehouse_settings.database_url.get_secret_value(), "UYSP_HOME": str(tmp_path)}
    monkeypatch.chdir(tmp_path)

    def printed(*arguments: str) -> str:
        result = CliRunner(env=environment).invoke(app, arguments)
        assert result.exit_code == 0, result.exception
        return result.stdout

    for typed in ("dashboard 7d", 'campaign "ChatGPT Use Cases" step:0', "quality", "lead ann"):
        line_ = f"{typed} client:{ACME}"
        found = json.loads(printed("ask", line_, "--json"))
        assert plain(found["data"]["issues"] if typed == "quality" else []) == plain(
            data(line_, warehouse, warehouse_settings)["issues"] if typed == "quality" else []
        )
        assert list(found["data"]) == list(data(line_, warehouse, warehouse_settings))
        shown = printed("ask", line_)
        assert "Ask next: " in shown
        assert ("Rows 1 to 20 of" in shown) == (typed == "quality")
    history = printed("history", "--client", ACME, "--json")
    assert json.loads(history)["data"] == data(f"history client:{ACME}", warehouse, warehouse_settings)
    wrong = uysp(tmp_path, "ask", f"campain chatgptusecases client:{ACME}", **environment)
    assert wrong.returncode != 0
    assert len(wrong.stderr.strip().splitlines()) == 1
