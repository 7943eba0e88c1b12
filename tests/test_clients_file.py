"""The clients file: what is wrong in it is said in words, with what to do, and no token of it is shown."""

from pathlib import Path

import pytest

from uysp.errors import ConfigurationError
from uysp.settings import Settings

TOKEN = "patAbCdEfGhIjKlMn.0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("T", TOKEN)
    return tmp_path / "clients.toml"


def refusal(file: Path, content: str | bytes) -> str:
    """Return what is said of a file with this content."""
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigurationError) as refused:
        _ = Settings(uysp_clients_file=file).clients
    said = str(refused.value)
    assert "Nothing was changed" in said
    assert said.count("\n") == 0
    return said


def section(key: str = "a", base: str = "appX", **settings: str) -> str:
    lines = {"base_id": base, "token_variable": "T"} | settings
    return f"[clients.{key}]\n" + "".join(f'{name} = "{value}"\n' for name, value in lines.items())


@pytest.mark.parametrize(
    "pasted", [TOKEN, TOKEN.partition(".")[0], TOKEN.partition(".")[2], "patX.1", "keyAbCdEfGhIjKlMn"]
)
def test_a_token_in_the_place_of_its_variable_is_not_shown(pasted: str, file: Path) -> None:
    said = refusal(file, section(token_variable=pasted))
    assert not [part for part in pasted.split(".") if len(part) > 1 and part in said.replace(str(file), "")]
    assert "clients.a" in said
    assert "AIRTABLE_TOKEN_A" in said


@pytest.mark.parametrize("name", ["MY TOKEN", "", "1ST", "TOKEN-A", "T\\nX", "TÖKEN"])
def test_what_is_no_name_of_a_variable_is_refused(name: str, file: Path) -> None:
    assert "token_variable is no name of a variable" in refusal(file, section(token_variable=name))


def test_a_variable_that_is_not_set_is_named_with_what_to_do(file: Path) -> None:
    said = refusal(file, section(token_variable="ACME_TOKEN"))
    assert "ACME_TOKEN, which is not set" in said
    assert "set it" in said
