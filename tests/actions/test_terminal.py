"""The writes in the terminal: they end when Airtable has confirmed, or say that the request is kept."""

import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from tests import commands
from tests.actions.world import ADMIN, Make, RealClock, World
from uysp import terminal
from uysp.actions.model import State
from uysp.actions.requests import await_receipt
from uysp.activity import Action, append
from uysp.cli import app
from uysp.errors import UyspError
from uysp.settings import PROJECT, inherited_environment


def environment(world: World) -> dict[str, str]:
    assert world.settings.database_url is not None
    return {
        "DATABASE_URL": world.settings.database_url.get_secret_value(),
        "AIRTABLE_ENDPOINT_URL": world.emulator.url,
        "AIRTABLE_API_KEY": "pat",
        "AIRTABLE_BASE_ID": world.base.id,
        "UYSP_CLIENT": world.client.key,
        "UYSP_AIRTABLE_RATE": "1000",
        "UYSP_ADMINS": ADMIN.id,
        "UYSP_HOME": str(world.settings.uysp_home),
        "PYTHONPATH": str(PROJECT),
    }


def uysp(world: World, *arguments: str, stdin: str = "", **more: str) -> "subprocess.CompletedProcess[str]":
    return commands.uysp(world.settings.uysp_home, *arguments, stdin=stdin, environment=environment(world) | more)


def run(*arguments: str) -> str:
    """Run a command in this process; it has to end well."""
    result = CliRunner().invoke(app, list(arguments))
    assert result.exit_code == 0, (arguments, result.output, result.exception)
    return result.output


