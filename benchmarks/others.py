"""Other tools that load an Airtable base into Postgres, each in an environment of its own: tap-airtable and dlt.

What they needed to load this base, which holds what real bases hold:

- tap-airtable with target-postgres. The tap calls every formula text, and passes on what Airtable answers: numbers and
  booleans, which the target refuses, so its validation is off (`validate_records`); and for a computation that failed
  an object, `{"error": "#ERROR!"}` or `{"specialValue": "NaN"}`, at which the target ends, "cannot adapt type 'dict'",
  once such a cell comes (in the sample, from some thousand leads on). Neither tool has an option for that, so `sed`
  between them makes such a cell null, as some vendors' loaders do; what it takes is not counted as theirs. NUL, which
  Postgres has no place for, the target replaces itself if asked (`sanitize_null_text_characters`). It writes by COPY
  (`use_copy`), its fastest way.
- dlt with pyairtable, as its verified source does. It takes a column's type from the values that come first, makes
  bigint of a count, and ends at a count of 1e300, "bigint out of range"; so it is told which columns are numbers
  (hints, `columns`). It writes by INSERT, its default: its other way, CSV and COPY, ends at NUL.
"""

import json
import subprocess
import venv
from pathlib import Path

from sqlalchemy.engine import make_url

from benchmarks.processes import Run, run
from uysp.settings import PROJECT, inherited_environment

PACKAGES = {
    "tap-airtable": ["tap-airtable==0.1.0", "meltanolabs-target-postgres==0.8.1"],
    "dlt": ["dlt[postgres]", "pyairtable>=3.5"],
}
SCHEMAS = {"tap-airtable": "peer_tap", "dlt": "peer_dlt"}
# Within a JSON string the quotes would be escaped, so this meets cells only.
FAILED_COMPUTATION = r':\{"(error|specialValue)":"[^"]*"\}'


def load(name: str, cache: Path, source: tuple[str, str, str], database: str, home: Path) -> Run:
    """Load a whole base with one of the tools.

    Args:
        name: of PACKAGES.
        cache: where the tools' environments are made and kept.
        source: Airtable's address, the token and the base's id.
        database: URL of the Postgres to load into.
        home: a folder for the tool's files.

    Raises:
        FailedError: the tool ended with an error.
    """
    tools = _environment(name, cache)
    return (_tap if name == "tap-airtable" else _dlt)(tools, source, database, home)


def _environment(name: str, cache: Path) -> Path:
    """Return the folder of executables of a tool's own environment, made if need be."""
    folder = cache / name
    if not (folder / "installed").exists():
        print(f"installing {' '.join(PACKAGES[name])}", flush=True)
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", *PACKAGES[name]], check=True)
        (folder / "installed").touch()
    return folder / "bin"


def _tap(tools: Path, source: tuple[str, str, str], database: str, home: Path) -> Run:
    url, token, base_id = source
    parts = make_url(database)
    reading, writing = home / "tap.json", home / "target.json"
    reading.write_text(json.dumps({"token": token, "base_ids": [base_id]}))
    writing.write_text(
        json.dumps(
            {
                "host": parts.host,
                "port": parts.port,
                "user": parts.username,
                "password": parts.password,
                "database": parts.database,
                "default_target_schema": SCHEMAS["tap-airtable"],
                "validate_records": False,
                "sanitize_null_text_characters": True,
                "use_copy": True,
            }
        )
    )
    script = str(PROJECT / "benchmarks" / "peers" / "tap.py")
    commands = {
        "tap-airtable": [str(tools / "python"), script, url, "--config", str(reading)],
        "sed": ["sed", "-E", f"s/{FAILED_COMPUTATION}/:null/g"],
        "target-postgres": [str(tools / "target-postgres"), "--config", str(writing)],
    }
    return run(commands, inherited_environment() | {"DO_NOT_TRACK": "1"}, filters=["sed"])


def _dlt(tools: Path, source: tuple[str, str, str], database: str, home: Path) -> Run:
    script = str(PROJECT / "benchmarks" / "peers" / "dlt_load.py")
    command = [str(tools / "python"), script, *source, database, str(home / "dlt")]
    quiet = {"RUNTIME__DLTHUB_TELEMETRY": "false", "DO_NOT_TRACK": "1"}
    return run({"dlt": command}, inherited_environment() | quiet)
