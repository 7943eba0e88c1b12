"""Run dbt in this process: build everything under `dbt_project/`, or parse it into a manifest.

Belongs here: how dbt is started, where its files go, what its results mean. Used by `uysp sync` and by the
Dagster assets in `pipelines/marts.py`, so it imports neither Dagster nor, before it has to, dbt (4 s of CPU).
In the process and not as a program of its own, because that halves the time of a build (one interpreter, one
`import dbt`).
"""

import hashlib
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Engine, text

from uysp import lead_index
from uysp.builds import remember_failure
from uysp.database import MARTS_LOCK, exclusive
from uysp.errors import UyspError
from uysp.settings import PROJECT, Settings, set_environment

if TYPE_CHECKING:
    from dbt.artifacts.schemas.results import NodeResult
    from dbt.cli.main import dbtRunnerResult
    from dbt_common.events.base_types import EventMsg

PROFILES = PROJECT / "dbt_project"
FAILED = ("error", "fail", "runtime error", "partial success")
READ = "partial_parse.msgpack"  # what dbt has read of its project, in its target folder
LOG_BYTES = 2_000_000  # dbt keeps five files of this size
LIBPQ_VARIABLES = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "channel_binding": "PGCHANNELBINDING",
}
# What a cycle runs: models that hold rows, and the tests that say so of themselves. A view is right whenever what it
# reads is; and most tests look at whole tables, where a cycle is to cost what changed.
_CYCLE = ("config.materialized:incremental", "config.materialized:table", "tag:every_build")
# Changes with every load, also with one whose number is smaller because it took longer than another.
_LOADS = "select count(*) || ' up to ' || coalesce(max(load_id), 0) from raw.loads"
Progress = Callable[[str], None]


class WarehouseError(UyspError):
    """Dbt could not read its project, or could not start at all."""


@dataclass(frozen=True)
class NodeOutcome:
    """What became of one model or test.

    Attributes:
        status: dbt's word: success, pass, warn, fail, error, skipped, no-op.
        rows: rows written (models that write rows) or found wanting (tests); None where dbt does not know.
    """

    unique_id: str
    status: str
    seconds: float
    rows: int | None
    message: str

    @property
    def failed(self) -> bool:
        """Whether this makes the build a failure (a warning, or being skipped because of another, does not)."""
        return self.status in FAILED


@dataclass(frozen=True)
class BuildResult:
    """What became of one build.

    Attributes:
        models: models built (or tried).
        failures: a line for each model or test that failed: its name and what dbt said.
        nodes: every model and test, in the order in which they ended.
        is_whole: whether tables were made anew; else only rows that differ were written.
    """

    success: bool
    seconds: float
    models: int
    failures: tuple[str, ...]
    nodes: tuple[NodeOutcome, ...] = ()
    is_whole: bool = False


def build_marts(
    settings: Settings, engine: Engine, progress: Progress | None = None, select: Sequence[str] = ()
) -> BuildResult:
    """Build and test all models (or those that `select` names, in dbt's syntax), unit tests excepted; index the leads.

    A build takes up the loads that no build of all models held yet; the first one, and one of a changed project, takes
    up everything. Once a day every test is run, in builds between those only tests that compare what differs between
    models. One build at a time, across processes: a second one waits. Models that fail do not raise: see the
    result.

    Raises:
        WarehouseError: dbt could not start or read its project; no model was touched.
    """
    _set_connection(engine)
    # What dbt would write of it, nobody reads, and it takes a second.
    arguments = ["build", "--exclude-resource-type", "unit_test", "--no-write-json"]
    for selector in select:
        arguments += ["--select", selector]

    def wait() -> None:
        if progress:
            progress("Waiting for another build of the marts to end")

    with exclusive(engine, MARTS_LOCK, on_wait=wait):
        started = time.monotonic()
        built = _begin_build(engine)
        if not select:
            arguments += built.arguments
        result = _build_and_index(arguments, settings, engine, progress)
        seconds = time.monotonic() - started
        if result.exception is not None and not isinstance(result.exception, Exception):
            raise result.exception  # dbt catches also what asks this process to stop
        nodes = tuple(_outcomes(getattr(result.result, "results", ())))
        if not select and result.success:
            _remember_build(engine, built)
        elif not select:
            with engine.begin() as connection:
                remember_failure(connection, ", ".join(_name(node.unique_id) for node in nodes if node.failed) or "dbt")
    if result.exception is not None:
        raise WarehouseError(f"dbt could not build the marts, no model was changed: {_one_line(result.exception)}")
    return BuildResult(
        success=result.success,
        seconds=seconds,
        models=sum(node.unique_id.startswith("model.") for node in nodes),
        failures=tuple(f"{_name(node.unique_id)}: {node.message}" for node in nodes if node.failed),
        nodes=nodes,
        is_whole=built.is_whole and not select,
    )


