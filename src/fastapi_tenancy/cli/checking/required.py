"""The revisions that the application serves: whether the scripts have them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi_tenancy.cli.checking.finding import Finding, action, fine
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.revisions.opening import open_judges

if TYPE_CHECKING:
    from fastapi_tenancy.config import TenancyConfig

CHECK = "required_revision"


def look_at_required(config: TenancyConfig) -> Iterator[Finding]:
    """Try what an application tries when it starts; nothing where it serves every revision."""
    if not config.watches_revisions:
        return
    try:
        open_judges(config)
    except ConfigurationError as error:
        said = config.required_revision
        yield action(
            CHECK,
            f"{said}: {error}" if said else str(error),
            "name a revision of the scripts, or leave required_revision out: an application with"
            " this setting does not start",
        )
    else:
        if config.required_revision is not None:
            yield fine(CHECK, f"{config.required_revision}: the scripts have it")
