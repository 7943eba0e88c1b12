"""The clients file (UYSP_CLIENTS_FILE): a TOML section for each client; what is wrong in it is said in one sentence.

Nothing that may be a token is repeated in a message: people paste them where the name of their variable belongs.
"""

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from uysp.errors import ConfigurationError

HOW = "docs/add-a-client.md"

# By pydantic's names of errors: what stands where something else belongs.
_WANTED = {
    "string_type": "text in double quotes",
    "list_type": 'a list of texts, such as ["C0123456789"]',
    "dict_type": "a section with lines of its own",
    "model_type": "a section with lines of its own",
}

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BASE_ID = re.compile(r"app[A-Za-z0-9]+")  # of any length, because emulators may have shorter ones
_MAY_BE_SECRET = re.compile(r"(pat|key)[A-Za-z0-9]{14,}|.*[0-9a-f]{32}.*")  # both halves of a token, and older keys


def check_base_id(name: str, base_id: str) -> None:
    """Refuse what Airtable would only refuse after several attempts; `name` says where it stands.

    Raises:
        ConfigurationError: it is no base's id.
    """
    if not _BASE_ID.fullmatch(base_id):
        raise ConfigurationError(
            f"{name} is no id of a base (app followed by 14 letters and digits, as the base's address in the browser "
            "has it). Nothing was changed; correct it."
        )


