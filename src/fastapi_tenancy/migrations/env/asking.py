"""What whoever runs Alembic asks for: the arguments after -x, and which command it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from alembic import context

from fastapi_tenancy.errors import ConfigurationError, ScriptError
from fastapi_tenancy.history import ambient
from fastapi_tenancy.history.identity import current_identity

OURS = ("tenant", "schema", "url", "dry_run")
"""Keys after -x that mean something here; all others are the project's own."""
_YES = ("", "1", "true", "yes", "on")
_NO = ("0", "false", "no", "off")
_COMMANDS = {
    "upgrade": "upgrade head",
    "downgrade": "downgrade -1",
    "do_stamp": "stamp head",
    "display_version": "current",
    "_display_current_history": "history -i",
    "show_current": "show current",
    "edit_current": "edit current",
    "do_ensure_version": "ensure_version",
}
"""The functions of Alembic's commands, and how a person types them."""


class Purpose(Enum):
    """What the running command needs a database for."""

    MIGRATE = auto()
    """To change it, or to look where it stands."""
    COMPARE = auto()
    """To compare the models with it: ``check``, and ``revision --autogenerate``."""
    NOTHING = auto()
    """It writes a revision file, and runs env.py because the project wants that."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Where to work, as far as it was said, and whether to take everything back."""

    tenant: str | None
    schema: str | None
    url: str | None
    dry_run: bool
    own: tuple[str, ...]
    """Arguments that are the project's own, as they were typed."""

    @property
    def somewhere(self) -> bool:
        """True when a place was named."""
        return bool(self.tenant or self.schema or self.url)


def asked() -> Asked:
    """Read ``-x``, and where it says nothing, ``config.attributes``.

    Raises:
        ConfigurationError: a ``dry_run`` that is neither yes nor no, or under a fleet command.
    """
    typed = context.get_x_argument(as_dictionary=True)
    said = {key: _said(key, typed) for key in ("tenant", "schema", "url")}
    given = context.get_x_argument(as_dictionary=False)
    own = tuple(one for one in given if one.partition("=")[0] not in OURS)
    return Asked(**said, dry_run=_dry_run(typed), own=own)


def _said(key: str, typed: Mapping[str, Any]) -> str | None:
    value = typed.get(key) or context.config.attributes.get(key)
    return str(value) if value else None


def _dry_run(typed: Mapping[str, Any]) -> bool:
    if "dry_run" not in typed:
        return False
    value = str(typed["dry_run"]).lower()
    if value not in _YES + _NO:
        raise ConfigurationError(
            f"-x dry_run={typed['dry_run']} says neither yes nor no; expected -x dry_run=true."
            " Nothing was changed"
        )
    if value in _YES and current_identity() is not None:
        raise ScriptError(
            "-x dry_run=... is for plain Alembic; `tenancy upgrade --dry-run` prints the plan of a"
            " fleet. Nothing was changed"
        )
    return value in _YES


def purpose() -> Purpose:
    """What the running command is for."""
    options = ambient.environment().context_opts
    writing = options.get("revision_context")
    if writing is not None:
        return Purpose.COMPARE if writing.command_args.get("autogenerate") else Purpose.NOTHING
    # `alembic merge` runs env.py for its template alone.
    return Purpose.NOTHING if "template_args" in options else Purpose.MIGRATE


def moves() -> bool:
    """True for ``upgrade`` and ``downgrade``."""
    function = ambient.environment().context_opts.get("fn")
    return getattr(function, "__name__", "") in ("upgrade", "downgrade")


def as_typed() -> str:
    """The running command, as an example of what a person types."""
    function = ambient.environment().context_opts.get("fn")
    return _COMMANDS.get(getattr(function, "__name__", ""), "upgrade head")
