"""`tenancy check`: do models and migrations agree, and are tenants who share tables kept apart?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastapi_tenancy.cli.arguments import x_arguments
from fastapi_tenancy.cli.exits import Exit
from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.cli.parameters import Json, Where, command

if TYPE_CHECKING:
    from fastapi_tenancy.migrations.checking.check import Checked
    from fastapi_tenancy.migrations.checking.finding import Finding


@command
def check(
    output: Output,
    where: Where,
    tenant: Annotated[
        str | None,
        typer.Option(
            metavar="IDENTIFIER",
            help="Compare with this one, not with what the migrations make.",
        ),
    ] = None,
    x: Annotated[
        list[str] | None,
        typer.Option("-x", metavar="KEY=VALUE", help="Given to env.py; repeatable."),
    ] = None,
    json: Json = False,  # noqa: ARG001 - Output knows it from the command line
) -> int:
    """Fail where models and migrations differ, or a policy does not keep tenants apart."""
    from fastapi_tenancy.cli.project import open_fleet
    from fastapi_tenancy.cli.undone import run_undone
    from fastapi_tenancy.migrations.checking.check import check
    from fastapi_tenancy.migrations.comparing.whom import Request

    fleet = open_fleet(where)
    request = Request(fleet=fleet, history=fleet.history(), tenant=tenant, extra=x_arguments(x))
    found = run_undone(lambda listener, stop: check(request, listener=listener, stop=stop), output)
    if output.json:
        documents = [_document(finding) for finding in found.findings]
        output.document({"fine": found.fine, "compared_with": tenant, "findings": documents})
    else:
        _show(output, found, tenant)
    return Exit.DONE if found.fine else Exit.FAILED


def _document(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.subject.value,
        "where": finding.where,
        "table": finding.table or None,
        "schema": finding.schema,
        "operation": finding.kind or None,
        "found": finding.found,
        "do": finding.do or None,
        "note": finding.note,
    }


def _show(output: Output, found: Checked, tenant: str | None) -> None:
    from fastapi_tenancy.cli.tables import table
    from fastapi_tenancy.cli.words import tables_in_words

    if found.findings:
        rows = ((f.subject.value, f.where, _table(f), f.found, f.do) for f in found.findings)
        output.out.print(table(("check", "where", "table", "found", "what to do"), rows))
    count = sum(not finding.note for finding in found.findings)
    if count:
        output.say("1 finding" if count == 1 else f"{count:,} findings")
        return
    other = "the migrations make" if tenant is None else f"tenant {tenant} has"
    apart = f"; the rows of {tables_in_words(found.shared_tables)} are kept apart"
    output.say(f"the models are what {other}{apart if found.shared_tables else ''}")


def _table(finding: Finding) -> str:
    return f"{finding.schema}.{finding.table}" if finding.schema else finding.table
