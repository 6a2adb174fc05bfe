"""The commands about the scripts: explain, history, heads."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from fastapi_tenancy.cli.exits import Exit
from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.cli.parameters import Json, Where, command


@command
def explain(
    output: Output,
    where: Where,
    revision: Annotated[
        str | None,
        typer.Argument(help="The revision asked for; head by default, with --downgrade base."),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="REVISION", help="The revision to start at; the base by default."
        ),
    ] = None,
    downgrade: Annotated[
        bool,
        typer.Option(
            "--downgrade", metavar="", help="The way down instead, from head to REVISION."
        ),
    ] = False,
    json: Json = False,  # noqa: ARG001 - Output knows it from the command line
) -> int:
    """Say which road each revision takes to the tenants, and why."""
    from fastapi_tenancy.cli.documents import step_document
    from fastapi_tenancy.cli.project import open_fleet
    from fastapi_tenancy.cli.tables import steps_table
    from fastapi_tenancy.model.plan import Command

    fleet = open_fleet(where)
    kind = Command.DOWNGRADE if downgrade else Command.UPGRADE
    revision = revision or ("base" if downgrade else "head")
    heads = fleet.history().position_of(start or ("heads" if downgrade else "base"))
    steps = fleet.explain(fleet.options(kind, revision), heads)
    if output.json:
        output.document({"command": kind.value, "steps": [step_document(s) for s in steps]})
    elif steps:
        output.out.print(steps_table(steps))
    else:
        output.say("no revisions lie between the two")
    return Exit.DONE


@command
def history(output: Output, where: Where, json: Json = False) -> int:  # noqa: ARG001
    """List the revisions of the scripts, newest first."""
    from fastapi_tenancy.cli.documents import revision_document
    from fastapi_tenancy.cli.project import open_history
    from fastapi_tenancy.cli.tables import table

    rows = [revision_document(script) for script in open_history(where).directory.walk_revisions()]
    _show(output, table, rows)
    return Exit.DONE


@command
def heads(output: Output, where: Where, json: Json = False) -> int:  # noqa: ARG001
    """List the heads of the scripts."""
    from fastapi_tenancy.cli.documents import revision_document
    from fastapi_tenancy.cli.project import open_history
    from fastapi_tenancy.cli.tables import table

    known = open_history(where)
    _show(output, table, [revision_document(known.script(head)) for head in known.heads])
    return Exit.DONE


def _show(output: Output, table: Any, rows: list[dict[str, Any]]) -> None:
    if output.json:
        output.document({"revisions": rows})
        return
    shown = (
        (
            row["revision"] + (" (head)" if row["head"] else ""),
            ", ".join(row["down_revisions"]) or "base",
            ", ".join(row["labels"]),
            row["message"],
        )
        for row in rows
    )
    output.out.print(table(("revision", "after", "labels", "what"), shown))
