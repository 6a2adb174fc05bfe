"""`tenancy init`: a new project, or settings for the Alembic project that is there."""

from __future__ import annotations

import difflib
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fastapi_tenancy.cli.exits import Exit
from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.cli.parameters import Where, Yes, command
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.tenant import IsolationStrategy

if TYPE_CHECKING:
    from fastapi_tenancy.cli.starting.fresh import Wish


@command
def init(
    output: Output,
    where: Where,
    folder: Annotated[Path, typer.Argument(help="Where; made if it is not there.")] = Path(),
    isolation: Annotated[
        IsolationStrategy | None,
        typer.Option(metavar="STRATEGY", help="schema, database, rls or hybrid."),
    ] = None,
    yes: Yes = False,
) -> int:
    """Make a project that runs, or add settings to the Alembic project that is there."""
    from fastapi_tenancy.cli.starting.fresh import wish

    file = _project_file(folder, where.config)
    if file is not None:
        return _adopt(output, folder, file, where, isolation, yes=yes)
    return _make(output, folder, wish(isolation, where.database_url))


def _make(output: Output, folder: Path, wished: Wish) -> int:
    from fastapi_tenancy.cli.starting.fresh import files_of
    from fastapi_tenancy.cli.starting.placing import place_all

    files = files_of(folder, wished)
    for name in place_all(folder, files):
        output.say(f"wrote {folder / name}")
    if "models.py" not in files:
        output.say(f"{folder / 'models.py'} is yours: name its metadata in alembic/env.py")
    if "tenancy.toml" not in files:
        output.say("the settings of tenancy that are there stay as they are")
    elif not wished.known:
        output.say(
            "first: set database_url in tenancy.toml, or TENANCY_DATABASE_URL, to a PostgreSQL URL"
        )
    _say_next(output, folder)
    return Exit.DONE


def _say_next(output: Output, folder: Path) -> None:
    if folder != Path():
        output.say(f"next: cd {shlex.quote(str(folder))}")
    output.say("next: tenancy tenants add acme")
    output.say("      tenancy upgrade --create")


def _project_file(folder: Path, named: Path | None) -> Path | None:
    """The file in which an Alembic project is configured; None where there is none."""
    from fastapi_tenancy.history.files import project_files

    ini, toml = project_files(folder / (named or "alembic.ini"))
    return ini if ini or named else toml


def _adopt(
    output: Output,
    folder: Path,
    ini: Path,
    where: Where,
    isolation: IsolationStrategy | None,
    *,
    yes: bool,
) -> int:
    from fastapi_tenancy.cli.starting.existing import HELP, LINES, look_at
    from fastapi_tenancy.cli.starting.fresh import has_settings, wish
    from fastapi_tenancy.cli.starting.placing import place_all
    from fastapi_tenancy.cli.starting.settings import settings_text

    found = look_at(ini, where.name or "alembic")
    output.say(f"{ini} is an Alembic project")
    output.say(found.described)
    output.say(f"works as it is: {found.works}")
    if found.lacks:
        output.say(f"does not: {found.lacks}")
        output.say(HELP)
        for line in LINES:
            output.say(f"    {line}")
    if has_settings(folder):
        output.say("it has settings of tenancy already; there is nothing to change")
        return Exit.DONE
    wished = wish(isolation, where.database_url or found.url)
    in_ini = found.url is not None and where.database_url is None
    url = None if where.database_url is None else wished.written
    files = {"tenancy.toml": settings_text(wished.strategy, url, in_ini=in_ini)}
    _show(output, folder, files)
    if not yes:
        _ask(output, folder)
    for name in place_all(folder, files):
        output.say(f"wrote {folder / name}")
    output.say("next: tenancy doctor")
    return Exit.DONE


def _show(output: Output, folder: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        lines = text.splitlines()
        for line in difflib.unified_diff([], lines, "/dev/null", str(folder / name), lineterm=""):
            output.say(line, style="green" if line.startswith("+") else None)


def _ask(output: Output, folder: Path) -> None:
    what = f"write {folder / 'tenancy.toml'}"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigurationError(
            f"this would {what}, as shown; say --yes if it is meant. Nothing was changed"
        )
    output.flush()
    if not typer.confirm(f"{what[0].upper()}{what[1:]}?", err=True):
        raise ConfigurationError("nothing was changed")
