"""What the dbt project promises about its own shape, read from its manifest, and its unit tests, run in Postgres.

Belongs here: layers, contracts, keys, descriptions, that rules are tested. Not here: numbers (test_marts.py).
"""

import json
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from dbt.cli.main import dbtRunner

from pipelines.freshness import source_freshness
from pipelines.warehouse import build_marts
from tests.conftest import Template
from uysp.settings import PROJECT, Settings

Manifest = dict[str, Any]  # dbt's manifest.json
Node = dict[str, Any]

MARTS = {
    *("leads", "messages", "campaign_performance", "variant_performance", "sequence_steps", "step_visits"),
    *("click_tracking", "daily_activity", "dashboard", "lead_timeline", "data_quality_issues", "sync_status"),
}
# As type and expression: the second is the key of a table with a column that may be NULL.
KEYS_OF_TABLES = {("primary_key", None), ("unique", "nulls not distinct")}
# Rows as the source has them, or all days.
DECIDES_NOTHING = {
    *(
        "stg_airtable__loaded",
        "stg_uysp__built_campaigns",
        "stg_uysp__clients",
        "stg_uysp__sync_state",
        "stg_uysp__table_counts",
    ),
    "int_calendar__days",
}
AIRTABLE_TABLES = ("leads", "campaigns", "sms_templates", "sms_audit")
UYSP_TABLES = ("clients", "loads", "table_counts", "sync_state", "airtable_fields", "airtable_options")


def dbt(*arguments: str, target: Path) -> Any:
    """Run a dbt command that must succeed, warnings being errors; return its result and leave its files in `target`."""
    places = {"project": PROJECT, "profiles": PROJECT / "dbt_project"}
    result = dbtRunner().invoke(
        [
            *("--quiet", "--warn-error", *arguments, "--target-path", str(target), "--log-path", str(target)),
            *(text for name, place in places.items() for text in (f"--{name}-dir", str(place))),
        ]
    )
    assert result.success, result.exception or result.result
    return result.result


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    folder = tmp_path_factory.mktemp("parse")
    dbt("parse", "--show-all-deprecations", target=folder)
    parsed: Manifest = json.loads((folder / "manifest.json").read_text())
    return parsed


@pytest.fixture
def template(migrated_template: str, dbt_read: Path) -> Template:
    """Nothing built yet, but the project is read."""
    return Template(migrated_template, dbt_read)


def models(manifest: Manifest, layer: str = "") -> list[Node]:
    """All models, or those of one layer, which is the first folder under models/."""
    return [
        node
        for node in manifest["nodes"].values()
        if node["resource_type"] == "model" and layer in ("", node["fqn"][1])
    ]


def test_the_marts_are_those_of_the_contract(manifest: Manifest) -> None:
    assert {model["name"] for model in models(manifest, "marts")} == MARTS
    assert {model["schema"] for model in models(manifest, "marts")} == {"marts"}


def test_only_staging_reads_sources_and_layers_never_point_back(manifest: Manifest) -> None:
    allowed = {
        "staging": {"staging", "source"},
        "intermediate": {"staging", "intermediate"},
        "marts": {"staging", "intermediate", "marts"},
        "semantic": {"marts"},
    }
    for model in models(manifest):
        below = {
            manifest["nodes"][unique_id]["fqn"][1] if unique_id in manifest["nodes"] else "source"
            for unique_id in model["depends_on"]["nodes"]
        }
        assert below <= allowed[model["fqn"][1]], model["name"]


def test_staging_reads_staging_only_where_a_base_model_says_so(manifest: Manifest) -> None:
    for model in models(manifest, "staging"):
        parents = [
            unique_id.split(".")[-1] for unique_id in model["depends_on"]["nodes"] if unique_id in manifest["nodes"]
        ]
        assert all(parent.startswith("base_") for parent in parents), model["name"]


def test_every_mart_has_an_enforced_contract_and_a_key(manifest: Manifest) -> None:
    for model in models(manifest, "marts"):
        assert model["contract"]["enforced"], model["name"]
        keys = [
            constraint
            for constraint in model["constraints"]
            if (constraint["type"], constraint["expression"]) in KEYS_OF_TABLES
        ]
        # Postgres has no keys on views, so a test stands in.
        tests = [unique_id for unique_id in manifest["nodes"] if f".unique_combination_{model['name']}_" in unique_id]
        assert len(keys) + len(tests) == 1, model["name"]


