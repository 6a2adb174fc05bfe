"""The `tenancy` command: its subcommands, and what becomes of errors."""

from __future__ import annotations

import errno
import sys
from functools import cache
from importlib.metadata import version
from typing import Annotated

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from fastapi_tenancy.cli import branching, check, commands, drifting, looking, revision, scripts
from fastapi_tenancy.cli.arguments import require_text
from fastapi_tenancy.cli.checking import command as checking
from fastapi_tenancy.cli.completion import (
    CompletedGroup,
    InstallOption,
    Shell,
    ShowOption,
    answer_shells,
)
from fastapi_tenancy.cli.exits import Exit
from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.cli.parameters import Invocation, Where, command
from fastapi_tenancy.cli.relative import RelativeCommand
from fastapi_tenancy.cli.starting import command as starting
from fastapi_tenancy.cli.streams import UnwritableError, open_closed_descriptors, silence_stdout
from fastapi_tenancy.cli.tenants import (
    creating,
    importing,
    preparing,
    reading,
    reencrypting,
    writing,
)
from fastapi_tenancy.cli.warned import alembic_warnings
from fastapi_tenancy.errors import ConfigurationError, TenancyError, said
from fastapi_tenancy.model.url import masked

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

app = typer.Typer(
    name="tenancy",
    cls=CompletedGroup,
    add_completion=False,  # typer's own looks at the shell it runs in, whatever shell is named
    help="Migrate a fleet of tenants: an Alembic project, and a schema for each tenant.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
tenants = typer.Typer(help="The list of tenants.", no_args_is_help=True)
app.add_typer(tenants, name="tenants")


def _version(context: typer.Context, asked: bool) -> None:
    if asked:
        invocation: Invocation = context.obj
        invocation.output.say(f"fastapi-tenancy {version('fastapi-tenancy')}")
        raise typer.Exit


@app.callback(epilog="Example: tenancy upgrade --dry-run")
def root(
    context: typer.Context,
    config: Annotated[
        str | None,
        typer.Option("--config", "-c", metavar="FILE", help="The Alembic ini file."),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", "-n", metavar="SECTION", help="The section of it.")
    ] = None,
    database_url: Annotated[
        str | None, typer.Option(metavar="URL", help="The database the tenants live in.")
    ] = None,
    track: Annotated[
        str | None, typer.Option(metavar="NAME", help="The one of several histories.")
    ] = None,
    traceback: Annotated[
        bool, typer.Option("--traceback", metavar="", help="Show tracebacks.")
    ] = False,
    _version_asked: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version.", metavar="", is_eager=True, callback=_version
        ),
    ] = False,
    _shown: Annotated[Shell | None, ShowOption] = None,
    _installed: Annotated[Shell | None, InstallOption] = None,
) -> None:
    """Take the options that are named before the command."""
    from pathlib import Path

    require_text((name, database_url, track))
    invocation: Invocation = context.obj
    invocation.where = Where(Path(config) if config else None, name, database_url, track, traceback)


@command
def demo(
    output: Output,
    tenants: Annotated[int, typer.Option(metavar="N", help="How many tenants.")] = 300,
    keep: Annotated[
        bool, typer.Option("--keep", metavar="", help="Leave everything to play with.")
    ] = False,
) -> int:
    """Watch a fleet of 300 tenants being migrated, on a PostgreSQL of its own."""
    from fastapi_tenancy.cli.demo import run_demo

    return run_demo(output.out, tenants=tenants, keep=keep)


for _function, _example in (
    (commands.upgrade, "tenancy upgrade head --create --concurrency 20"),
    (commands.downgrade, "tenancy downgrade -1 --tenant acme-corp"),
    (commands.stamp, "tenancy stamp 3f2a --tenant acme-corp"),
):
    app.command(cls=RelativeCommand, epilog=f"Example: {_example}")(_function)
