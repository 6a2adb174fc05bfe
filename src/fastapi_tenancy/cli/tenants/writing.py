"""`tenancy tenants add` and `remove`."""

from __future__ import annotations

import shlex
import sys
import uuid
from typing import TYPE_CHECKING, Annotated

import typer

from fastapi_tenancy.cli.exits import Exit
from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.cli.parameters import Json, Where, Yes, command
from fastapi_tenancy.cli.tenants.describing import Described
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.model.tenant import Tenant, TenantStatus

if TYPE_CHECKING:
    from fastapi_tenancy.config import TenancyConfig
    from fastapi_tenancy.isolation.protocol import IsolationProvider
    from fastapi_tenancy.storage.protocol import TenantStore


@command
def add(
    output: Output,
    where: Where,
    identifier: Annotated[str, typer.Argument(help="The name people use, such as acme-corp.")],
    described: Described,
    status: Annotated[
        TenantStatus,
        typer.Option(metavar="STATUS", help="provisioning, active, suspended or deleted."),
    ] = TenantStatus.ACTIVE,
    json: Json = False,  # noqa: ARG001 - Output knows it from the command line
) -> int:
    """Add a tenant to the catalogue; its schema is made by `upgrade --create`."""
    from fastapi_tenancy.cli.project import open_config
    from fastapi_tenancy.opening import open_isolation

    config = open_config(where)
    tenant = described.tenant(identifier, uuid.uuid4().hex, status)
    return _added(output, config, open_isolation(config), tenant)


def _added(
    output: Output, config: TenancyConfig, isolation: IsolationProvider, tenant: Tenant
) -> int:
    """Add a tenant, and say where it is to live."""
    from fastapi_tenancy.cli.documents import tenant_document
    from fastapi_tenancy.cli.project import with_store
    from fastapi_tenancy.cli.tenants.making import told_where
    from fastapi_tenancy.cli.tenants.placing import idle_places
    from fastapi_tenancy.isolation.filling import needs_shard, place_on_shard
    from fastapi_tenancy.provision.claims import agreed_target, require_free

    placed_now = needs_shard(tenant, config)
    if not placed_now:
        agreed_target(tenant, isolation)  # before the list of tenants is made for nothing

    async def create(store: TenantStore) -> Tenant:
        await store.initialize()
        counts = await store.count_by_shard() if placed_now else {}
        placed = place_on_shard(tenant, config, counts)
        agreed_target(placed, isolation)
        await require_free(store, isolation, placed)
        return await store.create(placed)

    with told_where(config, output):
        made = with_store(config, create)
    output.warn(idle_places([made], isolation))
    target = isolation.target(made)
    if output.json:
        output.document({**tenant_document(made), "target": target.name})
    else:
        shard = f" of shard {made.shard}" if made.shard and not made.database_url else ""
        output.say(f"added {made.identifier} ({made.id}), to live in {target.place}{shard}")
        if made.status is TenantStatus.DELETED:
            output.say("it is marked deleted, so it is left alone")
        else:
            output.say(f"next: tenancy upgrade --create --tenant {shlex.quote(made.identifier)}")
    return Exit.DONE


@command
def remove(
    output: Output,
    where: Where,
    tenant: Annotated[str, typer.Argument(help="Its identifier or id.")],
    hard: Annotated[
        bool,
        typer.Option("--hard", metavar="", help="Take the row away instead of marking it deleted."),
    ] = False,
    yes: Yes = False,
    json: Json = False,  # noqa: ARG001
) -> int:
    """Take a tenant out of the catalogue; its schema and data stay."""
    from fastapi_tenancy.cli.documents import tenant_document
    from fastapi_tenancy.cli.project import open_config, open_tenants, with_store
    from fastapi_tenancy.model.selection import Selection

    everybody = Selection(identifiers=frozenset({tenant}), statuses=frozenset(TenantStatus))
    found = open_tenants(where).tenants(everybody)[0]
    if not yes:
        _ask(output, found, hard=hard)
    with_store(open_config(where), lambda store: store.delete(found.id, hard=hard))
    if output.json:
        output.document({**tenant_document(found), "removed": "row" if hard else "marked"})
    else:
        how = "removed" if hard else "marked as deleted"
        output.say(f"{found.identifier} is {how}; its schema and its data were not touched")
    return Exit.DONE


def _ask(output: Output, tenant: Tenant, *, hard: bool) -> None:
    name = repr(tenant.identifier)
    what = f"remove the row of tenant {name}" if hard else f"mark tenant {name} as deleted"
    if output.json or not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigurationError(
            f"this would {what}; nobody can be asked here, so say --yes if that is meant"
        )
    if not typer.confirm(f"Really {what}?", err=True):
        raise ConfigurationError("the answer was no; nothing was changed")