def test_every_model_and_every_column_is_described(manifest: Manifest) -> None:
    for model in models(manifest):
        assert model["description"], model["name"]
        assert model["columns"], model["name"]
        undescribed = [column["name"] for column in model["columns"].values() if not column["description"]]
        assert undescribed == [], model["name"]


def test_every_model_below_the_marts_is_tested(manifest: Manifest) -> None:
    tested = {node.get("attached_node") for node in manifest["nodes"].values() if node["resource_type"] == "test"}
    below = models(manifest, "staging") + models(manifest, "intermediate")
    assert [model["name"] for model in below if model["unique_id"] not in tested] == []


def test_every_model_that_decides_anything_has_a_unit_test(manifest: Manifest) -> None:
    tested = {test["model"] for test in manifest["unit_tests"].values()}
    assert {model["name"] for model in models(manifest)} - tested == DECIDES_NOTHING


def test_every_airtable_table_is_a_source_by_its_raw_name_with_its_history(manifest: Manifest) -> None:
    names = {source["name"] for source in manifest["sources"].values() if source["source_name"] == "airtable"}
    assert names == {*AIRTABLE_TABLES, *(f"{table}_history" for table in AIRTABLE_TABLES)}
    assert {source["schema"] for source in manifest["sources"].values()} == {"raw", "app"}


def test_a_source_is_as_fresh_as_its_last_good_look(settings: Settings, engine: sqlalchemy.Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("""
            insert into raw.sync_state (client, source_table, last_synced_at)
            select client, source_table, now() - case when client = 'late' then waits else interval '1 minute' end
            from (values ('quiet'), ('late')) as clients (client)
            cross join (
                values
                ('leads', interval '14 minutes'), ('campaigns', interval '16 minutes'),
                ('sms_templates', interval '61 minutes'), ('sms_audit', null)
            ) as tables (source_table, waits)
        """)
    found = {each.table: each for each in source_freshness(settings)}
    statuses = dict(zip(AIRTABLE_TABLES, ("pass", "warn", "error", "error"), strict=True))
    assert {table: each.status for table, each in found.items()} == {
        **{f"airtable.{table}": status for table, status in statuses.items()},
        **{f"airtable.{table}_history": status for table, status in statuses.items()},
        **{f"uysp.{table}": "error" for table in UYSP_TABLES},
    }
    assert {str(found[f"airtable.{table}"]) for table in AIRTABLE_TABLES} == {
        "pass  airtable.leads: looked at 14 min ago",
        "warn  airtable.campaigns: looked at 16 min ago",
        "error airtable.sms_templates: looked at 61 min ago",
        "error airtable.sms_audit: never looked at",
    }
    assert {each.is_stale for each in found.values() if each.status != "error"} == {False}
    assert all(each.is_stale for each in found.values() if each.status == "error")


def test_each_model_has_one_sql_and_one_yml_of_its_name_side_by_side(manifest: Manifest) -> None:
    for model in models(manifest):
        sql = PROJECT / model["original_file_path"]
        assert model["patch_path"] == f"uysp://{sql.with_suffix('.yml').relative_to(PROJECT)}"
        assert sql.stem == model["name"]


def test_an_empty_base_builds_and_every_unit_test_of_a_value_rule_holds(
    settings: Settings, engine: sqlalchemy.Engine, manifest: Manifest
) -> None:
    built = build_marts(settings, engine)
    assert built.success, built.failures
    results = dbt("test", "--select", "test_type:unit", target=settings.uysp_home / "dbt" / "target")
    assert {result.node.unique_id for result in results} >= set(manifest["unit_tests"]) != set()
    with engine.begin() as connection:
        assert connection.execute(sqlalchemy.text("select count(*) from marts.leads")).scalar_one() == 0
        without_variant = "insert into marts.variant_performance values ('a', 'X', null, 1, 0, 0, 0, 0, 0, 0, 0)"
        with pytest.raises(sqlalchemy.exc.IntegrityError, match="unique constraint"):
            connection.execute(sqlalchemy.text(f"{without_variant}; {without_variant}"))