def known_timezone(name: str) -> str:
    """Refuse what is no IANA time zone such as America/New_York."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone; use a name such as America/New_York") from None
    return name


def client_key(key: str) -> str:
    """Refuse what is no key of a client."""
    if not _KEY.fullmatch(key):
        raise ValueError(
            f"{key!r} is no key of a client: a key is letters, digits, - and _, begins with a letter or digit, and has "
            "63 characters at most"
        )
    return key


class ClientSection(BaseModel):
    """A [clients.KEY] section of the clients file."""

    model_config = ConfigDict(extra="forbid", strict=True)

    base_id: str
    token_variable: str
    name: str | None = None
    timezone: Annotated[str, AfterValidator(known_timezone)] = "UTC"
    slack_channels: list[str] = []
    slack_user_groups: list[str] = []
    field_names: dict[str, str] = Field(default={}, alias="fields")


class _ClientsFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    clients: dict[Annotated[str, AfterValidator(client_key)], ClientSection] = Field(min_length=1)


def read_clients_file(path: Path, variables: Mapping[str, str]) -> dict[str, ClientSection]:
    """Return the sections of the file by client key.

    Args:
        path: of the file.
        variables: everything set in the environment and in `.env`, for the tokens.

    Raises:
        ConfigurationError: it cannot be read, or something in it is wrong.
    """
    document = _toml(path)
    try:
        sections = _ClientsFile.model_validate(document).clients
    except ValidationError as error:
        said = _said(error.errors(include_input=False, include_url=False))
        raise ConfigurationError(f"The clients file {path}: {said}. Nothing was changed.") from None
    bases: dict[str, str] = {}
    for key, section in sections.items():
        check_base_id(f"[clients.{key}] in {path}: base_id", section.base_id)
        _check_variable(path, key, section.token_variable, variables)
        if section.base_id in bases:
            raise ConfigurationError(
                f"The clients {bases[section.base_id]} and {key} in {path} have the same base, so everything would "
                "count twice; remove one. Nothing was changed."
            )
        bases[section.base_id] = key
        _check_names(path, key, section.field_names)
    return sections


def _toml(path: Path) -> dict[str, Any]:
    what_to_do = f"Nothing was changed; {HOW} says what stands in it."
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        said = f"The clients file {path} is no UTF-8 text"
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"line \d+, column \d+", str(error))
        said = f"The clients file {path} is no TOML {f'from {place[0]} on' if place else 'at its end'}"
        what_to_do = f"Text stands in double quotes, a section's name in brackets. {what_to_do}"
    except FileNotFoundError:
        said = f"The clients file {path} (UYSP_CLIENTS_FILE) does not exist"
    except IsADirectoryError:
        said = f"The clients file {path} (UYSP_CLIENTS_FILE) is a folder"
    except OSError as error:
        said = f"The clients file {path} (UYSP_CLIENTS_FILE) cannot be read: {error.strerror}"
    raise ConfigurationError(f"{said}. {what_to_do}")


def _said(errors: Sequence[ErrorDetails]) -> str:
    """Return the first error in words; a misspelt setting is told before the one that is therefore missing."""
    first = next((error for error in errors if error["type"] == "extra_forbidden"), errors[0])
    place, kind = [str(part) for part in first["loc"]], first["type"]
    where, last = ".".join(part for part in place if part != "[key]"), place[-1]
    if kind == "extra_forbidden" and len(place) == 1:
        return f"{last!r} is no section that is read; write [clients.KEY]"
    if kind == "extra_forbidden":
        names = [info.alias or name for name, info in ClientSection.model_fields.items()]
        near = difflib.get_close_matches(last, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
        return f"[{where.rpartition('.')[0]}] has no setting {last!r}; {hint}"
    if place == ["clients"] and kind in {"missing", "too_short"}:
        return f"no client stands in it; write a section [clients.KEY] for each, as {HOW} shows"
    if kind == "missing":
        return f"[{where.rpartition('.')[0]}]: {last} is missing; write it, as {HOW} shows"
    if kind in _WANTED:
        return f"{where} has to be {_WANTED[kind]}"
    return f"{where}: {first['msg'].removeprefix('Value error, ')}"


def _check_variable(path: Path, key: str, name: str, variables: Mapping[str, str]) -> None:
    if not _VARIABLE.fullmatch(name) or _MAY_BE_SECRET.fullmatch(name):
        suggested = f"AIRTABLE_TOKEN_{key.replace('-', '_').upper()}"
        raise ConfigurationError(
            f"[clients.{key}] in {path}: token_variable is no name of a variable (letters, digits and underscores; not "
            "the token itself, which does not belong in this file). Nothing was changed; set a variable such as "
            f"{suggested} to the token, in the environment or in .env, and name that."
        )
    if not variables.get(name):
        raise ConfigurationError(
            f"[clients.{key}] in {path} names the variable {name}, which is not set. Nothing was changed; set it to "
            "the client's token, in the environment or in .env."
        )


def _check_names(path: Path, key: str, names: Mapping[str, str]) -> None:
    """Refuse names that would leave an entry without effect, or read one field's cells as another's."""
    from uysp.airtable.fields import TABLES, canonical_names  # which imports the settings, and they this module

    of_tables = [canonical_names(source_table) for source_table in TABLES]
    known = set().union(*of_tables)

    def refused(what: str) -> ConfigurationError:
        return ConfigurationError(f"[clients.{key}.fields] in {path}: {what}. Nothing was changed.")

    for name, own in names.items():
        if name not in known:
            alike = {each.casefold(): each for each in sorted(known)}
            near = difflib.get_close_matches(name.casefold(), alike, n=1)
            hint = f"; did you mean {alike[near[0]]!r}?" if near else ", so remove the line"
            raise refused(f"{name!r} is no field that is read here{hint}")
        if not own.strip():
            raise refused(f"the base's own name for {name!r} is empty; write it, or remove the line")
    for of_table in of_tables:
        named: dict[str, str] = {}
        for name, own in names.items():
            if name not in of_table:
                continue
            if own in named:
                raise refused(
                    f"{named[own]!r} and {name!r} are both to be read from the base's field {own!r}; one of the two "
                    "lines is wrong"
                )
            if own in of_table - names.keys():
                raise refused(
                    f"{name!r} is to be read from {own!r}, which is another field's name; correct the line, or say by "
                    f"which name {own!r} itself goes in the base"
                )
            named[own] = name