@pytest.fixture
def here(real: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a command is that of this process."""
    for name, value in environment(real).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(real.settings.uysp_home)


@pytest.fixture
def real(make: Make) -> World:
    world = make()
    world.clock = RealClock()
    world.emulator.store.clock.source = world.clock
    Path(world.settings.uysp_home).mkdir(exist_ok=True)
    return world


def test_writes_end_when_airtable_has_confirmed(real: World, here: None) -> None:
    lead, twin = real.ids[:2]
    real.edit(twin, Phone=real.lead(lead)["Phone"], Last_Name=real.lead(lead)["Last Name"])
    real.sync()
    anna = ("--as", "anna@example.com")
    done = uysp(real, "note", lead, "--type", "call", *anna, stdin="first line\nsecond <b>line</b>\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Note added to Lea Number0. Reference " in done.stdout
    assert real.lead(lead)["Notes"].endswith(" - anna@example.com:\nfirst line\nsecond line")
    reference = done.stdout.split("Reference ")[1].strip(" .\n")
    run("undo", reference, *anna)
    assert "Notes" not in real.lead(lead)
    run("remove", lead, "--reason", "Not a fit", "--as", "U0ANNA")
    assert real.lead(twin)["SMS Stop"] is True, "of the same phone and name: removed by default"
    run("claim", twin, *anna)
    assert real.lead(twin)["Claimed By"] == "anna@example.com"
    run("unclaim", twin, *anna)
    run("mark", twin, "manual process", "--reason", "to be called")
    assert real.lead(twin)["HRQ Status"] == "Manual Process"
    assert "LEAD_REMOVED_FROM_CAMPAIGN" in run("history", lead, "--csv", "--as", ADMIN.id)
    lines = run("history", reference, "--csv", "--as", ADMIN.id)
    assert reference in lines
    assert "LEAD_REMOVED_FROM_CAMPAIGN" not in lines


def test_an_admins_file_of_the_log_has_refusals_also_of_strangers(real: World, here: None) -> None:
    with real.engine.begin() as connection:
        for stranger, client in (("U0STRANGER", None), ("U0GUEST", real.client.key)):
            append(connection, Action.ACCESS_DENIED, actor_id=stranger, client=client, outcome="denied")
    whole = run("history", "--csv", "--as", ADMIN.id)
    assert whole.count("ACCESS_DENIED") == 2
    assert "U0STRANGER" in whole
    assert "U0STRANGER" not in run("history", "--csv", "--client", real.client.key, "--as", ADMIN.id)


def test_records_of_the_phone_that_a_removal_leaves_out_are_named(real: World, here: None) -> None:
    lead, other, third = real.ids[:3]
    real.edit(other, Phone=real.lead(lead)["Phone"], Last_Name="Roe")
    real.sync()
    removed = CliRunner().invoke(app, ["remove", lead, "--reason", "Not a fit"])
    assert "SMS Stop" not in real.lead(other)
    assert f"1 other record with the same phone is left out of this removal: Lea Roe ({other})." in removed.stderr
    assert "uysp remove" in removed.stderr
    assert removed.stdout.count("\n") == 1
    assert "left out" not in CliRunner().invoke(app, ["remove", third, "--reason", "Not a fit"]).stderr


def test_what_airtable_does_not_confirm_is_kept_and_said(
    real: World, here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead = real.ids[0]
    real.emulator.fail(times=None, drop="before")
    monkeypatch.setattr(terminal, "write", partial(terminal.write, seconds=1))
    done = CliRunner().invoke(app, ["remove", lead, "--reason", "Not a fit", "--only-this"])
    assert done.exit_code == 3
    assert "NOT stopped yet" in done.stderr
    real.emulator.heal()
    with real.engine.begin() as connection:
        connection.execute(text("update app.write_requests set next_attempt_at = now()"))
    while real.count("app.write_requests where state = 'pending'"):
        real.work()
    assert real.lead(lead)["SMS Stop"] is True


def test_the_writer_of_uysp_up_finishes_what_is_pending_and_ends_cleanly(real: World) -> None:
    reference = real.ask(real.note(real.ids[0], "left over")).reference
    process = subprocess.Popen(
        [sys.executable, "-m", "uysp", "writer"],
        cwd=real.settings.uysp_home,
        env=inherited_environment() | environment(real),
        stderr=subprocess.DEVNULL,
    )
    try:
        assert await_receipt(real.engine, real.settings, reference, 60).state is State.DONE
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()


MISTAKES = (
    (("note", "recDoesNotExist01", "x"), "No lead found"),
    (("note", "LEAD", "x", "--type", "Poem"), "no note type"),
    (("remove", "LEAD", "--reason", "<p>"), "empty"),
    (("mark", "LEAD", "Great"), "no status"),
    (("claim", "LEAD", "--as", "U0ANNA"), "email"),
    (("claim", "LEAD", "--as", "a@b.c", "--override"), "Only admins"),
    (("undo", "DEADBEEF"), "no action"),
    (("history", "--csv"), "Only admins may do this (UYSP_ADMINS); no file was made."),
    (("note", "LEAD", "x", "--as", "U0BEN"), "UYSP_WRITERS"),
)


def test_mistakes_are_one_clear_sentence_and_write_nothing(
    real: World, here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead = real.ids[0]
    for arguments, words in MISTAKES:
        monkeypatch.setenv("UYSP_WRITERS", "U0ANNA" if words == "UYSP_WRITERS" else "")
        result = CliRunner().invoke(app, [lead if each == "LEAD" else each for each in arguments])
        assert isinstance(result.exception, UyspError), (arguments, result.output)
        assert words in str(result.exception)
    assert real.count("app.write_requests") == 0


def test_the_doctor_offers_to_create_the_field_for_notes(make: Make) -> None:
    world = make(lacking="Notes")
    Path(world.settings.uysp_home).mkdir(exist_ok=True)
    asked = uysp(world, "doctor", "--fix")
    assert "was not created" in asked.stdout, "nobody is there to agree"
    assert "without a terminal; add --yes" in asked.stdout
    assert "uysp doctor --fix" in asked.stdout
    fixed = uysp(world, "doctor", "--fix", "--yes")
    assert "is created" in fixed.stdout
    assert world.base.tables[0].field_named("Notes") is not None
    world.do(world.note(world.ids[0], "at last"))
    assert world.lead(world.ids[0])["Notes"].endswith("at last")
