"""The clients file: what is wrong in it is said in words, with what to do, and no token of it is shown."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from uysp.errors import ConfigurationError
from uysp.settings import Settings, load_settings

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


@pytest.mark.parametrize(
    "base", ["nope", "app", TOKEN, "tblAbCdEfGhIjKlMn", "appAbC/tblX", "app AbC", "https://airtable.com/appX"]
)
def test_what_is_no_base_id_is_refused_before_anything_is_asked(base: str, file: Path) -> None:
    told = [refusal(file, section(base=base))]
    with pytest.raises(ConfigurationError) as refused:
        _ = Settings(airtable_api_key=SecretStr("pat"), airtable_base_id=base).clients
    told.append(str(refused.value))
    assert ["clients.a" in told[0], told[1].startswith("AIRTABLE_BASE_ID")] == [True, True]
    for said in told:
        assert "app followed by 14" in said
        assert "Nothing was changed" in said
        assert base == "app" or base not in said
    assert refused.value.exit_status == 2


WRONG_NAMES = {
    "there is no such field": ('"Nonsense" = "No Such Field"', ["'Nonsense'", "no field that is read here"]),
    "another spelling of one": ('"company" = "Firma"', ["'company'", "did you mean 'Company'"]),
    "one field for two": ('"Company" = "Firma"\n"Job Title" = "Firma"', ["'Company'", "'Job Title'", "'Firma'"]),
    "the field of another": ('"Company" = "Email"', ["'Company'", "'Email'", "another field"]),
    "in a table of messages": ('"Text" = "Status"', ["'Text'", "'Status'"]),
    "no name": ('"Company" = ""', ["'Company'", "empty"]),
}


@pytest.mark.parametrize(("names", "words"), WRONG_NAMES.values(), ids=WRONG_NAMES)
def test_names_of_fields_that_would_mix_up_cells_are_refused(names: str, words: list[str], file: Path) -> None:
    said = refusal(file, section() + f"[clients.a.fields]\n{names}\n")
    for word in ["clients.a.fields", *words]:
        assert word in said


def test_names_of_fields_that_are_clear_are_taken(file: Path) -> None:
    names = {
        "Company": "Job Title",  # which another one replaces
        "Job Title": "Firma",
        "Email": "Email",
        "Text": "Notes",  # of different tables
        "Event": "Firma",
        "HRQ Reason": "Why",  # is written only
        "Phone": "Telefon",  # of two tables
    }
    lines = "".join(f'"{name}" = "{own}"\n' for name, own in names.items())
    file.write_text(section() + f"[clients.a.fields]\n{lines}")
    (client,) = Settings(uysp_clients_file=file).clients
    assert client.field_names == names


WRONG_FILES = {
    "a misspelt setting": ('[clients.a]\nbase_id="appX"\ntoken_variabl="T"', ["'token_variabl'", "'token_variable'"]),
    "an unknown setting": ('[clients.a]\nbase_id="appX"\ntoken_variable="T"\nzzz=1', ["'zzz'", "there are base_id"]),
    "a missing setting": ('[clients.a]\nbase_id="appX"', ["token_variable is missing", "write it"]),
    "nothing": ("", ["no client", "[clients.KEY]", "docs/add-a-client.md"]),
    "no client": ("[clients]", ["no client", "[clients.KEY]", "docs/add-a-client.md"]),
    "a misspelt section": (section().replace("clients", "client"), ["'client'", "[clients.KEY]"]),
    "a key with a blank": ("[clients.'a b']", ["'a b'", "letters, digits, - and _"]),
    "a number for text": ('[clients.a]\nbase_id=5\ntoken_variable="T"', ["clients.a.base_id", "text in double quotes"]),
    "text for a list": (section(slack_channels="C1"), ["clients.a.slack_channels", "a list"]),
    "a number for a section": ("clients = 3", ["clients", "section"]),
    "no name": (section() + '[clients.a.fields]\n"Company" = 3', ["clients.a.fields.Company", "text in double quotes"]),
    "no TOML": ("[clients.a]\nbase_id = appX", ["line 2", "double quotes"]),
    "no text": (b"\xff", ["UTF-8"]),
}


@pytest.mark.parametrize(("content", "words"), WRONG_FILES.values(), ids=WRONG_FILES)
def test_what_is_wrong_is_said_in_words_with_what_to_do(content: str | bytes, words: list[str], file: Path) -> None:
    said = refusal(file, content)
    for word in [str(file), *words]:
        assert word in said
    for foreign in ("Field required", "codec", "Errno", "pattern", "String should", "Input should"):
        assert foreign not in said


def test_a_file_that_is_not_there_or_cannot_be_read_is_told_with_what_to_do(file: Path) -> None:
    for path, word in ((file, "does not exist"), (file.parent, "is a folder")):
        with pytest.raises(ConfigurationError) as refused:
            _ = Settings(uysp_clients_file=path).clients
        said = str(refused.value)
        assert f"{path} (UYSP_CLIENTS_FILE) {word}" in said
        assert "docs/add-a-client.md" in said
        assert "Nothing was changed" in said
        assert "Errno" not in said


def test_a_refused_token_is_told_by_the_name_of_its_variable(file: Path) -> None:
    file.write_text(section())
    (client,) = Settings(uysp_clients_file=file).clients
    assert client.credential_variable == "T"
    (single,) = Settings(airtable_api_key=SecretStr("pat"), airtable_base_id="appX").clients
    assert single.credential_variable == "AIRTABLE_API_KEY"


@pytest.mark.parametrize("key", ["a b", "-a", "k" * 64])
def test_a_key_that_is_none_is_told_in_words(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UYSP_CLIENT", key)
    with pytest.raises(ConfigurationError) as refused:
        load_settings()
    assert str(refused.value).startswith("UYSP_CLIENT cannot be used: ")
    assert "letters, digits, - and _" in str(refused.value)
