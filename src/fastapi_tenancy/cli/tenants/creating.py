"""`tenancy tenants create`: a tenant with its place and every revision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from fastapi_tenancy.cli.exits import Exit
from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.cli.parameters import Json, Where, command
from fastapi_tenancy.cli.tenants.describing import Described
from fastapi_tenancy.model.tenant import Tenant, TenantStatus

_WORDS = {"baseline": "of a baseline"}

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from fastapi_tenancy.isolation.protocol import IsolationProvider
    from fastapi_tenancy.model.event import Event, Listener, RoadChosen
    from fastapi_tenancy.storage.protocol import TenantStore


@command
def create(
    output: Output,
    where: Where,
    identifier: Annotated[str, typer.Argument(help="The name people use, such as acme-corp.")],
    described: Described,
    json: Json = False,  # noqa: ARG001 - Output knows it from the command line
) -> int:
    """Create a tenant that can be used at once, or finish one that was interrupted."""
    from fastapi_tenancy.cli.documents import tenant_document
    from fastapi_tenancy.cli.project import open_config, with_store
    from fastapi_tenancy.cli.tenants.making import told_where
    from fastapi_tenancy.cli.tenants.placing import idle_places
    from fastapi_tenancy.model.event import RoadChosen
    from fastapi_tenancy.opening import open_isolation

    config = open_config(where)
    isolation = open_isolation(config)
    roads: list[RoadChosen] = []

    def listen(event: Event) -> None:
        if isinstance(event, RoadChosen):
            roads.append(event)

    def create_in(store: TenantStore) -> Coroutine[Any, Any, Tenant]:
        return _created(store, isolation, identifier, described, listen)

    try:
        with told_where(config, output):
            made = with_store(config, create_in)
    except KeyboardInterrupt:
        output.error(
            f"interrupted: tenant {identifier!r} is 'provisioning', unless the list does not have"
            " it yet; the same command again finishes it"
        )
        return Exit.INTERRUPTED
    output.warn(idle_places([made], isolation))
    target = isolation.target(made)
    if output.json:
        told = {"road": roads[-1].road, "reason": roads[-1].reason} if roads else {}
        output.document({**tenant_document(made), "target": target.name, **told})
    else:
        shard = f" of shard {made.shard}" if made.shard and not made.database_url else ""
        output.say(f"created {made.identifier} ({made.id}), in {target.place}{shard}")
        for road in roads:
            output.say(f"made {_WORDS.get(road.road, 'by its history')}: {road.reason}")
    return Exit.DONE


async def _created(
    store: TenantStore,
    isolation: IsolationProvider,
    identifier: str,
    described: Described,
    listener: Listener,
) -> Tenant:
    from fastapi_tenancy.provision.creating import create_tenant, id_of

    await store.initialize()
    wanted = described.tenant(identifier, await id_of(store, identifier), TenantStatus.PROVISIONING)
    return await create_tenant(wanted, store=store, isolation=isolation, listener=listener)
