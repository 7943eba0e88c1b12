"""The marts over the sample base, loaded by real syncs while the outside automations play, equal plain Python."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyairtable import Api
from pydantic import SecretStr
from sqlalchemy import Engine, text

from pipelines.warehouse import build_marts
from playground.airtable.behaviour import Behaviour
from playground.airtable.server import running_emulator
from playground.airtable.store import Store
from playground.sample.automations import Automations
from playground.sample.base import write
from tests.warehouse.compare import compare_marts, summary
from uysp.airtable.limiter import Limiter
from uysp.settings import Client, Settings
from uysp.sync import sync_client

LEADS = 1_200  # all kinds of dirt need about a thousand
ROUNDS, STEPS = 3, 25
FAMOUS = ("Executive Outreach", "Impactful Meetings")  # many messages name them, and their leads moved on


@pytest.mark.timeout(600)
def test_marts_over_the_sample_base_equal_an_independent_computation(
    engine: Engine, settings: Settings, tmp_path: Path
) -> None:
    path = tmp_path / "base.json"
    with path.open("w") as out:
        write(out, seed=3, leads=LEADS, now=datetime.now(UTC))
    behaviour = Behaviour(requests_per_second=None, user_requests_per_second=None)
    with running_emulator(Store.load(path), behaviour) as emulator:
        (base_id,) = emulator.store.bases
        ours, theirs = emulator.store.tokens or {}
        settings = settings.model_copy(update={"airtable_endpoint_url": emulator.url})
        client = Client("uysp", "uysp", base_id, SecretStr(ours))
        outside = Automations(emulator.url, theirs, base_id, seed=3, gap=0, requests_per_second=1e6)

        def sync() -> int:
            outcomes = sync_client(engine, settings, client, full=True, pace=Limiter(1e6))
            assert [outcome.error for outcome in outcomes] == [None] * 4
            return sum(outcome.changed for outcome in outcomes)

        sync()
        for _ in range(ROUNDS):
            outside.step(STEPS)
            assert sync() > 0
        build(settings, engine)
        with engine.connect() as connection:
            leads: int = connection.execute(text("select count(*) from marts.leads")).scalar_one()
        assert leads >= LEADS
        # Records of people and messages stay as they are: what depends on names alone has to follow by itself.
        campaigns = Api(theirs, endpoint_url=emulator.url).table(base_id, "Campaigns")
        renamed, gone = (record for record in campaigns.all() if record["fields"].get("Campaign Name") in FAMOUS)
        campaigns.update(renamed["id"], {"Campaign Name": "Under Another Name"})
        campaigns.delete(gone["id"])
        assert sync() > 0
        build(settings, engine)


def build(settings: Settings, engine: Engine) -> None:
    """Build the marts and hold them against plain Python."""
    built = build_marts(settings, engine)
    assert built.success, built.failures
    differences = compare_marts(engine)
    assert not differences, summary(differences)