def _build_and_index(
    arguments: list[str], settings: Settings, engine: Engine, progress: Progress | None
) -> "dbtRunnerResult":
    """Run dbt, and index the leads as soon as they are built, beside what comes after them."""
    with ThreadPoolExecutor(max_workers=1) as beside:
        refreshed: list[Future[int]] = []

        def index_leads(model: str) -> None:
            if model == "model.uysp.leads":
                refreshed.append(beside.submit(lead_index.refresh, engine))

        result = _invoke(arguments, settings, settings.uysp_home / "dbt" / "target", progress, index_leads)
    if refreshed:
        refreshed[0].result()
    else:
        lead_index.refresh(engine)
    return result


@dataclass(frozen=True)
class BuildState:
    """Whether the marts are as new as what was loaded.

    Attributes:
        is_due: they are older than the newest load or than the dbt project, or were never built.
        was_tried: a build of just this was tried, and failed.
    """

    is_due: bool
    was_tried: bool


def build_state(engine: Engine) -> BuildState:
    """Return whether there is something to build."""
    project = _fingerprint()
    with engine.connect() as connection:
        row = connection.execute(
            text(
                """
                select loads, project, tried_loads, tried_project,
                       exists (
                           select from raw.loads left join app.built_loads using (client, load_id)
                           where is_built is not true
                       ) as has_pending,
                       to_regclass('marts.sync_status') is not null as has_marts, ("""
                + _LOADS
                + """) as present
                from app.builds
            """
            )
        ).one()
    return BuildState(
        is_due=not row.has_marts or row.has_pending or (row.loads, row.project) != (row.present, project),
        was_tried=(row.tried_loads, row.tried_project) == (row.present, project),
    )


@dataclass(frozen=True)
class _Begun:
    """What a build is made from.

    Attributes:
        begun_at: when; what was loaded before is in it.
        loads: as `_LOADS` says it.
        project: fingerprint of the dbt project.
        is_whole: the marts are of another project, or of none.
        is_tested: every test passed within a day.
    """

    begun_at: datetime
    loads: str
    project: str
    is_whole: bool
    is_tested: bool

    @property
    def arguments(self) -> list[str]:
        """What dbt is asked besides."""
        if self.is_whole:
            return ["--full-refresh"]
        return ["--indirect-selection", "empty", "--select", *_CYCLE] if self.is_tested else []


def _begin_build(engine: Engine) -> _Begun:
    """Note down which loads the build takes up, of which project it is, and that it was tried."""
    project = _fingerprint()
    with engine.begin() as connection:
        row = connection.execute(
            text(
                "update app.builds set tried_loads = ("
                + _LOADS
                + """), tried_project = :project
                returning now() as begun_at, tried_loads,
                    project <> :project or to_regclass('marts.sync_status') is null as is_whole,
                    coalesce(tested_at > now() - interval '1 day', false) as is_tested
            """
            ),
            {"project": project},
        ).one()
        connection.execute(
            text("""
                insert into app.built_loads (client, load_id, is_built)
                select client, load_id, false from raw.loads
                on conflict do nothing
            """)
        )
    return _Begun(row.begun_at, row.tried_loads, project, row.is_whole, row.is_tested)


def _remember_build(engine: Engine, built: _Begun) -> None:
    """Note down that the marts hold what the build took up; not what was asked to be built anew meanwhile."""
    with engine.begin() as connection:
        connection.execute(
            text("""
                update app.builds set
                    loads = :loads, project = :project, tested_at = case when :was_tested then tested_at else now() end,
                    built_at = :begun_at, failing_since = null, failed = ''
            """),
            {
                "begun_at": built.begun_at,
                "loads": built.loads,
                "project": built.project,
                "was_tested": built.is_tested and not built.is_whole,
            },
        )
        connection.execute(text("update app.built_loads set is_built = true where not is_built"))
        connection.execute(text("delete from app.built_campaigns"))
        connection.execute(
            text("""
                insert into app.built_campaigns (client, campaign_key, campaign)
                select client, campaign_key, campaign from intermediate.int_campaigns__known
            """)
        )


