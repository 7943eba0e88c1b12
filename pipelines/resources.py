"""What assets need from the environment, as Dagster resources that hand out `uysp` objects; no logic of its own."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from pydantic import PrivateAttr
from sqlalchemy import Engine

from pipelines.liveness import working_on
from uysp.database import Role, open_database
from uysp.settings import Settings, load_settings


class Workplace(dg.ConfigurableResource["Workplace"]):
    """Settings and database for as long as a run lasts, and the sign that the run is being worked on."""

    _settings: Settings = PrivateAttr()
    _engine: Engine = PrivateAttr()

    @property
    def settings(self) -> Settings:
        """The settings, read when the run began."""
        return self._settings

    @property
    def engine(self) -> Engine:
        """The database under the pipeline's role."""
        return self._engine

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator["Workplace"]:
        """Open the database (starting the embedded one if nobody has), and let go of it after the last step."""
        if context.run is None:
            raise RuntimeError("a workplace belongs to a run")
        self._settings = load_settings()
        with (
            working_on(self._settings.uysp_home, context.run.run_id),
            open_database(self._settings, Role.PIPELINE) as engine,
        ):
            self._engine = engine
            yield self
