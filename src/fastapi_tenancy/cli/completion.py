"""Completion by the shell: `--show-completion`, `--install-completion`, and what the shell asks."""

from __future__ import annotations

import contextlib
import os
from enum import StrEnum
from typing import Any

import typer
from typer.completion import (
    get_completion_inspect_parameters,
    install_callback,
    show_callback,
)
from typer.core import TyperGroup

from fastapi_tenancy.errors import ConfigurationError

VARIABLE = "_TENANCY_COMPLETE"
"""What a shell sets when it does not run the command but asks it something."""
_SHOW, _INSTALL = "--show-completion", "--install-completion"


class Shell(StrEnum):
    """Shells that can complete the command."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def _show(context: typer.Context, parameter: Any, shell: str | None) -> None:
    show_callback(context, parameter, shell)


def _install(context: typer.Context, parameter: Any, shell: str | None) -> None:
    try:
        install_callback(context, parameter, shell)
    except (OSError, UnicodeError) as error:
        raise ConfigurationError(
            f"the completion cannot be installed: {error}. `tenancy {_SHOW} {shell}` prints it, to"
            " be put where your shell reads it"
        ) from error


ShowOption = typer.Option(
    _SHOW, metavar="[SHELL]", help="Print the completion for a shell.", callback=_show
)
InstallOption = typer.Option(
    _INSTALL, metavar="[SHELL]", help="Install the completion for a shell.", callback=_install
)


class CompletedGroup(TyperGroup):
    """The command; where no shell is named, it is the one that is typed in."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Name the shell where none is."""
        named: list[str] = []
        for at, text in enumerate(args):
            named.append(text)
            alone = at + 1 == len(args) or args[at + 1].startswith("-")
            if text in (_SHOW, _INSTALL) and alone and not ctx.resilient_parsing:
                named.append(_this_shell(text))
        return super().parse_args(ctx, named)


def answer_shells() -> None:
    """Make ready for what a shell asks, in the words of typer or in those of click."""
    asked = os.environ.get(VARIABLE)
    if not asked:
        return
    get_completion_inspect_parameters()  # it tells typer of the shells there are
    shell, _, what = asked.partition("_")
    if shell in list(Shell):
        os.environ[VARIABLE] = f"{what}_{shell}"


def _this_shell(option: str) -> str:
    found = _shell_above()
    if found not in list(Shell):
        seen = f"the shell is {found!r}" if found else "which shell this is cannot be seen"
        raise ConfigurationError(f"{seen}; name one: {option} {', '.join(Shell)}")
    return found


def _shell_above() -> str:
    """The shell that started this process; empty where none is seen."""
    # Typer brings it; its failure is an OSError.
    with contextlib.suppress(ImportError, OSError):
        import shellingham  # type: ignore[import-untyped]

        return str(shellingham.detect_shell()[0])
    return ""
