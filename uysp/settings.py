"""All configuration, typed; the only module that reads or writes the process environment.

Source of every variable: spec/interface.md, section Environment. `.env.example` is generated from here
(`python -m uysp.settings > .env.example`) and a test compares the two.
"""

import io
import os
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import (
    AfterValidator,
    Field,
    PrivateAttr,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from uysp.clients_file import check_base_id, client_key, known_timezone, read_clients_file
from uysp.errors import ConfigurationError

PROJECT = Path(__file__).resolve().parent.parent
AIRTABLE_URL = "https://api.airtable.com"
AIRTABLE_SHARED_RATE = 5  # requests a second that Airtable allows on one base, all integrations together

_WEB_ADDRESS = re.compile(r"https?://[^\s/?#]+[^\s?#]*")

CommaList = Annotated[list[str], NoDecode]


@dataclass(frozen=True)
class Client:
    """One client of ours: an Airtable base and how it differs from the others.

    Attributes:
        key: the value of `client` in every table.
        credential_variable: where the token was set, for messages about it.
        field_names: canonical field name to this base's own name for it.
        slack_channels: Slack channel ids that belong to this client; empty: all.
        slack_user_groups: Slack user groups whose members may see it; empty: all.
    """

    key: str
    name: str
    base_id: str
    token: SecretStr
    timezone: str = "UTC"
    slack_channels: tuple[str, ...] = ()
    slack_user_groups: tuple[str, ...] = ()
    field_names: dict[str, str] = field(default_factory=dict)
    credential_variable: str = "AIRTABLE_API_KEY"


class Settings(BaseSettings):
    """The environment, read from the process and from `.env` (the process wins)."""

    model_config = SettingsConfigDict(env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore")

    database_url: SecretStr | None = Field(
        None,
        description="Postgres (15 or newer, UTF-8) whose login owns all. Unset: an embedded Postgres under UYSP_HOME.",
    )
    uysp_home: Path = Field(
        PROJECT / ".uysp",
        description="Where state lives (embedded database, Dagster home). Default: .uysp in the project.",
    )
    airtable_api_key: SecretStr | None = Field(
        None,
        description="Token of a single client (scopes data.records:read, data.records:write, schema.bases:read, "
        "webhook:manage).",
    )
    airtable_base_id: str | None = Field(None, description="Base of a single client: app followed by 14 characters.")
    uysp_client: Annotated[str, AfterValidator(client_key)] = Field(
        "uysp",
        description="Key of the single client, seen in every table as `client`.",
    )
    uysp_clients_file: Path | None = Field(
        None, description="TOML file with several clients, instead of the two above."
    )
    airtable_endpoint_url: str | None = Field(
        None, description="Another Airtable endpoint (a proxy). Default: Airtable's own."
    )
    slack_bot_token: SecretStr | None = Field(None, description="Bot token (xoxb-...); without it no bot is started.")
    slack_app_token: SecretStr | None = Field(None, description="App token (xapp-...): the bot uses Socket Mode.")
    slack_signing_secret: SecretStr | None = Field(
        None, description="Signing secret: the bot takes signed HTTP on PORT at /slack/events."
    )
    port: int = Field(3000, ge=0, le=65535, description="Port of /slack/events and /healthz.")
    slack_api_url: str = Field("https://slack.com/api/", description="Base URL of the Slack Web API.")
    uysp_timezone: Annotated[str, AfterValidator(known_timezone)] = Field(
        "UTC", description="Time zone of the single client's days."
    )
    uysp_internal_campaigns: CommaList = Field(
        ["call_booked"], description="Campaigns that are no outreach, separated by commas."
    )
    uysp_airtable_rate: float = Field(
        3,
        gt=0,
        description="Requests a second that background reads may use; over 5 only with AIRTABLE_ENDPOINT_URL.",
    )
    uysp_airtable_monthly_calls: int | None = Field(
        None, gt=0, description="Calls a month that the workspace's plan allows us. Unset: no cap."
    )
    uysp_writers: CommaList = Field(
        [], description="Slack user ids or user-group handles that may write. Unset: any full member."
    )
    uysp_admins: CommaList = Field(
        [], description="Slack user ids or user-group handles that administer. Unset: nobody."
    )
    uysp_writes_per_minute: int = Field(10, gt=0, description="Writes that one person may ask for in a minute.")

    @field_validator("uysp_internal_campaigns", "uysp_writers", "uysp_admins", mode="before")
    @classmethod
    def _split_commas(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("airtable_endpoint_url", "slack_api_url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is not None and not _WEB_ADDRESS.fullmatch(value):
            raise ValueError("it is no web address; write https://HOST or http://HOST:PORT")
        return value

    @field_validator("uysp_home", "uysp_clients_file")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else (PROJECT / value.expanduser()).resolve()

    @model_validator(mode="after")
    def _shared_rate(self) -> "Settings":
        if self.uysp_airtable_rate > AIRTABLE_SHARED_RATE and self.airtable_endpoint_url is None:
            message = f"is above Airtable's limit of {AIRTABLE_SHARED_RATE} a second"
            raise ValueError(f"UYSP_AIRTABLE_RATE {message}")
        return self

    _env_files: list[Path] = PrivateAttr(default_factory=list)

    @property
    def airtable_url(self) -> str:
        """Where Airtable is asked."""
        return self.airtable_endpoint_url or AIRTABLE_URL

    @cached_property
    def clients(self) -> tuple[Client, ...]:
        """All configured clients, in the order of their keys; empty when none is configured.

        Raises:
            ConfigurationError: half a configuration, or a clients file that cannot be read.
        """
        if self.uysp_clients_file is not None:
            return self._clients_from_file(self.uysp_clients_file)
        if self.airtable_api_key is None and self.airtable_base_id is None:
            return ()
        if self.airtable_api_key is None or self.airtable_base_id is None:
            missing = "AIRTABLE_API_KEY" if self.airtable_api_key is None else "AIRTABLE_BASE_ID"
            raise ConfigurationError(
                f"{missing} is not set, so no base can be read; set it in the environment or in .env."
            )
        check_base_id("AIRTABLE_BASE_ID", self.airtable_base_id)
        return (
            Client(
                self.uysp_client,
                self.uysp_client,
                self.airtable_base_id,
                self.airtable_api_key,
                self.uysp_timezone,
            ),
        )

    def _clients_from_file(self, path: Path) -> tuple[Client, ...]:
        variables = self._variables()
        return tuple(
            Client(
                key=key,
                name=section.name or key,
                base_id=section.base_id,
                token=SecretStr(variables[section.token_variable]),
                timezone=section.timezone,
                slack_channels=tuple(section.slack_channels),
                slack_user_groups=tuple(section.slack_user_groups),
                field_names=section.field_names,
                credential_variable=section.token_variable,
            )
            for key, section in sorted(read_clients_file(path, variables).items())
        )

    def _variables(self) -> dict[str, str]:
        """Everything set in `.env` and the process, for tokens whose variables the clients file names."""
        variables: dict[str, str] = {}
        for path in self._env_files:
            variables |= {name: value for name, value in dotenv_values(path).items() if value}
        return variables | {name: value for name, value in inherited_environment().items() if value}


def load_settings() -> Settings:
    """Read the environment and `.env` (of the project, then of the working directory, the latter wins).

    Raises:
        ConfigurationError: a variable, or a line of `.env`, that cannot be read; the message names it, never its value.
    """
    files = [path for path in dict.fromkeys((PROJECT / ".env", Path.cwd() / ".env")) if path.exists()]
    for path in files:
        _check_env_file(path)
    try:
        settings = Settings(_env_file=files)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = ".".join(str(part) for part in first["loc"]).upper()
        said = first["msg"].removeprefix("Value error, ")
        what = said if not name else f"{name} cannot be used: {said}"
        raise ConfigurationError(f"{what}. Nothing was changed; correct it in the environment or in .env.") from None
    settings._env_files = files
    return settings


def set_environment(variables: dict[str, str]) -> None:
    """Set variables for libraries that can only be configured through the environment (dbt, Dagster)."""
    os.environ.update(variables)  # noqa: TID251 (this module is the one place)


def inherited_environment() -> dict[str, str]:
    """Return a copy of the environment, for processes that we start."""
    return dict(os.environ)  # noqa: TID251 (this module is the one place)


def _check_env_file(path: Path) -> None:
    """Refuse lines that dotenv would skip with a mere warning: a typing error there is a setting lost."""
    try:
        bindings = list(parse_stream(io.StringIO(path.read_text(encoding="utf-8"))))
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8 text; correct or remove it. Nothing was changed.") from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}. Nothing was changed.") from None
    for binding in bindings:
        if binding.error or (binding.key is not None and binding.value is None):
            raise ConfigurationError(
                f"Line {binding.original.line} of {path} is not NAME=value; correct or remove it. Nothing was changed."
            )


def env_example() -> str:
    """Return the text of `.env.example`: every variable once, with a comment and its default."""
    lines = ["# Copy to .env and fill in what you need. Everything is optional."]
    for name, info in Settings.model_fields.items():
        default = info.get_default()
        shown = ",".join(default) if isinstance(default, list) else "" if default is None else str(default)
        shown = shown.removeprefix(f"{PROJECT}/")
        lines += ["", f"# {info.description}", f"# {name.upper()}={shown}"]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(env_example(), end="")
