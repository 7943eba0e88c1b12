"""The documentation is one page that has everything in it and asks nobody for anything."""

import re
from pathlib import Path

import pytest
from sqlalchemy import Engine

from pipelines.documentation import build_documentation
from uysp.settings import PROJECT, Settings


@pytest.fixture
def page(settings: Settings, engine: Engine, tmp_path: Path) -> str:
    built = build_documentation(settings)
    assert built == settings.uysp_home / "dbt" / "docs" / "uysp.html"
    return built.read_text()


def test_the_page_tells_of_every_mart_and_sends_nothing_anywhere(page: str, settings: Settings) -> None:
    for model in (PROJECT / "dbt_project" / "models").rglob("*.sql"):
        assert f"model.uysp.{model.stem}" in page
    assert "What the numbers mean" in page  # our overview, not dbt's own
    assert '"send_anonymous_usage_stats": false' in page
    loaded = re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=[\"']?(?:https?:)?//[^\s>]+", page)
    assert loaded == []


def test_the_page_holds_no_secret_and_no_path_of_this_machine(page: str, settings: Settings) -> None:
    assert settings.database_url is not None
    password = re.search(r":([^:@/]+)@", settings.database_url.get_secret_value())
    assert password is not None
    assert password[1] not in page
    assert str(PROJECT) not in page
    assert str(settings.uysp_home) not in page
