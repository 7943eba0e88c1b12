"""The one Definitions of the code location: loaded by workspace.yaml, by the run workers, and by the tests."""

import dagster as dg

from pipelines.airtable import NOT_CONFIGURED, airtable_tables, heartbeat
from pipelines.automation import (
    look_for_changes,
    prune,
    prune_daily,
    sweep,
    sweep_nightly,
    sync,
    sync_every_five_minutes,
)
from pipelines.marts import marts_from
from pipelines.resources import Workplace
from pipelines.warehouse import prepare_manifest
from uysp.settings import load_settings

_log = dg.get_dagster_logger("uysp")
_settings = load_settings()
if not _settings.clients:
    _log.warning(NOT_CONFIGURED)
_marts = marts_from(prepare_manifest(_settings, _log.info))

definitions = dg.Definitions(
    assets=[airtable_tables, _marts, heartbeat],
    jobs=[sync, sweep, prune],
    schedules=[sync_every_five_minutes, sweep_nightly, prune_daily],
    sensors=[look_for_changes],
    resources={"workplace": Workplace()},
    executor=dg.in_process_executor,
)
