"""The options that several commands share, each group taken by a command as one frozen value."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, get_type_hints

import typer

from fastapi_tenancy.cli.arguments import pairs, require_text, x_arguments
from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.model.plan import Engine, ProofLevel
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.tenant import TenantStatus

PROJECT, TENANTS, RUN = "Project", "Tenants", "Run"
"""Headings in --help."""

Extra = Annotated[
    list[str] | None,
    typer.Option("-x", metavar="KEY=VALUE", help="Given to env.py; repeatable."),
]
"""The user's own arguments, of commands that plan no run."""
Json = Annotated[
    bool, typer.Option("--json", metavar="", help="Print one JSON document on stdout.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", metavar="", help="Do not ask.")]


@dataclass(frozen=True, slots=True)
class Where:
    """Which project and database; taken before the command or after it."""

    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", metavar="FILE", help="The Alembic ini file.", rich_help_panel=PROJECT
        ),
    ] = None
    name: Annotated[
        str | None,
        typer.Option(
            "--name", "-n", metavar="SECTION", help="The section of it.", rich_help_panel=PROJECT
        ),
    ] = None
    database_url: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="The database the tenants live in.", rich_help_panel=PROJECT
        ),
    ] = None
    track: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The one of several histories.", rich_help_panel=PROJECT),
    ] = None
    traceback: Annotated[
        bool,
        typer.Option("--traceback", metavar="", help="Show tracebacks.", rich_help_panel=PROJECT),
    ] = False

    def over(self, before: Where) -> Where:
        """These options, and where one is not given, the one given before the command."""
        mine = {f.name: getattr(self, f.name) or getattr(before, f.name) for f in fields(self)}
        return Where(**mine)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which tenants; by default all that are not deleted."""

    tenant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="IDENTIFIER",
            help="Only this identifier or id; repeatable.",
            rich_help_panel=TENANTS,
        ),
    ] = None
    tag: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Only tenants with this tag; repeatable.",
            rich_help_panel=TENANTS,
        ),
    ] = None
    status: Annotated[
        list[TenantStatus] | None,
        typer.Option(
            metavar="STATUS",
            help="Only provisioning, active, suspended or deleted tenants; repeatable.",
            rich_help_panel=TENANTS,
        ),
    ] = None
    exclude: Annotated[
        list[str] | None,
        typer.Option(
            metavar="IDENTIFIER",
            help="Not this identifier or id; repeatable.",
            rich_help_panel=TENANTS,
        ),
    ] = None
    limit: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="The first so many of them.", rich_help_panel=TENANTS
        ),
    ] = None

    def selection(self) -> Selection:
        """The choice as a value.

        Raises:
            typer.BadParameter: a tag without ``=``, or two values of one.
        """
        return Selection(
            identifiers=frozenset(self.tenant or ()),
            tags=MappingProxyType(pairs("--tag", self.tag)),
            statuses=frozenset(self.status) if self.status else None,
            exclude=frozenset(self.exclude or ()),
            limit=self.limit,
        )


@dataclass(frozen=True, slots=True)
class How:
    """How a run is carried out; what is not given comes from the configuration."""

    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar="", help="Print the plan.", rich_help_panel=RUN)
    ] = False
    sql: Annotated[
        bool, typer.Option("--sql", metavar="", help="Print the SQL instead.", rich_help_panel=RUN)
    ] = False
    concurrency: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Tenants at a time on each server, a connection each.",
            rich_help_panel=RUN,
        ),
    ] = None
    proof: Annotated[
        ProofLevel | None,
        typer.Option(help="Whose structure is read back.", rich_help_panel=RUN),
    ] = None
    engine: Annotated[
        Engine | None, typer.Option(help="The roads it may take.", rich_help_panel=RUN)
    ] = None
    create: Annotated[
        bool,
        typer.Option("--create", metavar="", help="Create missing schemas.", rich_help_panel=RUN),
    ] = False
    lock_timeout: Annotated[
        float | None,
        typer.Option(
            min=0, metavar="SECONDS", help="Wait no longer for a lock.", rich_help_panel=RUN
        ),
    ] = None
    statement_timeout: Annotated[
        float | None,
        typer.Option(
            min=0, metavar="SECONDS", help="Let no statement run longer.", rich_help_panel=RUN
        ),
    ] = None
    x: Annotated[
        list[str] | None,
        typer.Option(
            "-x",
            metavar="KEY=VALUE",
            help="Given to env.py, as `alembic -x` does; repeatable.",
            rich_help_panel=RUN,
        ),
    ] = None
    yes: Annotated[
        bool, typer.Option("--yes", "-y", metavar="", help="Do not ask.", rich_help_panel=RUN)
    ] = False
    json: Annotated[
        bool,
        typer.Option("--json", metavar="", help="Print one JSON document.", rich_help_panel=RUN),
    ] = False

    def given(self) -> dict[str, object]:
        """The run options that were named on the command line.

        Raises:
            typer.BadParameter: ``-x`` with a key that belongs to each tenant.
        """
        return {
            "concurrency": self.concurrency,
            "proof": self.proof,
            "engine": self.engine,
            "create": self.create,
            "lock_timeout_s": self.lock_timeout,
            "statement_timeout_s": self.statement_timeout,
            "x_arguments": x_arguments(self.x),
        }


@dataclass(slots=True)
class Invocation:
    """What the command line holds before the command: carried as typer's context object."""

    output: Output
    where: Where = Where()


def command(function: Callable[..., int]) -> Callable[..., int]:
    """Let a command take ``Output`` and the groups above: typer sees every field as an option."""
    hints = get_type_hints(function, include_extras=True)
    parameters = [_plain("context", typer.Context)]
    groups: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if is_dataclass(hints[name]):
            groups[name] = hints[name]
            parameters += _fields(hints[name])
        elif hints[name] is not Output:
            parameters.append(_plain(name, hints[name], parameter.default))

    @wraps(function)
    def call(context: typer.Context, **given: Any) -> int:
        invocation: Invocation = context.obj
        values: dict[str, Any] = {
            name: group(**{f.name: given.pop(f.name) for f in fields(group)})
            for name, group in groups.items()
        }
        where = values.get("where")
        if isinstance(where, Where):
            values["where"] = where.over(invocation.where)
        with invocation.output.alone():
            if where is not None:
                _warn_of_environment(invocation.output)
            texts = (value for name, value in given.items() if name != "file")
            require_text((*texts, *_told(values)))
            try:
                return function(invocation.output, **given, **values)
            except KeyboardInterrupt:
                # typer would end with 130 and not a word, not even the document of --json.
                raise typer.Abort from None

    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return call


def _told(groups: dict[str, Any]) -> Iterator[object]:
    """The options of groups."""
    for group in groups.values():
        yield from (getattr(group, f.name) for f in fields(group))


def _warn_of_environment(output: Output) -> None:
    """Before the configuration is read, which may fail for want of what was misspelt."""
    from fastapi_tenancy.cli.environment import misspelt

    with contextlib.suppress(OSError):  # nobody is left to warn
        output.warn(misspelt())


def _fields(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    return [_plain(f.name, hints[f.name], f.default) for f in fields(group)]


def _plain(name: str, annotation: Any, default: Any = inspect.Parameter.empty) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )
