"""`tenancy tenants prepare`: the list of tenants itself, before anybody is on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_tenancy.cli.exits import Exit
from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.cli.parameters import Json, Where, command
from fastapi_tenancy.cli.words import tenants_in_words

if TYPE_CHECKING:
    from fastapi_tenancy.storage.protocol import TenantStore


@command
def prepare(output: Output, where: Where, json: Json = False) -> int:  # noqa: ARG001
    """Make the list of tenants, or bring that of an earlier version up to date."""
    from fastapi_tenancy.cli.project import open_config, with_store
    from fastapi_tenancy.cli.tenants.making import told_where

    config = open_config(where)

    async def ready(store: TenantStore) -> int:
        await store.initialize()
        return await store.count()

    with told_where(config, output):
        count = with_store(config, ready)
    if output.json:
        output.document({"total": count})
    else:
        output.say(f"the list of tenants is ready: {tenants_in_words(count)}")
    return Exit.DONE