for _function, _example in (
    (checking.doctor, "tenancy doctor --json"),
    (check.check, "tenancy check --json"),
    (drifting.drift, "tenancy drift --tag tier=gold"),
    (starting.init, "tenancy init shop --isolation schema"),
    (looking.status, "tenancy status --check"),
    (looking.current, "tenancy current --tag tier=gold"),
    (scripts.explain, "tenancy explain head --from 3f2a"),
    (scripts.history, "tenancy history"),
    (scripts.heads, "tenancy heads --json"),
    (revision.revision, "tenancy revision --autogenerate -m 'Notes of customers.'"),
    (branching.branches, "tenancy branches"),
    (branching.show, "tenancy show head"),
    (demo, "tenancy demo --tenants 50"),
):
    app.command(epilog=f"Example: {_example}")(_function)
tenants.command("list", epilog="Example: tenancy tenants list --status suspended")(
    reading.list_tenants
)
tenants.command("show", epilog="Example: tenancy tenants show acme-corp")(reading.show)
tenants.command("add", epilog="Example: tenancy tenants add acme-corp --tag tier=gold")(writing.add)
tenants.command("create", epilog="Example: tenancy tenants create acme-corp --tag tier=gold")(
    creating.create
)
tenants.command("import", epilog="Example: tenancy tenants import tenants.csv --dry-run")(
    importing.import_tenants
)
tenants.command("prepare", epilog="Example: tenancy tenants prepare")(preparing.prepare)
tenants.command("reencrypt", epilog="Example: tenancy tenants reencrypt")(reencrypting.reencrypt)
tenants.command("remove", epilog="Example: tenancy tenants remove acme-corp")(writing.remove)


@cache
def built() -> TyperGroup:
    """Return the tree of commands; reading all their options takes longer than many a command."""
    return typer.main.get_group(app)


def main() -> None:
    """Run the command and end the process with its exit code."""
    open_closed_descriptors()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command; every error becomes a sentence and an exit code."""
    output = Output(json="--json" in arguments)
    try:
        with alembic_warnings(lambda text: output.tell(text, style="yellow")):
            return _parsed(arguments, output)
    except BrokenPipeError:
        # Whoever read our output went away; there is nobody left to tell.
        silence_stdout()
        return Exit.PIPE
    except Exception as error:  # the last place where an error can become a sentence
        if "--traceback" in arguments:
            from fastapi_tenancy.engine.failure import traced

            output.tell(traced(error))
        return _told(output, _unwritable(error) or error)


def _unwritable(error: Exception) -> UnwritableError | None:
    """The help and the version are written by others, who know no better name for a full disk."""
    if isinstance(error, OSError) and error.errno in _FULL and error.filename is None:
        return UnwritableError(error)
    return None


def _parsed(arguments: list[str], output: Output) -> int:
    top = built()
    answer_shells()
    try:
        done = top.main(
            arguments, prog_name="tenancy", standalone_mode=False, obj=Invocation(output)
        )
    except TyperException as error:
        text = error.format_message().replace("Value error, ", "")
        if not text.strip():
            return Exit.REFUSED  # the help was shown, in place of a command
        path = getattr(getattr(error, "ctx", None), "command_path", "tenancy")
        output.error(f"{text} (`{path} --help` shows what can be said)")
        return Exit.REFUSED
    except SystemExit as end:
        if isinstance(end.__context__, BrokenPipeError):
            raise end.__context__ from None  # libraries end with 1, which means failed tenants
        raise
    except (typer.Abort, KeyboardInterrupt):
        # A run of tenants takes signals itself: whatever is interrupted here had not begun to.
        output.error("interrupted; nothing was changed")
        return Exit.INTERRUPTED
    return int(done or 0)


def _told(output: Output, error: Exception) -> int:
    if isinstance(error, UnwritableError):
        silence_stdout()
        output.error(str(error), aside=True)
        return Exit.FAILED
    if isinstance(error, ConfigurationError):
        output.error(str(error))
        return Exit.REFUSED
    if isinstance(error, TenancyError):
        output.error(str(error))
        return Exit.FAILED
    text = " ".join(masked(said(error)).split())
    output.error(
        f"{type(error).__name__}: {text}. This should have been a better message;"
        " run again with --traceback to see where it comes from"
    )
    return Exit.FAILED
