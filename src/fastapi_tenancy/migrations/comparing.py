"""Whom `revision --autogenerate` compares the models with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi_tenancy.engine.status import Standing
from fastapi_tenancy.errors import ConfigurationError
from fastapi_tenancy.history.capture import run_env
from fastapi_tenancy.isolation.reach import require_reachable
from fastapi_tenancy.migrations.results import joined
from fastapi_tenancy.model.plan import Command
from fastapi_tenancy.model.selection import Selection
from fastapi_tenancy.model.target import Target
from fastapi_tenancy.model.tenant import Tenant

if TYPE_CHECKING:
    from fastapi_tenancy.history.scripts import History
    from fastapi_tenancy.migrations.fleet import Fleet

_NOBODY = Tenant(id="example", identifier="example")
"""Stands in where the catalogue is empty, to see whether env.py asks at all."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A target, and whether env.py goes where it is told to go."""

    target: Target
    followed: bool


def compared_with(
    fleet: Fleet, history: History, tenant: str | None, extra: tuple[str, ...]
) -> Compared:
    """The tenant named, or the first one at head; anybody where env.py does not ask.

    Raises:
        ConfigurationError: whoever is asked for does not stand at head, or nobody does.
    """
    named = frozenset({tenant} if tenant else ())
    some = fleet.tenants(Selection(identifiers=named, limit=1))
    example = fleet.isolation.target(some[0] if some else _NOBODY)
    require_reachable(example)
    if example.schema and not run_env(history, example, extra).looked:
        return Compared(example, followed=False)
    if not some:
        raise ConfigurationError(
            "no tenants to compare the models with: `tenancy tenants add IDENTIFIER` adds one,"
            " tenants_query or schema_pattern in tenancy.toml finds those you have. Nothing was"
            " written"
        )
    options = fleet.options(Command.UPGRADE, "heads", x_arguments=extra)
    seen: list[Standing] = []
    for standing in fleet.standings(options, Selection(identifiers=named)):
        if _at_head(standing, history):
            return Compared(standing.target, followed=True)
        seen.append(standing)
    raise ConfigurationError(_nobody(history, tenant, seen))


def _at_head(standing: Standing, history: History) -> bool:
    position = standing.position
    there = position.heads == history.heads and not position.half_done
    return there and standing.refusal is None


def _nobody(history: History, tenant: str | None, seen: list[Standing]) -> str:
    heads = ", ".join(history.heads)
    if tenant is None:
        return (
            f"--autogenerate compares the models with a tenant at head ({heads}), and none of"
            f" {len(seen):,} tenant{'' if len(seen) == 1 else 's'} stands there. `tenancy upgrade`"
            " brings them there, `tenancy current` shows where they stand. Nothing was written"
        )
    position, refusal = seen[0].position, seen[0].refusal
    place = refusal.error if refusal else joined(position.heads) or position.state.value
    return (
        f"--autogenerate compares the models with a tenant at head ({heads}), and {tenant!r} is"
        f" not there: {place}. `tenancy upgrade --tenant {tenant}` brings it there; without"
        " --tenant the first one at head is taken. Nothing was written"
    )
