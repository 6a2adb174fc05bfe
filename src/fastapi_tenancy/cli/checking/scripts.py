"""The Alembic project: its revisions, their heads, and the shape of env.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi_tenancy.cli.checking.finding import Finding, action, fine, note
from fastapi_tenancy.cli.starting.existing import LACKS, WHAT
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.history.environment import Environment, read_environment
from fastapi_tenancy.history.scripts import History
from fastapi_tenancy.history.shape import shape_of

if TYPE_CHECKING:
    from fastapi_tenancy.model.target import Target

CHECK, ENV = "revisions", "env.py"


def read_history(ini: Path, section: str) -> tuple[History | None, list[Finding]]:
    """The scripts, or None where they cannot be loaded, and what was found about them."""
    try:
        history = History(ini, section)
    except ConfigurationError as error:
        return None, [action(CHECK, str(error))]
    return history, [*_heads(history), *_shape(history)]


def _heads(history: History) -> Iterator[Finding]:
    heads = history.heads
    if not heads:
        yield action(
            CHECK, "there are none", "write the first: `tenancy revision --autogenerate -m ...`"
        )
    elif len(heads) > 1:
        yield action(
            CHECK,
            f"several heads: {', '.join(heads)}",
            "join them with `alembic merge heads`, or ask for `tenancy upgrade heads`",
        )
    else:
        yield fine(CHECK, f"{len(history.known)}, the head is {heads[0]}")


def _shape(history: History) -> Iterator[Finding]:
    try:
        shape = shape_of(Path(history.directory.env_py_location))
    except ConfigurationError as error:
        yield action(ENV, str(error))
        return
    what = WHAT[shape.kind] + (", asynchronously" if shape.asynchronous else "")
    lacks = LACKS.get(shape.kind)
    if lacks is None:
        yield fine(ENV, what)
    else:
        yield note(ENV, f"{what}; so it does not do {lacks}", "`tenancy init` shows what would")


def read_env(
    history: History, samples: tuple[Target, ...]
) -> tuple[Environment | None, list[Finding]]:
    """What env.py passes for some tenants, or None where it cannot be used or nobody is there."""
    if not samples:
        return None, []
    try:
        environment = read_environment(history, samples)
    except ConfigurationError as error:
        return None, [action(ENV, str(error))]
    found = []
    if environment.elsewhere:
        found.append(
            action(
                ENV,
                f"it loops by itself, and does not come to {', '.join(environment.elsewhere)}",
                "let its list of schemas or databases be that of the tenants",
            )
        )
    if environment.beyond:
        found.append(
            note(
                ENV, environment.beyond, "each tenant is migrated by env.py itself, which is slower"
            )
        )
    return environment, found
