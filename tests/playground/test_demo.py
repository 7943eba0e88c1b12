"""The demo's own parts: what another terminal needs, and ports that two demos do not take from each other."""

import socket
import subprocess
from pathlib import Path

from playground import demo
from playground.slack.workspace import DEFAULT_PEOPLE


def test_a_shell_reads_what_a_terminal_needs(tmp_path: Path) -> None:
    file = tmp_path / demo.ENVIRONMENT_FILE
    variables = {"UYSP_HOME": str(tmp_path / "a 'home'"), "UYSP_ADMINS": demo.ADMIN}
    demo._write_environment(file, variables)
    shown = subprocess.run(["sh", "-c", f". '{file}' && env"], check=True, capture_output=True, text=True).stdout
    assert {f"{name}={value}" for name, value in variables.items()} <= set(shown.splitlines())
    assert file.stat().st_mode & 0o077 == 0
    told = demo._where_to_look("http://127.0.0.1:1", "http://127.0.0.1:2", tmp_path, "Jane Doe", 1)
    assert f". {file}" in told
    assert "ada@example.invalid" in {person.email for person in DEFAULT_PEOPLE}


def test_two_demos_that_start_at_once_take_different_ports(tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = int(probe.getsockname()[1])
    first, second = demo.Ports(tmp_path), demo.Ports(tmp_path)
    assert first.take(free) == free
    assert second.take(free) not in (free, 0)
    with socket.socket() as used:
        used.bind(("127.0.0.1", 0))
        used.listen()
        port = int(used.getsockname()[1])
        assert first.take(port) != port