def _fingerprint() -> str:
    """Return what changes with every change of the dbt project."""
    digest = hashlib.sha256()
    for path in sorted(path for path in _project_files() if path.is_file()):
        digest.update(path.relative_to(PROJECT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def prepare_manifest(settings: Settings, progress: Progress | None = None) -> Path:
    """Return the path of `manifest.json`; parse the project first if there is none or it is outdated.

    Needs no database: the profile has defaults. The file is replaced at once, never seen half written.

    Raises:
        WarehouseError: the project cannot be parsed.
    """
    manifest = settings.uysp_home / "dbt" / "manifest.json"
    if manifest.exists() and manifest.stat().st_mtime >= max(path.stat().st_mtime for path in _project_files()):
        return manifest
    if progress:
        progress("Reading the dbt project (some seconds, once after each change of it)")
    manifest.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=manifest.parent, prefix="parse-") as folder:
        target = Path(folder)
        with suppress(FileNotFoundError):  # dbt sees for itself whether what a build has read still holds
            shutil.copy(settings.uysp_home / "dbt" / "target" / READ, target)
        result = _invoke(["parse"], settings, target, None)
        if not result.success:
            raise WarehouseError(f"The dbt project cannot be read: {_one_line(result.exception)}")
        shutil.move(target / "manifest.json", manifest)
    return manifest


def run_dbt(
    arguments: list[str], settings: Settings, engine: Engine, target: Path, progress: Progress | None = None
) -> "dbtRunnerResult":
    """Run one dbt command on the engine's database, its files going to `target`; failures stand in the result."""
    _set_connection(engine)
    return _invoke(arguments, settings, target, progress)


def _invoke(
    arguments: list[str],
    settings: Settings,
    target: Path,
    progress: Progress | None,
    on_built: Callable[[str], None] | None = None,
) -> "dbtRunnerResult":
    """Run one dbt command; `on_built` is called with the id of each model that was built."""
    set_environment({"DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "DO_NOT_TRACK": "1"})
    from dbt.cli.main import dbtRunner

    def report(event: "EventMsg") -> None:
        if event.info.name != "LogModelResult":
            return
        data = event.data
        if on_built and data.status not in FAILED:
            on_built(data.node_info.unique_id)
        if progress:
            ended = f"{data.status.lower()} {data.execution_time:.1f} s"
            progress(f"{data.index}/{data.total} {data.description} {ended}")

    places = {
        "project": PROJECT,
        "profiles": PROFILES,
        "target": target,
        "log": settings.uysp_home / "dbt" / "logs",
    }
    return dbtRunner(callbacks=[report]).invoke(
        [
            *arguments,
            *("--project-dir", str(places["project"]), "--profiles-dir", str(places["profiles"])),
            *("--target-path", str(places["target"]), "--log-path", str(places["log"])),
            *("--log-level", "none", "--log-level-file", "info", "--log-file-max-bytes", str(LOG_BYTES)),
            *("--no-use-colors", "--no-use-colors-file", "--no-version-check", "--partial-parse"),
        ]
    )


def _set_connection(engine: Engine) -> None:
    """Point the profile at the engine's database, under the role that the engine's own connections have."""
    url = engine.url
    with engine.connect() as connection:
        role = str(connection.execute(text("select current_user")).scalar_one())
    host = url.host or str(url.query.get("host", "localhost"))
    set_environment(
        _profile(host, url.port or 5432, url.username or role, url.password or "", url.database or "postgres", role)
        | {LIBPQ_VARIABLES[key]: str(value) for key, value in url.query.items() if key in LIBPQ_VARIABLES}
    )


def _profile(host: str, port: int, user: str, password: str, database: str, role: str) -> dict[str, str]:
    """Return what `dbt_project/profiles.yml` reads."""
    return {
        "UYSP_DBT_HOST": host,
        "UYSP_DBT_PORT": str(port),
        "UYSP_DBT_USER": user,
        "DBT_ENV_SECRET_UYSP_PASSWORD": password,
        "UYSP_DBT_DATABASE": database,
        "UYSP_DBT_ROLE": role,
    }


def _outcomes(results: "Iterable[NodeResult]") -> Iterable[NodeOutcome]:
    for result in results:
        is_test = result.node.unique_id.startswith("test.")
        affected = result.adapter_response.get("rows_affected")
        rows = result.failures if is_test else affected if isinstance(affected, int) and affected >= 0 else None
        yield NodeOutcome(
            result.node.unique_id, str(result.status), result.execution_time, rows, _one_line(result.message)
        )


def _project_files() -> Iterable[Path]:
    yield PROJECT / "dbt_project.yml"
    yield PROFILES
    for path in PROFILES.rglob("*"):
        if path.is_dir() or path.suffix in {".sql", ".yml", ".md", ".csv"}:
            yield path


def _name(unique_id: str) -> str:
    """Return what people call a node: `leads` for model.uysp.leads, `not_null_x` for test.uysp.not_null_x.1a2b."""
    return unique_id.split(".")[2]


def _one_line(said: object) -> str:
    """Return what dbt says without where it keeps its files and which of its macros called which."""
    line = " ".join(str(said or "no message").split())
    return re.split(r" compiled code at | > in macro ", line)[0]
