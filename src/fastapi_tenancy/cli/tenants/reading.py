"""`tenancy tenants list` and `show`."""

from __future__ import annotations

from typing import Annotated

import typer

from fastapi_tenancy.cli.exits import Exit
from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.cli.parameters import Chosen, Json, Where, command
from fastapi_tenancy.cli.words import tags_in_words
from fastapi_tenancy.errors import PlacementError

Named = Annotated[str, typer.Argument(help="Its identifier or id.")]


@command
def list_tenants(output: Output, where: Where, chosen: Chosen, json: Json = False) -> int:  # noqa: ARG001
    """List tenants; those marked deleted only with --status deleted."""
    from fastapi_tenancy.cli.documents import tenant_document
    from fastapi_tenancy.cli.project import open_tenants
    from fastapi_tenancy.cli.tables import table

    found = [tenant_document(t) for t in open_tenants(where).tenants(chosen.selection())]
    if output.json:
        output.document({"total": len(found), "tenants": found})
        return Exit.DONE
    # What nobody has is not worth a column.
    more = [key for key in ("host", "shard") if any(t[key] for t in found)]
    rows = (
        (
            *(t[key] for key in ("identifier", "id", "status")),
            *(t[key] or "" for key in ("schema_name", *more)),
            tags_in_words(t["tags"]),
        )
        for t in found
    )
    output.out.print(table(("identifier", "id", "status", "schema", *more, "tags"), rows))
    return Exit.DONE


@command
def show(output: Output, where: Where, tenant: Named, json: Json = False) -> int:  # noqa: ARG001
    """Show one tenant, and where it lives."""
    from fastapi_tenancy.cli.documents import tenant_document
    from fastapi_tenancy.cli.project import open_tenants
    from fastapi_tenancy.cli.tables import table
    from fastapi_tenancy.model.selection import Selection
    from fastapi_tenancy.model.tenant import TenantStatus

    fleet = open_tenants(where)
    everybody = Selection(identifiers=frozenset({tenant}), statuses=frozenset(TenantStatus))
    found = fleet.tenants(everybody)[0]
    document = {**tenant_document(found), "target": None}
    try:
        document["target"] = fleet.isolation.target(found).name
    except PlacementError as error:
        output.warn([str(error)])
    if output.json:
        output.document(document)
    else:
        shown = {**document, "tags": tags_in_words(found.tags)}
        rows = ((key, "" if value is None else value) for key, value in shown.items())
        output.out.print(table(("field", "value"), rows))
    return Exit.DONE
