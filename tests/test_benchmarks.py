"""What the benchmarks measure with: each process alone, and the reason when one fails."""

import sys

import pytest

from benchmarks.processes import FailedError, last_error, run
from uysp.settings import inherited_environment

ENVIRONMENT = inherited_environment()
HOLD_MEMORY = "import sys; held = bytearray(80_000_000); sys.stdout.write(sys.stdin.read())"


def test_a_process_is_measured_without_the_memory_of_who_started_it() -> None:
    held = bytearray(200_000_000)
    done = run({"small": ["sed", "p", "/dev/null"]}, ENVIRONMENT)
    assert len(held) / 2**20 > 100 > done.peak > 0


def test_what_filters_take_is_kept_apart() -> None:
    commands = {
        "first": ["echo", "a"],
        "filter": [sys.executable, "-c", HOLD_MEMORY],
        "last": ["sed", "s/a/b/"],
    }
    done = run(commands, ENVIRONMENT, filters=["filter"])
    (between,) = done.filters
    assert (done.output, len(done.measured)) == ("b\n", 2)
    assert done.peak < between.peak > 76


def test_of_a_pipeline_the_one_that_failed_is_named_not_who_lost_its_reader() -> None:
    commands = {
        "endless": ["yes"],
        "refusing": [sys.executable, "-c", "input(); raise ValueError('no such thing')"],
    }
    with pytest.raises(FailedError, match=r"^refusing ended with 1: ValueError: no such thing$"):
        run(commands, ENVIRONMENT)


def test_the_line_that_names_the_error_is_found_among_what_follows_it() -> None:
    complaints = """
        2026-11-26 06:48:09,339 | ERROR    | target-postgres | (psycopg.ProgrammingError) cannot adapt type 'dict'
        [parameters: {'icp_score': {'error': '#ERROR!'}, 'last_error_at': None}]
        (Background on this error at: https://example.com)
    """
    assert last_error(complaints).endswith("(psycopg.ProgrammingError) cannot adapt type 'dict'")
    assert last_error("one\ntwo\n") == "two"
