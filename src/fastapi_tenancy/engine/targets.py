"""From tenants to targets: names are checked, and no two tenants share one by accident."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from fastapi_tenancy.errors import PlacementError, said
from fastapi_tenancy.isolation.protocol import IsolationProvider
from fastapi_tenancy.model.event import Listener, Warned
from fastapi_tenancy.model.plan import Refusal
from fastapi_tenancy.model.target import MISSING, Target, TargetKey
from fastapi_tenancy.model.tenant import IsolationStrategy, Tenant
from fastapi_tenancy.model.url import masked

TenantSource = Callable[[], Iterable[Tenant]]
"""Reads the catalogue; asked again at the end of a run."""


@dataclass(frozen=True, slots=True)
class Resolved:
    """Targets to work on, and tenants that have none."""

    targets: list[Target]
    refusals: list[Refusal]

    def tenants(self) -> Iterator[Tenant]:
        """Every tenant, refused ones too."""
        for target in (*self.targets, *(r.target for r in self.refusals)):
            yield from target.tenants

    def without(self, keys: Collection[TargetKey], tenants: Collection[str]) -> Resolved:
        """What is left without these targets, and the refused without tenants of these ids."""
        return Resolved(
            [t for t in self.targets if t.key not in keys],
            [r for r in self.refusals if r.target.tenant.id not in tenants],
        )


def resolve(isolation: IsolationProvider, tenants: Iterable[Tenant]) -> Resolved:
    """Find each tenant's target; those of row-level security share theirs.

    Tenants that claim another place together are all refused.
    """
    claims: dict[TargetKey, list[Target]] = {}
    refusals: list[Refusal] = []
    for tenant in tenants:
        try:
            target = isolation.target(tenant)
        except PlacementError as error:
            nowhere = Target(tenant.schema_name or "", (tenant,))
            refusals.append(Refusal(nowhere, MISSING, str(error)))
            continue
        own = tenant.isolation_strategy
        if own is not None and own is not target.strategy:
            refusals.append(Refusal(target, MISSING, _contradiction(own, target)))
            continue
        claims.setdefault(target.key, []).append(target)
    targets = []
    for claimants in claims.values():
        if len(claimants) == 1:
            targets.append(claimants[0])
        elif all(t.strategy is IsolationStrategy.RLS for t in claimants):
            targets.append(replace(claimants[0], tenants=tuple(t.tenant for t in claimants)))
        else:
            refusals += _contested(claimants)
    return Resolved(targets, refusals)


def _contradiction(own: IsolationStrategy, target: Target) -> str:
    return (
        f"its isolation_strategy is {own.value!r}, but the fleet's is {target.strategy.value!r};"
        " set isolation_strategy to hybrid in the settings, or take the tenant's own away"
    )


def _contested(claimants: list[Target]) -> Iterator[Refusal]:
    names = ", ".join(repr(t.tenant.identifier) for t in claimants)
    what, setting = (
        ("schema", "schema_name") if claimants[0].schema else ("database", "database_url")
    )
    for target in claimants:
        yield Refusal(
            target,
            MISSING,
            f"the tenants {names} all claim the {what} {target.name!r}; give each one its own"
            f" ({setting}), none of them was touched",
        )


def resolve_again(
    isolation: IsolationProvider, tenants: TenantSource, listener: Listener
) -> Resolved | None:
    """The tenants there are after the work; None when the catalogue cannot be read any more."""
    try:
        return resolve(isolation, tenants())
    except Exception as error:  # whatever it is, the report of what was done must come
        listener(
            Warned(
                "the list of tenants could not be read again, so tenants created or deleted"
                f" during the run are not known: {masked(said(error))}"
            )
        )
        return None
