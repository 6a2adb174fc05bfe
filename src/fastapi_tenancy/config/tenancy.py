"""Every setting with its default, read from arguments, the environment and the project's files."""

from __future__ import annotations

import os
from typing import Any, ClassVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from fastapi_tenancy.config.encryption import EncryptionSettings
from fastapi_tenancy.config.resolution import ResolutionSettings
from fastapi_tenancy.config.revisions import RevisionSettings
from fastapi_tenancy.config.rls import RlsSettings
from fastapi_tenancy.config.runs import RunSettings
from fastapi_tenancy.config.sessions import SessionSettings
from fastapi_tenancy.config.shards import ShardsSettings
from fastapi_tenancy.config.tenants import TenantSettings
from fastapi_tenancy.config.tracks import TracksSettings
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.settings import (
    FILES,
    settings_in,
    settings_of,
    shown,
    unknown,
    working_directory,
)

_PREFIX = "TENANCY_"
_URLS = ("database_url", "catalogue_url", "database_url_template")
_IN_TABLES = {
    "extra_forbidden": "is not a setting that such a table has",
    "missing": "is missing, and has to be there",
}
"""What is said of a setting in a table, by pydantic's type of the error."""
_EXPECTED = {
    "tuple_type": "expected names: a list, or a text in which commas separate them",
    "dict_type": "expected a table, with a table of settings for each name",
    "model_type": "expected a table of settings",
    "path_type": "expected a path as text",
}
"""What is said where pydantic speaks of Python's types."""


class TenancyConfig(
    RevisionSettings,
    ResolutionSettings,
    SessionSettings,
    TracksSettings,
    ShardsSettings,
    RunSettings,
    EncryptionSettings,
    RlsSettings,
    TenantSettings,
    BaseSettings,
):
    """The settings of a project; ``TenancyConfig()`` works where nothing is configured.

    The first of these that names a setting decides: arguments (None is the same as not given),
    ``TENANCY_*`` environment variables, then ``tenancy.toml`` and ``[tool.tenancy]`` of
    ``pyproject.toml`` in the working directory (which may not contradict each other).

    Raises:
        ConfigurationError: an unknown setting, or a value that cannot be used; passwords masked.
    """

    model_config: ClassVar[SettingsConfigDict] = SettingsConfigDict(
        env_prefix=_PREFIX,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        validate_default=False,
    )

    def __init__(self, **values: Any) -> None:
        given = {key: value for key, value in values.items() if value is not None}
        _require_urls_filled_in(given)
        try:
            super().__init__(**given)
        except ValidationError as exc:
            # `from None`: pydantic's own error would show the values, passwords included.
            problems = [_problem(error, given) for error in exc.errors(include_url=False)]
            raise ConfigurationError("\n".join(filter(None, problems))) from None
        except SettingsError as exc:
            # Of JSON that is none; `from None`, because it holds the text.
            raise ConfigurationError(_not_json(str(exc))) from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the files of the working directory."""
        files = settings_of(working_directory(), frozenset(cls.model_fields))
        return init_settings, env_settings, InitSettingsSource(settings_cls, files)


def _require_urls_filled_in(arguments: dict[str, Any]) -> None:
    """An empty URL is a secret that was not there when it was filled in, and no wish for none.

    Raises:
        ConfigurationError: the variable of a URL is set and empty, and no argument says it.
    """
    names = {_PREFIX + name.upper(): name for name in _URLS if name not in arguments}
    for variable, value in os.environ.items():
        if variable.upper() in names and not value.strip():
            raise ConfigurationError(
                f"the environment variable {variable} is set, but empty: a secret that is"
                " missing where it is filled in, perhaps. Give it a URL, or take it away (unset"
                f" {variable})"
            )


def _problem(error: ErrorDetails, arguments: dict[str, Any]) -> str:
    if error["type"] == "default_factory_not_called":
        return ""  # catalogue_url could not follow a database_url that has its own problem
    key = str(error["loc"][0]) if error["loc"] else ""
    if not key:
        return error["msg"]
    if error["type"] == "extra_forbidden" and len(error["loc"]) == 1:
        return unknown(key, "an argument", frozenset(TenancyConfig.model_fields))
    where = _where(key, arguments, ".".join(map(str, error["loc"])))
    nested = _IN_TABLES.get(error["type"])
    if nested is not None and len(error["loc"]) > 1:
        return f"{where} {nested}"
    if error["type"] in ("database_url", "secret"):  # their values are not shown
        return f"{where}: {error['msg']}"
    said = _EXPECTED.get(error["type"], error["msg"])
    return f"{where} is {shown(error['input'], key)}: {said[:1].lower()}{said[1:]}"


def _not_json(told: str) -> str:
    """What is said of a variable for a setting with tables; pydantic-settings names the field."""
    key = next((name for name in TenancyConfig.model_fields if f'"{name}"' in told), "")
    return (
        f"the environment variable {_PREFIX}{key.upper()} is not JSON; expected an object with an"
        ' object for each name, such as {"eu": {"url": "env:EU_URL"}} for shards'
    )


def _where(key: str, arguments: dict[str, Any], path: str) -> str:
    """Where a setting comes from; of one in a table, ``path`` says which it is."""
    if key in arguments:
        return f"the argument {path}"
    variable = next((v for v in os.environ if v.upper() == _PREFIX + key.upper()), None)
    if variable and os.environ[variable]:
        return f"{'' if path == key else f'{path} in '}the environment variable {variable}"
    folder, known = working_directory(), frozenset(TenancyConfig.model_fields)
    if key in settings_in(folder / FILES[0], known):
        return f"{path} in tenancy.toml"
    if key in settings_in(folder / FILES[1], known):
        return f"{path} in [tool.tenancy] of pyproject.toml"
    return path
