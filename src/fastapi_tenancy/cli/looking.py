"""The fleet commands that only look: status and current."""

from __future__ import annotations

from typing import Annotated

import typer

from fastapi_tenancy.cli.exits import Exit
from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.cli.parameters import Chosen, Json, Where, command
from fastapi_tenancy.cli.words import tenants_in_words

_PLACES = {"versioned": "base", "unversioned": "unversioned", "missing": "missing"}
"""Where a tenant without a revision stands: below the first one, or nowhere yet."""


@command
def status(
    output: Output,
    where: Where,
    chosen: Chosen,
    check: Annotated[
        bool,
        typer.Option("--check", metavar="", help="Exit with 1 unless every tenant is at head."),
    ] = False,
    json: Json = False,  # noqa: ARG001 - Output knows it from the command line
) -> int:
    """Count where the tenants stand."""
    from fastapi_tenancy.cli.documents import status_document
    from fastapi_tenancy.cli.project import open_fleet
    from fastapi_tenancy.cli.tables import table
    from fastapi_tenancy.engine.status import summarize
    from fastapi_tenancy.model.plan import Command

    fleet = open_fleet(where)
    options = fleet.options(Command.UPGRADE, "heads")
    found = summarize(fleet.history(), fleet.standings(options, chosen.selection()))
    if output.json:
        output.document(status_document(found))
    else:
        heads = ", ".join(found.heads) or "none"
        ends = "head" if len(found.heads) == 1 else "heads"
        output.say(f"{tenants_in_words(found.total)}; the scripts' {ends}: {heads}")
        kinds = ("at_head", "behind", "ahead", "unversioned", "missing")
        counts = {kind: getattr(found, kind) for kind in kinds} | found.unusual
        rows = [(kind.replace("_", " "), count) for kind, count in counts.items()]
        output.out.print(table(("", "tenants"), rows))
        if found.unusual:
            output.say("`tenancy current` says which, and why")
        if found.positions:
            output.say()
            output.out.print(table(("revision", "tenants"), found.positions))
    return Exit.FAILED if check and found.at_head != found.total else Exit.DONE


@command
def current(
    output: Output,
    where: Where,
    chosen: Chosen,
    json: Json = False,  # noqa: ARG001
) -> int:
    """Show the revision of each tenant."""
    from fastapi_tenancy.cli.project import open_fleet
    from fastapi_tenancy.cli.tables import table
    from fastapi_tenancy.migrations.results import joined
    from fastapi_tenancy.model.plan import Command

    fleet = open_fleet(where)
    options = fleet.options(Command.UPGRADE, "heads")
    rows = [
        {
            "tenant_id": tenant.id,
            "identifier": tenant.identifier,
            "target": standing.target.name,
            "revision": joined(standing.position.heads),
            "state": standing.position.state.value,
            "error": standing.refusal.error if standing.refusal else None,
            **(
                {"half_done": standing.position.half_done[0]} if standing.position.half_done else {}
            ),
        }
        for standing in fleet.standings(options, chosen.selection())
        for tenant in standing.target.tenants
    ]
    if output.json:
        output.document({"total": len(rows), "tenants": rows})
    else:
        columns = ("tenant", "schema", "revision")
        shown = ((r["identifier"], r["target"], _where(r)) for r in rows)
        output.out.print(table(columns, shown))
    return Exit.FAILED if any(r["error"] for r in rows) else Exit.DONE


def _where(row: dict[str, str | None]) -> str:
    if row["error"]:
        return row["error"]
    place = row["revision"] or _PLACES[str(row["state"])]
    if row.get("half_done"):
        place += f" (a part of {row['half_done']} is done: the run did not finish, run it again)"
    return place
