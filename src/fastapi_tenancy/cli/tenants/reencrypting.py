"""`tenancy tenants reencrypt`: after a new key, or the first one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_tenancy.cli.exits import Exit
from fastapi_tenancy.cli.output import Output
from fastapi_tenancy.cli.parameters import Json, Where, command
from fastapi_tenancy.cli.words import names_in_words, tenants_in_words
from fastapi_tenancy.errors import ReadOnlyCatalogueError

if TYPE_CHECKING:
    from fastapi_tenancy.storage.protocol import TenantStore
    from fastapi_tenancy.storage.reencrypting import Reencrypted


@command
def reencrypt(output: Output, where: Where, json: Json = False) -> int:  # noqa: ARG001
    """Encrypt every tenant's own database_url with the first of encryption_keys."""
    from fastapi_tenancy.cli.project import open_config, with_store

    done = with_store(open_config(where), _reencrypted)
    if output.json:
        sealed = list(done.sealed)
        output.document({"rewritten": done.rewritten, "current": done.current, "sealed": sealed})
    else:
        _tell(output, done)
    return Exit.FAILED if done.sealed else Exit.DONE


async def _reencrypted(store: TenantStore) -> Reencrypted:
    from fastapi_tenancy.storage.sqlalchemy import SQLAlchemyTenantStore

    if not isinstance(store, SQLAlchemyTenantStore):
        raise ReadOnlyCatalogueError(
            "the tenants are read from tables or schemas of your own (tenants_query,"
            " schema_pattern); what is stored there is not for tenancy to encrypt"
        )
    return await store.reencrypt()


def _tell(output: Output, done: Reencrypted) -> None:
    if not (done.rewritten or done.current or done.sealed):
        output.say("no tenant has a database_url of its own; there is nothing to encrypt")
    if done.rewritten:
        count = tenants_in_words(done.rewritten)
        output.say(f"the database_url of {count} encrypted with the first key")
    if done.current:
        count = tenants_in_words(done.current)
        output.say(f"the database_url of {count} was encrypted with the first key already")
    if done.sealed:
        names = names_in_words(done.sealed)
        output.say(
            f"none of the keys opens the database_url of {names}: add the key it was stored with"
            " behind the first and run this again, or give the tenant its database_url anew",
            style="red",
        )
