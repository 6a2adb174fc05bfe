"""A tenant that the models can be compared with: it stands at head."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi_tenancy.engine.status import Standing
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.migrations.results import joined
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.target import Target

if TYPE_CHECKING:
    from fastapi_tenancy.history.scripts import History
    from fastapi_tenancy.migrations.fleet import Fleet


def standing_at_head(
    fleet: Fleet,
    history: History,
    tenant: str | None,
    extra: tuple[str, ...],
    heads: tuple[str, ...] | None = None,
) -> Target:
    """Where the tenant named lives, or the first one that stands at head.

    Args:
        heads: those of a branch, where the others are not meant.

    Raises:
        ConfigurationError: whoever is asked for does not stand at head, or nobody does.
    """
    named = frozenset({tenant} if tenant else ())
    if not fleet.tenants(Selection(identifiers=named, limit=1)):
        raise ConfigurationError(
            "no tenants to compare the models with: `tenancy tenants add IDENTIFIER` adds one,"
            " tenants_query or schema_pattern in tenancy.toml finds those you have. Nothing was"
            " written"
        )
    options = fleet.options(Command.UPGRADE, "heads", x_arguments=extra)
    seen: list[Standing] = []
    for standing in fleet.standings(options, Selection(identifiers=named)):
        if _at_head(standing, history.heads if heads is None else heads):
            return standing.target
        seen.append(standing)
    raise ConfigurationError(_nobody(history, tenant, seen))


def _at_head(standing: Standing, heads: tuple[str, ...]) -> bool:
    position = standing.position
    there = position.heads == heads and not position.half_done
    return there and standing.refusal is None


def _nobody(history: History, tenant: str | None, seen: list[Standing]) -> str:
    heads = ", ".join(history.heads)
    if tenant is None:
        return (
            f"the models are compared with a tenant at head ({heads}), and none of {len(seen):,}"
            f" tenant{'' if len(seen) == 1 else 's'} stands there. `tenancy upgrade` brings them"
            " there, `tenancy current` shows where they stand; `tenancy check` and `tenancy"
            " revision --autogenerate` need no tenant. Nothing was written"
        )
    position, refusal = seen[0].position, seen[0].refusal
    place = refusal.error if refusal else joined(position.heads) or position.state.value
    return (
        f"the models are compared with a tenant at head ({heads}), and {tenant!r} is not there:"
        f" {place}. `tenancy upgrade --tenant {tenant}` brings it there; without --tenant the"
        " models are compared with what the migrations make. Nothing was written"
    )
